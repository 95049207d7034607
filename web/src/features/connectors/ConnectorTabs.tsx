/** The two things one does with documents: make packages of them, and see what changed between two. */
import { Link } from "@tanstack/react-router";
import clsx from "clsx";

const TABS = [["/connectors", "Packages"], ["/connectors/compare", "Compare documents"]] as const;

/** A package is on the side of packages, wherever it is opened from. */
export function ConnectorTabs({ at }: { at: (typeof TABS)[number][0] }) {
  return (
    <nav aria-label="Connectors" className="mb-5 flex gap-5 overflow-x-auto border-b">
      {TABS.map(([to, title]) => (
        <Link key={to} to={to} search={{}} activeOptions={{ exact: true, includeSearch: true }} aria-current={to === at ? "page" : undefined} className={clsx("flex h-10 shrink-0 items-center border-b-2 text-sm font-medium hover:text-ink focus-visible:-outline-offset-2", to === at ? "border-accent text-ink" : "border-transparent text-soft")}>{title}</Link>
      ))}
    </nav>
  );
}
