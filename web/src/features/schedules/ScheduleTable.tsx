/** Workflows that start by themselves: when, when next, how to look at the last one. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { ScheduleItem } from "@/api/types";
import { useNow } from "@/lib/clock";
import { workflowTitle } from "@/lib/purpose";
import { scheduleWords } from "@/lib/schedule-words";
import { duration, toMs } from "@/lib/time";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function ScheduleTable({ items, actions }: { items: readonly ScheduleItem[]; actions: (item: ScheduleItem) => ReactNode }) {
  return (
    <ul>
      {items.map((s) => {
        const said = scheduleWords(s.schedule);
        return (
          <li key={s.workflow} data-row className="grid items-center gap-x-6 gap-y-2 border-b px-4 py-3 last:border-b-0 md:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)_minmax(0,1fr)_auto]">
            <span className="min-w-0">
              <span className="flex flex-wrap items-center gap-2"><Link to="/automation/workflows/$id" params={{ id: s.workflow }} search={{}} className="text-sm font-medium hover:underline">{workflowTitle(s.workflow)}</Link><Status kind="schedule" value={s.enabled ? "on" : "resting"} /></span>
              <span className="block text-xs text-faint">{said ? <>{said.how} <code className="font-mono text-soft wrap-anywhere">{said.what}</code></> : "no schedule"}</span>
            </span>
            <span className="min-w-0"><Next schedule={s} events={said?.kind === "on"} /></span>
            <span className="min-w-0 text-xs text-faint">
              {s.last_run ? <><Link to="/automation/runs/$id" params={{ id: s.last_run }} search={{}} className="text-sm text-accent underline">last run</Link>{s.last_due_at && <> <Time at={s.last_due_at} /></>}</> : "has not run yet"}
              <Link to="/automation/runs" search={{ workflow: s.workflow }} className="ml-3 text-accent underline">its runs</Link>
            </span>
            <span className="flex flex-wrap gap-2">{actions(s)}</span>
          </li>
        );
      })}
    </ul>
  );
}

function Next({ schedule: s, events }: { schedule: ScheduleItem; events: boolean }) {
  const now = useNow();
  if (!s.enabled) return <span className="text-sm text-soft">starts no runs</span>;
  if (!s.next) return <span className="text-sm text-soft">{events ? "when such an event comes" : "not planned"}</span>;
  return <><span className="num block text-sm font-medium">in {duration(Math.max(0, toMs(s.next) - now))}</span><span className="num block text-xs text-faint"><Time at={s.next} as="full" /></span></>;
}
