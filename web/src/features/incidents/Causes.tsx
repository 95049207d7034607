/** Ranked hypotheses: how probable, where the number comes from, what speaks for it. */
import { Link } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import type { Cause, Incident } from "@/api/types";
import { percent, plural, tie, words } from "@/lib/format";
import { Meter } from "@/ui/Bits";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

const PARTS = ["structure", "deviation", "timing", "change", "history"] as const;
const MEANS: Record<(typeof PARTS)[number], string> = {
  structure: "It explains the symptoms of its callers", deviation: "How abnormal it is", timing: "It moved first", change: "It was changed just before", history: "Incidents that looked alike had this cause",
};

/** What kind of fault: the class says more precisely what to do about it. */
const FAULT: Record<NonNullable<Cause["fault"]>, string> = { resource: "something is used up", latency: "answers take long", error: "requests fail", crash: "it ended or answers no more", change: "a change brought it", dependency: "it lies behind what can be seen", traffic: "more is asked than usual", unknown: "" };

export function Causes({ incident, onEvidence }: { incident: Incident; onEvidence: (id: string) => void }) {
  const { causes, conclusive, evidence } = incident;
  return (
    <Panel flush title="Probable causes" hint={causes.length > 0 ? (conclusive ? "ranked by structure, deviation, timing, change and history" : "inconclusive: no cause stands out") : undefined}>
      {causes.length === 0 ? <Empty icon={SearchX} title="The diagnosis is under way">Causes show as soon as enough signals agree; mostly within a second.</Empty> : (
        <ol>{causes.map((c) => <CauseItem key={c.id} cause={c} lead={c.rank === 1} evidence={evidence.filter((e) => c.evidence.includes(e.id)).map((e) => e.id)} onEvidence={onEvidence} />)}</ol>
      )}
    </Panel>
  );
}

function CauseItem({ cause: c, lead, evidence, onEvidence }: { cause: Cause; lead: boolean; evidence: string[]; onEvidence: (id: string) => void }) {
  return (
    <li className="border-b px-4 py-3 last:border-b-0">
      <div className="grid grid-cols-[1fr_auto] items-baseline gap-x-3">
        <p className={lead ? "font-semibold" : "text-soft"}><span className="num text-faint">{c.rank}. </span>{tie(c.title)}</p>
        <p className={`num ${lead ? "text-lg font-semibold" : "text-sm text-soft"}`}>{percent(c.probability)}</p>
      </div>
      <Meter value={c.probability} label="Probability" tone={lead ? "accent" : "neutral"} className="my-2" />
      <p className="flex flex-wrap items-center gap-x-3 text-xs text-faint">
        <span>{words(c.class)}{c.fault && c.fault !== "unknown" && ` · ${FAULT[c.fault]}`}</span>
        <Link to="/systems/$name" params={{ name: c.service }} search={{}} className="text-accent hover:underline">{c.service}</Link>
        {c.instance && <span>{c.instance}</span>}
        {evidence[0] !== undefined && <button type="button" onClick={() => { onEvidence(evidence[0] ?? ""); }} className="min-h-6 font-medium text-accent hover:underline">{plural(evidence.length, "piece")} of evidence</button>}
      </p>
      <details className="mt-1 text-xs" open={lead}>
        <summary className="min-h-6 w-fit py-1 text-faint hover:text-ink">Where the number comes from</summary>
        <dl className="mt-1 grid gap-x-6 gap-y-1.5 sm:grid-cols-2">
          {PARTS.map((part) => (
            <div key={part} className="grid grid-cols-[4.5rem_1fr_2.25rem] items-center gap-2" title={MEANS[part]}>
              <dt className="text-soft">{words(part)}</dt>
              <dd><Meter value={c.scores[part]} label={MEANS[part]} tone="neutral" /></dd>
              <dd className="num text-right text-soft">{c.scores[part].toFixed(2)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </li>
  );
}
