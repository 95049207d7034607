/** Workflows that start by themselves: when, when next, how the last one went. */
import { Link } from "@tanstack/react-router";
import { CirclePause } from "lucide-react";
import type { Schedule } from "@/api/workflow-types";
import { useNow } from "@/lib/clock";
import { duration, toMs } from "@/lib/time";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

const KIND: Record<Schedule["kind"], string> = { cron: "at set times", every: "every", after: "after the last ended", on: "on an event" };

export function ScheduleTable({ items }: { items: readonly Schedule[] }) {
  return (
    <ul>
      {items.map((s) => (
        <li key={s.workflow + s.kind + s.expression} data-row className="grid gap-x-6 gap-y-1 border-b px-4 py-3 last:border-b-0 md:grid-cols-[minmax(0,1.3fr)_minmax(0,1.2fr)_minmax(0,1fr)]">
          <span className="min-w-0">
            <Link to="/automation/workflows/$id" params={{ id: s.workflow }} search={{}} className="text-sm font-medium hover:underline">{s.title}</Link>
            <span className="block text-xs text-faint">{KIND[s.kind]} <code className="font-mono text-soft">{s.expression}</code>{s.time_zone && ` · ${s.time_zone}`} · {s.version}</span>
            {s.held && <span className="mt-1 flex items-center gap-1 text-xs font-medium text-warn"><CirclePause aria-hidden className="size-3.5 shrink-0" />held by {s.held}</span>}
          </span>
          <span className="min-w-0"><NextTimes schedule={s} /></span>
          <span className="flex min-w-0 items-center gap-2 text-xs text-faint">
            {s.last_run ? <><Link to="/automation/runs/$id" params={{ id: s.last_run.id }} search={{}} className="text-sm text-accent hover:underline">last run</Link><Time at={s.last_run.started_at} /><span className="ml-auto"><Status kind="run" value={s.last_run.status} /></span></> : "has not run yet"}
          </span>
        </li>
      ))}
    </ul>
  );
}

function NextTimes({ schedule: s }: { schedule: Schedule }) {
  const now = useNow();
  const [first, ...rest] = s.next;
  if (!first) return <span className="text-sm text-soft">{s.kind === "on" ? "when an event of that type comes" : "not planned"}</span>;
  return (
    <>
      <span className="num block text-sm font-medium">in {duration(Math.max(0, toMs(first) - now))}</span>
      <span className="num block text-xs text-faint"><Time at={first} as="full" />{rest.length > 0 && <details className="inline-block"><summary className="ml-2 inline min-h-6 text-accent">then</summary><span className="block">{rest.map((t) => <span key={t} className="block"><Time at={t} as="full" /></span>)}</span></details>}</span>
    </>
  );
}
