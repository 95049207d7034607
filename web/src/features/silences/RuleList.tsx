/** Triage rules in force, by kind, as written in files. */
import { FileCog } from "lucide-react";
import type { TriageKind, TriageView } from "@/api/types";
import { groupBy } from "@/lib/group";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";
import { Status } from "@/ui/Status";

const MEANS: Record<TriageKind, string> = {
  mute: "these findings open no incident", inhibit: "these open none while something else fires", group: "these belong together", separate: "these stay apart", priority: "what comes first: the first that holds",
};

export function RuleList({ triage: { rules, version } }: { triage: TriageView }) {
  return (
    <Panel flush title="Rules in force" hint={rules.length > 0 ? `beside the learned grouping · version ${version.slice(0, 19)}` : undefined}>
      {rules.length === 0 ? <Empty icon={FileCog} title="No rule is set">Findings are grouped by what was learned, by calls, time and changes. Name your files in <code className="font-mono text-xs">rules.triage</code> of the configuration to say more.</Empty> : groupBy(rules, (r) => r.kind).map(([kind, items]) => (
        <section key={kind} aria-label={`Rules: ${kind}`} className="border-b last:border-b-0">
          <h3 className="flex items-center gap-2 px-4 pt-3 text-xs text-faint"><Status kind="triage" value={kind} />{MEANS[kind as TriageKind]}</h3>
          <ol>
            {items.map((r) => (
              <li key={r.name} className="px-4 py-2">
                <p className="text-sm font-medium">{r.name}</p>
                {r.why && <p className="text-sm text-soft">{r.why}</p>}
                <code className="block font-mono text-xs text-soft wrap-anywhere">{r.condition}</code>
              </li>
            ))}
          </ol>
        </section>
      ))}
    </Panel>
  );
}
