/** Who is needed comes first; then what is being worked on; then what is over. */
import { Link } from "@tanstack/react-router";
import { CheckCheck, ShieldCheck } from "lucide-react";
import type { IncidentSummary } from "@/api/types";
import { groupIncidents } from "@/lib/group";
import { buttonClass } from "@/ui/Button";
import { IncidentRow } from "@/ui/IncidentRow";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

export function IncidentLists({ items, simulated }: { items: readonly IncidentSummary[]; simulated: boolean }) {
  const { needsPerson, working, resolved } = groupIncidents(items);
  const list = (rows: readonly IncidentSummary[]) => <ul>{rows.map((i) => <IncidentRow key={i.id} incident={i} />)}</ul>;
  return (
    <div className="space-y-5">
      <Panel flush title="Needs a person" hint={needsPerson.length > 0 ? "automation stopped here on purpose" : undefined}>
        {needsPerson.length > 0 ? list(needsPerson) : <p className="flex items-center gap-2 px-4 py-3 text-sm text-soft"><CheckCheck aria-hidden className="size-4 text-ok" />Nothing waits for you.</p>}
      </Panel>
      <Panel flush title="Open" hint="being worked on" actions={<Link to="/incidents" search={{ status: "active" }} className="inline-flex min-h-6 items-center text-xs font-medium text-accent hover:underline">All open</Link>}>
        {working.length > 0 ? list(working) : (
          <Empty icon={ShieldCheck} title="No open incident" action={simulated ? <Link to="/faults" className={buttonClass("primary")}>Inject a fault</Link> : undefined}>
            {simulated ? "This is a demo shop of real processes. Break one and watch it being found, explained, repaired and verified." : "When signals leave their learned bands, the findings are grouped here with their probable causes."}
          </Empty>
        )}
      </Panel>
      {resolved.length > 0 && <Panel flush title="Lately resolved" actions={<Link to="/incidents" search={{ status: "resolved" }} className="inline-flex min-h-6 items-center text-xs font-medium text-accent hover:underline">All resolved</Link>}>{list(resolved.slice(0, 6))}</Panel>}
    </div>
  );
}
