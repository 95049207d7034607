/** The journal of a run, and a way to see the run as it was after any of its records. */
import { useInfiniteQuery } from "@tanstack/react-query";
import clsx from "clsx";
import type { CSSProperties } from "react";
import { ChevronFirst, ChevronLast, ChevronLeft, ChevronRight, Radio } from "lucide-react";
import { journalQuery } from "@/api/queries";
import type { JournalItem, RunDetail } from "@/api/types";
import { words } from "@/lib/format";
import { withClock } from "@/lib/time";
import { Button, IconButton } from "@/ui/Button";
import { JsonTree } from "@/ui/JsonTree";
import { Panel } from "@/ui/Panel";
import { Empty, ErrorView, Skeleton } from "@/ui/States";
import { Time } from "@/ui/Time";
import { VirtualList } from "@/ui/VirtualList";

const ROW = 32;

export function TimeTravel({ run, at, onAt }: { run: RunDetail; at: number | undefined; onAt: (at: number | undefined) => void }) {
  const journal = useInfiniteQuery({ ...journalQuery(run.id), throwOnError: false });
  const records = journal.data?.pages.flatMap((p) => p.items) ?? [];
  const newest = records.length - 1;
  // Not every number is the number of a record that says something: the one at or before it counts.
  const current = at === undefined ? newest : Math.max(0, records.findLastIndex((r) => r.sequence <= at));
  const record = records[current];
  /** The newest of all records is now; the newest of those that are loaded may be long ago. */
  const go = (to: number) => { onAt(to >= newest && !journal.hasNextPage ? undefined : records[Math.min(newest, Math.max(0, to))]?.sequence); };
  return (
    <Panel flush title="Journal" hint="what happened, in order; the run is what follows from it"
      actions={at !== undefined ? <Button small icon={Radio} onClick={() => { onAt(undefined); }}>Back to now</Button> : undefined}>
      {journal.error ? <div className="p-4"><ErrorView error={journal.error} retry={() => void journal.refetch()} /></div>
        : journal.isPending ? <Skeleton className="m-4 h-32" />
        : records.length === 0 ? <Empty title="Nothing is written yet">The first record is made when the run is accepted.</Empty> : (
          <>
            <div className="flex flex-wrap items-center gap-x-2 border-b px-3 py-1.5">
              <span className="flex"><IconButton label="First record" icon={ChevronFirst} onClick={() => { go(0); }} /><IconButton label="Record before" icon={ChevronLeft} onClick={() => { go(current - 1); }} /></span>
              <input type="range" aria-label="Look at the run after record" aria-valuetext={record ? `record ${String(record.sequence)}: ${withClock(record.summary)}` : undefined} min={0} max={newest} value={current} onChange={(e) => { go(Number(e.target.value)); }} className="slider h-6 min-w-24 flex-1" style={{ "--at": `${String(newest > 0 ? (current / newest) * 100 : 100)}%` } as CSSProperties} />
              <span className="flex"><IconButton label="Next record" icon={ChevronRight} onClick={() => { go(current + 1); }} /><IconButton label="Newest record" icon={ChevronLast} onClick={() => { onAt(undefined); }} /></span>
              <span className="num text-xs text-soft">{current + 1} of {records.length}{journal.hasNextPage ? "+" : ""}</span>
            </div>
            <VirtualList label="Journal" items={records} rowHeight={ROW} maxRows={10} focus={current} render={(r, i) => <RecordRow key={r.sequence} record={r} state={i === current ? "here" : i < current ? "past" : "ahead"} onGo={() => { go(i); }} />} />
            {record && <details className="border-t px-4 py-2 text-sm"><summary className="cursor-pointer text-xs text-soft">Record {record.sequence} as it is written</summary><div className="mt-2"><JsonTree key={record.sequence} label={`Record ${String(record.sequence)}`} value={record.body} /></div></details>}
            {journal.hasNextPage && <div className="border-t p-2 text-center"><Button small busy={journal.isFetchingNextPage} onClick={() => void journal.fetchNextPage()}>Show more records</Button></div>}
          </>
        )}
    </Panel>
  );
}

function RecordRow({ record: r, state, onGo }: { record: JournalItem; state: "here" | "past" | "ahead"; onGo: () => void }) {
  return (
    <button type="button" aria-current={state === "here" ? "step" : undefined} onClick={onGo} style={{ height: ROW }} className={clsx("grid w-full grid-cols-[2.5rem_auto_minmax(0,1fr)] items-center gap-x-3 px-4 text-left text-sm focus-visible:-outline-offset-2 sm:grid-cols-[2.5rem_auto_9.5rem_minmax(0,1fr)]", state === "here" ? "bg-accent-soft" : "hover:bg-raised/60", state === "ahead" ? "text-faint" : "text-ink")}>
      <span className="num text-xs text-faint">{r.sequence}</span>
      <Time at={r.at} as="clock-ms" className="font-mono text-xs text-faint" />
      <span className="hidden truncate text-xs text-soft sm:block">{words(r.type)}</span>
      <span className="truncate" title={r.summary}>{withClock(r.summary)}</span>
    </button>
  );
}
