/** The journal of a run, and a way to see the run as it was after any of its records. */
import { useInfiniteQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { ChevronFirst, ChevronLast, ChevronLeft, ChevronRight, Radio } from "lucide-react";
import { useState } from "react";
import { journalQuery } from "@/api/queries";
import type { JournalRecord, RunView } from "@/api/workflow-types";
import { plural, words } from "@/lib/format";
import { Button, IconButton } from "@/ui/Button";
import { JsonTree } from "@/ui/JsonTree";
import { Panel } from "@/ui/Panel";
import { Empty, ErrorView, Skeleton } from "@/ui/States";
import { Time } from "@/ui/Time";
import { VirtualList } from "@/ui/VirtualList";

const ROW = 32;

export function TimeTravel({ run, at, onAt }: { run: RunView; at: number | undefined; onAt: (at: number | undefined) => void }) {
  const journal = useInfiniteQuery({ ...journalQuery(run.id), throwOnError: false });
  const [open, setOpen] = useState(false);
  const records = journal.data?.pages.flatMap((p) => p.items) ?? [];
  const first = records[0]?.sequence ?? 0;
  const last = first + Math.max(0, Math.max(run.records, records.length) - 1);
  const current = Math.min(last, Math.max(first, at ?? last));
  const record = records.find((r) => r.sequence === current);
  const go = (to: number) => { onAt(to >= last ? undefined : Math.max(first, to)); };
  return (
    <Panel flush title="Journal" hint={`${plural(run.records, "record")}: what happened, in order; the run is what follows from it`}
      actions={at !== undefined ? <Button small icon={Radio} onClick={() => { onAt(undefined); }}>Back to now</Button> : undefined}>
      {journal.error ? <div className="p-4"><ErrorView error={journal.error} retry={() => void journal.refetch()} /></div>
        : journal.isPending ? <Skeleton className="m-4 h-32" />
        : records.length === 0 ? <Empty title="Nothing is written yet">The first record is made when the run is accepted.</Empty> : (
          <>
            <div className="flex flex-wrap items-center gap-x-2 border-b px-3 py-1.5">
              <span className="flex"><IconButton label="First record" icon={ChevronFirst} onClick={() => { go(first); }} /><IconButton label="Record before" icon={ChevronLeft} onClick={() => { go(current - 1); }} /></span>
              <input type="range" aria-label="Look at the run after record" aria-valuetext={record ? `record ${String(current)}: ${record.summary}` : `record ${String(current)}`} min={first} max={last} value={current} onChange={(e) => { go(Number(e.target.value)); }} className="h-6 min-w-24 flex-1 accent-accent-solid" />
              <span className="flex"><IconButton label="Next record" icon={ChevronRight} onClick={() => { go(current + 1); }} /><IconButton label="Newest record" icon={ChevronLast} onClick={() => { go(last); }} /></span>
              <span className="num text-xs text-soft">{current} of {last}</span>
            </div>
            <VirtualList label="Journal" items={records} rowHeight={ROW} maxRows={10} focus={records.findIndex((r) => r.sequence === current)} render={(r) => <RecordRow key={r.sequence} record={r} state={r.sequence === current ? "here" : r.sequence < current ? "past" : "ahead"} onGo={() => { go(r.sequence); }} />} />
            {journal.hasNextPage && <div className="border-t p-2 text-center"><Button small busy={journal.isFetchingNextPage} onClick={() => void journal.fetchNextPage()}>Show more records</Button></div>}
            {record && (
              <details open={open} onToggle={(e) => { setOpen(e.currentTarget.open); }} className="border-t px-4 py-2">
                <summary className="min-h-6 text-xs font-medium text-soft">Record {record.sequence} as written</summary>
                <div className="py-2"><JsonTree key={record.sequence} label={`Record ${String(record.sequence)}`} value={record.body} /></div>
              </details>
            )}
          </>
        )}
    </Panel>
  );
}

function RecordRow({ record: r, state, onGo }: { record: JournalRecord; state: "here" | "past" | "ahead"; onGo: () => void }) {
  return (
    <button type="button" aria-current={state === "here" ? "step" : undefined} onClick={onGo} style={{ height: ROW }} className={clsx("grid w-full grid-cols-[2.5rem_auto_minmax(0,1fr)] items-center gap-x-3 px-4 text-left text-sm focus-visible:-outline-offset-2 sm:grid-cols-[2.5rem_auto_9.5rem_minmax(0,1fr)]", state === "here" ? "bg-accent-soft" : "hover:bg-raised/60", state === "ahead" ? "text-faint" : "text-ink")}>
      <span className="num text-xs text-faint">{r.sequence}</span>
      <Time at={r.at} as="clock-ms" className="font-mono text-xs text-faint" />
      <span className="hidden truncate text-xs text-soft sm:block">{words(r.type)}</span>
      <span className="truncate">{r.summary}</span>
    </button>
  );
}
