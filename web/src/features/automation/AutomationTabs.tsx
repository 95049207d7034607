/** The three sides of automation: what ran, what can run, what is allowed. */
import { Link } from "@tanstack/react-router";

const TABS = [["/automation/runs", "Runs"], ["/automation/runbooks", "Runbooks"], ["/automation/policy", "Policy"]] as const;

export function AutomationTabs() {
  return (
    <nav aria-label="Automation" className="mb-5 flex gap-5 border-b">
      {TABS.map(([to, title]) => <Link key={to} to={to} className="-mb-px flex h-10 items-center border-b-2 border-transparent text-sm font-medium text-soft hover:text-ink" activeProps={{ className: "border-accent! text-ink!", "aria-current": "page" }}>{title}</Link>)}
    </nav>
  );
}
