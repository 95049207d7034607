/** The steps of a run over time: a row a task, a bar an attempt; waiting is striped, undoing points back. */
import clsx from "clsx";
import { ChevronsLeftRight, Undo2 } from "lucide-react";
import { useMemo } from "react";
import type { RunDetail } from "@/api/types";
import { useNow } from "@/lib/clock";
import { words } from "@/lib/format";
import { ganttRows, ganttScale, passive, type Bar, type GanttRow, type Scale } from "@/lib/gantt";
import { clock, duration, toMs } from "@/lib/time";
import { look, Status, type Tone } from "@/ui/Status";

type Props = { run: RunDetail; until: number | null; open: number | undefined; onOpen: (n: number | undefined) => void };

const FILL: Record<Tone, string> = { ok: "bg-ok", warn: "bg-warn", bad: "bg-bad", accent: "bg-accent", neutral: "bg-line-strong" };
/** On a phone the bars stand below the name, over the whole width. */
const GRID = "grid sm:grid-cols-[15rem_minmax(0,1fr)]";
const pct = (share: number) => `${String(share * 100)}%`;

/** `until`: the instant that is looked at; none for now. */
export function RunGantt({ run, until, open, onOpen }: Props) {
  const now = useNow();
  const from = toMs(run.started_at);
  const end = until ?? (run.ended_at ? toMs(run.ended_at) : Math.max(now, from + 1));
  const { rows, scale } = useMemo(() => ({ rows: ganttRows(run.steps, end), scale: ganttScale(run.steps, from, end) }), [run.steps, from, end]);
  if (rows.length === 0) return <p className="p-4 text-sm text-soft">The first step is about to start.</p>;
  return (
    <div className="overflow-hidden">
      <div aria-hidden className={`${GRID} border-b`}>
        <span className="hidden px-4 py-1.5 text-xs font-medium text-faint sm:block">Step</span>
        <div className="relative mr-4 h-7 max-sm:ml-4">{scale.ticks.map((t) => <span key={t.at} className="num absolute top-1.5 border-l pl-1 text-[10px] whitespace-nowrap text-faint max-sm:even:hidden" style={{ left: pct(t.left) }}>{t.at === 0 ? clock(from) : `+${duration(t.at)}`}</span>)}</div>
      </div>
      <ol aria-label="Steps over time">
        {rows.map((row) => <Row key={row.key} row={row} scale={scale} open={open} onOpen={onOpen} />)}
      </ol>
      {scale.breaks.length > 0 && <p className="flex items-center gap-1.5 border-t px-4 py-2 text-xs text-faint"><ChevronsLeftRight aria-hidden className="size-3.5" />{scale.breaks.map((b) => duration(b.to - b.from)).join(", ")} of waiting {scale.breaks.length > 1 ? "are" : "is"} drawn short.</p>}
    </div>
  );
}

function Row({ row, scale, open, onOpen }: { row: GanttRow; scale: Scale; open: number | undefined; onOpen: Props["onOpen"] }) {
  const newest = row.bars.at(-1);
  if (!newest) return null;
  const chosen = row.bars.find((b) => b.step.n === open);
  const tries = newest.step.attempt;
  return (
    <li data-step={row.path} className={clsx(GRID, "log-row border-b last:border-b-0", chosen ? "bg-accent-soft/60" : "hover:bg-raised/60")}>
      <button type="button" aria-expanded={Boolean(chosen)} onClick={() => { onOpen(chosen ? undefined : newest.step.n); }} className="flex min-w-0 items-center gap-2 py-1.5 pr-2 text-left" style={{ paddingLeft: 16 + Math.min(row.depth, 5) * 14 }}>
        <Status kind="step" value={newest.step.status} iconOnly />
        <span className="min-w-0">
          <span className="flex items-center gap-1.5 text-sm leading-5 font-medium"><span className="truncate">{words(row.name)}</span>{row.compensation && <span className="shrink-0 rounded bg-warn-soft px-1 text-[11px] text-warn">undoes</span>}{tries > 1 && !row.group && <span className="shrink-0 rounded bg-warn-soft px-1 text-[11px] text-warn"><span className="sr-only">attempt </span>×{tries}</span>}</span>
          <span className="block truncate font-mono text-[11px] leading-4 text-faint">{row.call ?? row.kind}{row.bars.length > tries ? ` · ${String(row.bars.length)} times` : ""}</span>
        </span>
      </button>
      <div className="relative mr-4 min-h-6 max-sm:mb-1.5 max-sm:ml-4 sm:min-h-9">
        {scale.ticks.map((t) => <span key={t.at} aria-hidden className="absolute inset-y-0 border-l border-line/70" style={{ left: pct(t.left) }} />)}
        {scale.breaks.map((b) => <span key={b.from} aria-hidden className="break absolute inset-y-0" style={{ left: pct(b.left), width: pct(b.width) }} />)}
        {row.bars.map((bar) => <BarView key={bar.step.n} bar={bar} row={row} scale={scale} chosen={bar.step.n === open} onOpen={onOpen} />)}
      </div>
    </li>
  );
}

function BarView({ bar, row, scale, chosen, onOpen }: { bar: Bar; row: GanttRow; scale: Scale; chosen: boolean; onOpen: Props["onOpen"] }) {
  const { step } = bar;
  const [left, right] = [scale.at(bar.from), scale.at(bar.to)];
  const { tone } = look("step", step.status);
  const took = duration(bar.to - bar.from);
  const said = `${words(step.name)}${step.attempt > 1 ? `, attempt ${String(step.attempt)}` : ""}: ${look("step", step.status).label.toLowerCase()}, ${bar.live ? `${took} so far` : took}`;
  return (
    <>
      {bar.waitedSince !== null && <span aria-hidden title={`${duration(bar.from - bar.waitedSince)} until attempt ${String(step.attempt)}`} className="absolute top-1/2 h-px border-t border-dashed border-warn" style={{ left: pct(scale.at(bar.waitedSince)), width: pct(left - scale.at(bar.waitedSince)) }} />}
      {/* The row's own button serves the keyboard; a bar is for the pointer, and for the attempts before the newest. */}
      <button type="button" tabIndex={-1} aria-label={said} title={said} onClick={() => { onOpen(chosen ? undefined : step.n); }} className="absolute inset-y-0 flex min-h-6 items-center" style={{ left: pct(left), width: `max(${pct(right - left)}, 6px)` }}>
        <span className={clsx("relative block w-full overflow-hidden", row.group ? "h-1.5 rounded-full opacity-60" : "h-4 rounded-[4px]", FILL[tone], passive(step) && "striped", bar.live && "pulse", step.revised && "opacity-45", chosen && "ring-2 ring-accent ring-offset-1 ring-offset-panel")}>
          {row.compensation && <Undo2 aria-hidden className="absolute top-0.5 left-0.5 size-3 text-panel" />}
        </span>
      </button>
      {!row.group && bar === row.bars.at(-1) && <span aria-hidden className="num pointer-events-none absolute inset-y-0 flex items-center text-[11px] whitespace-nowrap text-soft" style={right > 0.82 ? { right: `calc(${pct(1 - left)} + 6px)` } : { left: `calc(max(${pct(right)}, ${pct(left)} + 6px) + 6px)` }}>{took}</span>}
    </>
  );
}
