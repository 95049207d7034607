/** Runs as rows. */
import { Link } from "@tanstack/react-router";
import type { Run } from "@/api/types";
import { words } from "@/lib/format";
import { duration, toMs } from "@/lib/time";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function RunTable({ items }: { items: readonly Run[] }) {
  return (
    <ul>
      {items.map((r) => (
        <li key={r.id} data-row className="relative flex flex-wrap items-center gap-x-4 gap-y-1 border-b px-4 py-2.5 last:border-b-0 hover:bg-raised/60">
          <span className="min-w-0 flex-1 basis-52">
            <Link to="/automation/runs/$id" params={{ id: r.id }} search={{}} className="text-sm font-medium before:absolute before:inset-0 focus-visible:outline-none focus-visible:before:outline-2 focus-visible:before:-outline-offset-2 focus-visible:before:outline-accent">{words(r.workflow)}</Link>
            <span className="block text-xs text-faint">{r.service ?? "no service"} · {r.purpose.type === "incident" ? `for an incident (${words(r.purpose.class).toLowerCase()})` : `started by ${r.purpose.actor}`}</span>
          </span>
          <span className="num text-xs text-faint"><Time at={r.started_at} /> · {r.ended_at ? duration(toMs(r.ended_at) - toMs(r.started_at)) : `step ${String(r.steps.length)}`}</span>
          <Status kind="run" value={r.status} />
        </li>
      ))}
    </ul>
  );
}
