/** Runs as rows: what, why, where it stands, how far it got; chosen by a box each. */
import { Link } from "@tanstack/react-router";
import { Check, Hourglass, X } from "lucide-react";
import type { RunItem } from "@/api/types";
import { useNow } from "@/lib/clock";
import { shortId, words } from "@/lib/format";
import { purposeWords, standsStill, workflowTitle } from "@/lib/purpose";
import { duration, toMs } from "@/lib/time";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

type Props = { items: readonly RunItem[]; chosen: ReadonlySet<string>; all: boolean; onChoose: (id: string, range: boolean) => void };

const COLUMNS = "grid-cols-[1.75rem_minmax(0,1fr)_auto] lg:grid-cols-[1.75rem_minmax(0,1.5fr)_6.5rem_minmax(0,1.6fr)_5.5rem_5.5rem_7.5rem]";

export function RunTable({ items, chosen, all, onChoose }: Props) {
  return (
    <>
      <div aria-hidden className={`hidden items-center gap-x-3 border-b px-4 py-1.5 text-xs font-medium text-faint lg:grid ${COLUMNS}`}><span /><span>Workflow</span><span>Service</span><span>Progress</span><span>Started</span><span>Took</span><span>Status</span></div>
      <ul aria-label="Runs">{items.map((r) => <Row key={r.id} run={r} chosen={all || chosen.has(r.id)} locked={all} onChoose={onChoose} />)}</ul>
    </>
  );
}

function Row({ run: r, chosen, locked, onChoose }: { run: RunItem; chosen: boolean; locked: boolean; onChoose: Props["onChoose"] }) {
  const now = useNow();
  const took = duration((r.ended_at ? toMs(r.ended_at) : Math.max(now, toMs(r.started_at))) - toMs(r.started_at));
  return (
    <li data-row data-run={r.id} className={`relative grid items-center gap-x-3 gap-y-1 border-b px-4 py-2 last:border-b-0 hover:bg-raised/60 ${COLUMNS} ${chosen ? "bg-accent-soft/50" : ""}`}>
      {/* The shift key is what a click says besides being one. */}
      <label className="relative z-10 -m-1.5 flex size-7 cursor-pointer items-center justify-center self-start lg:self-center">
        <input type="checkbox" aria-label={`Choose ${r.workflow} ${shortId(r.id)}`} checked={chosen} disabled={locked} onChange={(e) => { onChoose(r.id, (e.nativeEvent as MouseEvent).shiftKey); }} className="size-4 accent-accent-solid" />
      </label>
      <span className="min-w-0">
        <Link to="/automation/runs/$id" params={{ id: r.id }} search={{}} className="text-sm font-medium before:absolute before:inset-0 focus-visible:outline-none focus-visible:before:outline-2 focus-visible:before:-outline-offset-2 focus-visible:before:outline-accent">{workflowTitle(r.workflow)}</Link>
        <span className="block truncate text-xs text-faint">{purposeWords(r.purpose)} · <span className="font-mono">{shortId(r.id)}</span></span>
      </span>
      <span className="hidden truncate text-sm text-soft lg:block">{r.service ?? "–"}</span>
      <span className="order-last col-span-2 col-start-2 min-w-0 lg:order-none lg:col-span-1 lg:col-start-auto"><Progress run={r} /></span>
      <span className="num hidden text-xs text-soft lg:block"><Time at={r.started_at} /></span>
      <span className="num hidden text-xs text-soft lg:block">{took}</span>
      <span className="self-start text-right lg:self-center lg:text-left"><Status kind="run" value={r.status} /></span>
      <span className="num order-last col-span-2 col-start-2 text-xs text-faint lg:hidden">{r.service ? `${r.service} · ` : ""}<Time at={r.started_at} /> · {took}</span>
    </li>
  );
}

/** Done and failed steps, and what is going on or went wrong. */
function Progress({ run: r }: { run: RunItem }) {
  const still = standsStill(r);
  const text = still ?? r.error ?? (r.ended_at || !r.current_step ? null : words(r.current_step));
  return (
    <span className="flex min-w-0 items-center gap-2.5 text-xs">
      <span className="num flex shrink-0 items-center gap-0.5 text-soft"><Check aria-hidden className="size-3.5 text-ok" />{r.steps_done}<span className="sr-only"> steps done</span></span>
      {r.steps_failed > 0 && <span className="num flex shrink-0 items-center gap-0.5 text-bad"><X aria-hidden className="size-3.5" />{r.steps_failed}<span className="sr-only"> steps failed</span></span>}
      {text && <span className={`flex min-w-0 items-center gap-1 ${r.error ? "text-bad" : "text-faint"}`} title={text}>{still && <Hourglass aria-hidden className="size-3 shrink-0" />}<span className="truncate">{text}</span></span>}
    </span>
  );
}
