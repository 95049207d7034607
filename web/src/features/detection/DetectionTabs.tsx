/** The sides of detection: what it says and how well, and what people keep quiet or put together. */
import { Link } from "@tanstack/react-router";

const TABS = [["/detection", "Quality"], ["/detection/objectives", "Objectives"], ["/detection/silences", "Silences and rules"]] as const;

export function DetectionTabs() {
  return (
    <nav aria-label="Detection" className="mb-5 flex gap-5 overflow-x-auto border-b">
      {TABS.map(([to, title]) => (
        <Link key={to} to={to} search={{}} activeOptions={{ exact: true, includeSearch: false }} className="flex h-10 shrink-0 items-center border-b-2 border-transparent text-sm font-medium text-soft hover:text-ink focus-visible:-outline-offset-2" activeProps={{ className: "border-accent! text-ink!", "aria-current": "page" }}>{title}</Link>
      ))}
    </nav>
  );
}
