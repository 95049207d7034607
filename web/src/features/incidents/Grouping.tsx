/** What belongs to the incident, each with why; and the means to say that something belongs elsewhere. */
import { GitMerge, MoveRight, Split } from "lucide-react";
import { useState, type ReactNode } from "react";
import type { AllowedAction, FindingView, Incident } from "@/api/types";
import { reasonsOf } from "@/lib/regroup";
import { Button } from "@/ui/Button";
import { Panel } from "@/ui/Panel";
import { FindingRow, firingHint } from "./Findings";
import { RegroupDialog, type Deed } from "./RegroupDialog";

type Props = { incident: Incident; findings: readonly FindingView[]; /** `merge` and `split`, as the API allows them. */ allowed: readonly AllowedAction[]; actions: (item: FindingView) => ReactNode };

export function Grouping({ incident, findings, allowed, actions }: Props) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [deed, setDeed] = useState<Deed | null>(null);
  const why = reasonsOf(incident);
  const picked = findings.filter((f) => chosen.has(f.id));
  const refusal = (name: string) => { const a = allowed.find((x) => x.name === name); return a && !a.allowed ? (a.reason ?? "not allowed now") : null; };
  const none = picked.length === 0 ? "choose findings first" : null;
  const toggle = (id: string) => { setChosen((old) => { const next = new Set(old); if (!next.delete(id)) next.add(id); return next; }); };
  const merge = allowed.some((a) => a.name === "merge");
  return (
    <Panel flush title="Findings and why they are here" hint={firingHint(findings)} actions={merge && <Button small icon={GitMerge} disabledReason={refusal("merge")} onClick={() => { setDeed("merge"); }}>Merge into another</Button>}>
      {merge && (
        <div role="toolbar" aria-label="With the chosen findings" className="flex min-h-10 flex-wrap items-center gap-2 border-b px-4 py-1.5">
          <span role="status" className={picked.length > 0 ? "text-sm font-medium" : "text-sm text-faint"}>{picked.length > 0 ? `${String(picked.length)} chosen` : "Does one not belong here? Choose it."}</span>
          <span className="ml-auto flex flex-wrap gap-2">
            <Button small icon={Split} disabledReason={refusal("split") ?? none ?? (picked.length === findings.length ? "these are all: leave one, or merge the incident" : null)} onClick={() => { setDeed("split"); }}>Split off</Button>
            {/* What may be taken out by merging may be taken out by moving. */}
            <Button small icon={MoveRight} disabledReason={refusal("merge") ?? none} onClick={() => { setDeed("move"); }}>Move to another</Button>
          </span>
        </div>
      )}
      <ul>
        {findings.map((f) => (
          <FindingRow key={f.id} finding={f} actions={actions(f)} why={why.get(f.id)} chosen={chosen.has(f.id)}
            box={merge && <label className="-m-1.5 flex size-7 cursor-pointer items-center justify-center"><input type="checkbox" aria-label={`Choose: ${f.summary}`} checked={chosen.has(f.id)} onChange={() => { toggle(f.id); }} className="size-4 accent-accent-solid" /></label>} />
        ))}
      </ul>
      {deed && <RegroupDialog deed={deed} incident={incident} findings={picked} onClose={() => { setDeed(null); }} onDone={() => { setChosen(new Set()); }} />}
    </Panel>
  );
}
