/** What speaks for the causes. Each piece opens to what was really seen. */
import clsx from "clsx";
import { BellRing, ChartLine, ChevronRight, GitCommitHorizontal, Goal, HeartPulse, History, ListOrdered, ScrollText, Share2, SquareTerminal, type LucideIcon } from "lucide-react";
import { useEffect, useRef } from "react";
import type { Evidence, EvidenceBody, Incident, Run } from "@/api/types";
import { otherEvidence } from "@/lib/evidence";
import { plural, tie } from "@/lib/format";
import { bringIntoView } from "@/lib/scroll";
import { Panel } from "@/ui/Panel";
import { EvidenceCharts } from "./EvidenceCharts";
import { EvidenceContent } from "./EvidenceContent";

const ICON: Record<EvidenceBody["type"], LucideIcon> = { metric: ChartLine, logs: ScrollText, change: GitCommitHorizontal, structure: Share2, timing: ListOrdered, probe: HeartPulse, process: SquareTerminal, past_incident: History, alert: BellRing, objective: Goal };

type Props = { incident: Incident; runs: readonly Run[]; open: string | undefined; onOpen: (id: string | undefined) => void };

export function EvidenceList({ incident, runs, open, onOpen }: Props) {
  const pieces = otherEvidence(incident.evidence);
  const charts = incident.evidence.some((e) => e.body.type === "metric");
  // Without a chart the first piece is open until the person chooses: a page of closed boxes teaches nothing.
  const shown = open ?? (charts ? undefined : pieces[0]?.id);
  if (!charts && pieces.length === 0) return null;
  return (
    <Panel flush title="Evidence" hint={plural(incident.evidence.length, "piece")}>
      <EvidenceCharts incident={incident} runs={runs} open={open} />
      <ul aria-label="Other evidence">{pieces.map((e) => <Piece key={e.id} piece={e} incident={incident} open={shown === e.id} chosen={open === e.id} onToggle={() => { onOpen(shown === e.id ? "none" : e.id); }} />)}</ul>
    </Panel>
  );
}

function Piece({ piece, incident, open, chosen, onToggle }: { piece: Evidence; incident: Incident; open: boolean; chosen: boolean; onToggle: () => void }) {
  const Icon = ICON[piece.body.type];
  const ref = useRef<HTMLLIElement>(null);
  useEffect(() => { if (chosen && ref.current) bringIntoView(ref.current); }, [chosen]);
  return (
    <li ref={ref} className="border-b last:border-b-0">
      <h3>
        <button type="button" aria-expanded={open} onClick={onToggle} className="flex min-h-10 w-full items-center gap-2.5 px-4 py-2 text-left text-sm hover:bg-raised/60">
          <ChevronRight aria-hidden className={clsx("size-3.5 shrink-0 text-faint transition-transform", open && "rotate-90")} />
          <Icon aria-hidden className="size-4 shrink-0 text-soft" />
          <span className="min-w-0 flex-1 wrap-anywhere">{tie(piece.title)}</span>
          <span className="shrink-0 text-xs text-faint">{piece.service}</span>
        </button>
      </h3>
      {open && <div className="px-4 pb-4 sm:pl-14"><EvidenceContent piece={piece} incident={incident} /></div>}
    </li>
  );
}
