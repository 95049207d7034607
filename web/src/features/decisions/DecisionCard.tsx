/** What was decided, how sure, and the way to ask why. */
import { Link } from "@tanstack/react-router";
import { CircleHelp } from "lucide-react";
import type { Decision, Recommendation } from "@/api/types";
import { percent, words } from "@/lib/format";
import { Facts, Meter } from "@/ui/Bits";
import { Button } from "@/ui/Button";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";

export function DecisionCard({ decision: d, recommendation: r, onWhy }: { decision: Decision; recommendation: Recommendation | undefined; onWhy: () => void }) {
  return (
    <Panel title="Decision" actions={<Status kind="disposition" value={d.disposition} />}>
      <div className="flex items-center gap-3"><Status kind="verdict" value={d.verdict} /><span className="num ml-auto text-lg font-semibold">{percent(d.confidence.calibrated)}</span><span className="text-xs text-faint">confidence</span></div>
      <Meter value={d.confidence.calibrated} label="Confidence" className="mt-2" />
      <p className="mt-3 text-sm text-soft">{d.summary}</p>
      {d.decided_by && <p className="mt-1 text-sm text-soft">{words(d.disposition)} by <strong className="text-ink">{d.decided_by}</strong>.</p>}
      <Button className="mt-3 w-full" icon={CircleHelp} onClick={onWhy}>Why?</Button>
      {r && (
        <div className="mt-4 border-t pt-3">
          <h3 className="text-xs font-semibold text-faint">Recommendation</h3>
          <p className="mt-1 font-medium">{r.title}</p>
          <p className="text-sm text-soft">{r.reason}</p>
          <Facts className="mt-2" items={[
            ["Runbook", <Link key="r" to="/automation/runbooks/$name" params={{ name: r.runbook }} className="text-accent hover:underline">{r.runbook}</Link>],
            ["Calls", <span key="c" className="font-mono text-xs">{r.actions.join(", ")}</span>],
            ["Touches", `one ${r.blast_radius}${r.deploys ? ", deploys" : ""}`],
          ]} />
        </div>
      )}
    </Panel>
  );
}
