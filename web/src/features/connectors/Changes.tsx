/** What changed between two documents, by operation, and the step of the version that it needs. */
import { ArrowRight, Equal } from "lucide-react";
import { useState } from "react";
import type { ConnectorChange, ConnectorDiff } from "@/api/types";
import { count, plural } from "@/lib/format";
import { nextVersion } from "@/lib/semver";
import { Segmented } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";
import { look, Status, toneInk } from "@/ui/Status";

type Go = (side: "old" | "new", at: { line: number; column: number }) => void;
const IMPACTS = ["breaking", "caution", "addition", "documentation"] as const;
const STEPS: Record<string, { title: string; words: string; ink: string }> = {
  major: { title: "Major", words: "Programs that were written against the old package break.", ink: "text-bad" },
  minor: { title: "Minor", words: "Something is new; what was written before goes on working.", ink: "text-ok" },
  patch: { title: "Patch", words: "Only words changed.", ink: "text-ok" },
  none: { title: "None", words: "The two mean the same.", ink: "text-soft" },
};
const SHOWN_MAX = 300;

export function Changes({ diff: d, onGo }: { diff: ConnectorDiff; onGo: Go }) {
  const [impact, setImpact] = useState<"all" | (typeof IMPACTS)[number]>("all");
  const step = STEPS[d.step] ?? { title: d.step, words: "", ink: "text-ink" };
  const next = nextVersion(d.old.version, d.step);
  const of = (i: string) => d.changes.filter((c) => c.impact === i).length;
  const all = d.changes.filter((c) => impact === "all" || c.impact === impact);
  const groups = new Map<string, ConnectorChange[]>();
  for (const c of all.slice(0, SHOWN_MAX)) groups.set(c.operation ?? "", [...(groups.get(c.operation ?? "") ?? []), c]);
  return (
    <Panel flush title="What changed" actions={d.changes.length > 0 && <Segmented label="Which changes" value={impact} options={[["all", `All ${count(d.changes.length)}`], ...IMPACTS.filter((i) => of(i) > 0).map((i) => [i, `${look("compatibility", i).label} ${count(of(i))}`] as const)]} onChange={setImpact} />}>
      <div role="status" className="flex flex-wrap items-center gap-x-6 gap-y-2 px-4 py-3">
        <p><span className="block text-xs text-faint">Step of the version</span><span className={`text-lg font-semibold ${step.ink}`}>{step.title}</span></p>
        {next && <p><span className="block text-xs text-faint">Version</span><span className="num flex items-center gap-1.5 text-lg font-semibold"><span className="text-faint">{d.old.version}</span><ArrowRight aria-label="becomes" className="size-4 text-faint" />{next}</span></p>}
        <p className="min-w-0 flex-1 basis-64 text-sm text-soft">{step.words} {d.old.title === d.new.title ? d.new.title : `${d.old.title}, now ${d.new.title}`}: {count(d.old.operations)} operations before, {count(d.new.operations)} after.</p>
      </div>
      {d.changes.length === 0 ? <Empty icon={Equal} title="Nothing changed">Neither for programs nor for readers.</Empty> : [...groups].map(([operation, changes]) => (
        <section key={operation} aria-label={operation || "The whole API"} className="border-t">
          <h3 className="bg-raised/50 px-4 py-1.5 font-mono text-xs font-medium wrap-anywhere">{operation || "The whole API"}</h3>
          <ul>{changes.map((c, i) => <Row key={i} change={c} onGo={onGo} />)}</ul>
        </section>
      ))}
      {all.length > SHOWN_MAX && <p className="border-t px-4 py-3 text-sm text-faint">{plural(all.length - SHOWN_MAX, "more change", "more changes")}; the command below tells all of them.</p>}
    </Panel>
  );
}

function Row({ change: c, onGo }: { change: ConnectorChange; onGo: Go }) {
  const place = (side: "old" | "new", at: ConnectorChange["old"]) => at && <button type="button" className="num min-h-6 font-mono text-xs text-accent hover:underline" onClick={() => { onGo(side, at); }} aria-label={`${side === "old" ? "Before" : "After"}: line ${String(at.line)}`}>{side} {at.line}:{at.column}</button>;
  return (
    <li className="grid gap-x-4 gap-y-0.5 border-t px-4 py-2 first:border-t-0 sm:grid-cols-[7rem_minmax(0,1fr)_auto]">
      <span className={toneInk(look("compatibility", c.impact).tone)}><Status kind="compatibility" value={c.impact} quiet /></span>
      <span className="min-w-0 text-sm wrap-anywhere">{c.message} <span className="ml-1 font-mono text-xs text-faint">{c.code}</span>{c.place && <span className="block text-xs text-faint">{c.place}</span>}</span>
      <span className="flex gap-3">{place("old", c.old)}{place("new", c.new)}</span>
    </li>
  );
}
