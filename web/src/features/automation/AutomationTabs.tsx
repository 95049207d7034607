/** The sides of automation: what ran, who is asked, what can run and when, what is known, what is allowed. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { pendingApprovalsQuery } from "@/api/queries";

const TABS = [["/automation/runs", "Runs"], ["/automation/approvals", "Approvals"], ["/automation/workflows", "Workflows"], ["/automation/schedules", "Schedules"], ["/automation/runbooks", "Runbooks"], ["/automation/policy", "Policy"]] as const;

export function AutomationTabs() {
  const { data } = useQuery({ ...pendingApprovalsQuery, throwOnError: false });
  const pending = data?.length ?? 0;
  return (
    // A bar that scrolls on a phone cuts what hangs below its edge: the line is drawn inside.
    <nav aria-label="Automation" className="mb-5 flex gap-5 overflow-x-auto border-b">
      {TABS.map(([to, title]) => (
        <Link key={to} to={to} className="flex h-10 shrink-0 items-center gap-1.5 border-b-2 border-transparent text-sm font-medium text-soft hover:text-ink focus-visible:-outline-offset-2" activeProps={{ className: "border-accent! text-ink!", "aria-current": "page" }}>
          {title}
          {title === "Approvals" && pending > 0 && <span className="num rounded-full bg-accent-soft px-1.5 text-xs font-semibold text-accent">{pending}<span className="sr-only"> pending</span></span>}
        </Link>
      ))}
    </nav>
  );
}
