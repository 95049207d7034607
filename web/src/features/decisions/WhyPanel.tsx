/** "Why?": the whole report of a decision. Nothing here is computed again; it is what the engine wrote down when it decided. */
import { Link } from "@tanstack/react-router";
import type { Decision } from "@/api/types";
import { words } from "@/lib/format";
import { asObject, plain } from "@/lib/json";
import { Facts } from "@/ui/Bits";
import { Dialog } from "@/ui/Dialog";
import { Id } from "@/ui/Id";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";
import { Confidence } from "./Confidence";
import { GuardList, RuleTable } from "./Rules";

export function WhyPanel({ decision: d, onClose }: { decision: Decision; onClose: () => void }) {
  const decided = d.rules.find((r) => r.decided);
  const fired = d.guards.filter((g) => g.fired);
  return (
    <Dialog title="Why this decision?" onClose={onClose} className="mr-0 h-dvh max-h-dvh w-[min(46rem,100vw)] rounded-none border-y-0 border-r-0 sm:rounded-l-xl">
      <div className="space-y-6">
        <section aria-label="In short">
          <div className="flex flex-wrap items-center gap-2"><Status kind="verdict" value={d.verdict} /><Status kind="disposition" value={d.disposition} /><span className="text-xs text-faint"><Time at={d.at} as="full" /></span></div>
          <p className="mt-2 text-base">{d.summary}</p>
          <p className="mt-1 text-sm text-soft">
            {decided ? <>Rule <strong className="text-ink">{decided.name}</strong> was the first that held.</> : "No rule held, so a person is called."}
            {fired.length > 0 && <> Then {fired.length === 1 ? "the guard" : "the guards"} <strong className="text-ink">{fired.map((g) => g.name).join(", ")}</strong> made it more careful.</>}
          </p>
        </section>
        <Confidence report={d.confidence} />
        <GuardList items={d.guards} />
        <RuleTable items={d.rules} />
        <section aria-labelledby="why-autonomy">
          <h3 id="why-autonomy" className="mb-2 text-sm font-semibold">Autonomy</h3>
          <p className="flex flex-wrap items-center gap-2 text-sm text-soft"><Status kind="autonomy" value={d.autonomy} />{d.autonomy_reason}</p>
        </section>
        <section aria-labelledby="why-facts">
          <h3 id="why-facts" className="mb-2 text-sm font-semibold">Facts the conditions saw</h3>
          <Facts className="gap-x-8! font-mono text-xs! sm:grid-cols-[auto_1fr_auto_1fr]" items={Object.entries(asObject(d.facts)).map(([k, v]) => [k, plain(v)] as const)} />
        </section>
        <p className="flex flex-wrap items-center gap-x-3 border-t pt-3 text-xs text-faint"><Link to="/automation/policy" className="text-accent hover:underline">Policy {d.policy_version.slice(0, 16)}</Link><span>{words(d.disposition)}{d.decided_by ? ` by ${d.decided_by}` : ""}</span><Id value={d.id} /><Id value={d.correlation_id} /></p>
      </div>
    </Dialog>
  );
}
