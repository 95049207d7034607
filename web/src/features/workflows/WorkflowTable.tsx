/** Workflow documents as rows: one's own, and those that ship with Homeostat. */
import { Link } from "@tanstack/react-router";
import { CalendarClock, Lock } from "lucide-react";
import type { WorkflowSummary } from "@/api/types";
import { plural } from "@/lib/format";
import { ORIGINS } from "@/lib/origins";
import { scheduleWords } from "@/lib/schedule-words";

export function WorkflowTable({ items }: { items: readonly WorkflowSummary[] }) {
  return (
    <ul>
      {items.map((w) => ({ w, schedule: scheduleWords(w.schedule) })).map(({ w, schedule }) => (
        <li key={w.id} data-row className="relative flex flex-wrap items-center gap-x-4 gap-y-1 border-b px-4 py-2.5 last:border-b-0 hover:bg-raised/60">
          <span className="min-w-0 flex-1 basis-64">
            <Link to="/automation/workflows/$id" params={{ id: w.id }} search={{}} className="text-sm font-medium before:absolute before:inset-0 focus-visible:outline-none focus-visible:before:outline-2 focus-visible:before:-outline-offset-2 focus-visible:before:outline-accent">{w.title}</Link>
            <span className="block text-sm text-soft">{w.summary}</span>
            <span className="block font-mono text-xs text-faint">{w.id}</span>
          </span>
          {schedule && <span className="flex items-center gap-1 text-xs text-soft"><CalendarClock aria-hidden className="size-3.5 shrink-0" />{schedule.how} <code className="font-mono">{schedule.what}</code></span>}
          <span className="num w-44 text-xs text-faint">
            {w.origin === "own" ? <>{w.version}, {plural(w.versions, "version")}</> : <span className="flex items-center gap-1"><Lock aria-hidden className="size-3.5" />{ORIGINS[w.origin]}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}
