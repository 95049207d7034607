/** One incident in a list: how bad, what, where, since when, where it stands. */
import { Link } from "@tanstack/react-router";
import { UserRound } from "lucide-react";
import type { IncidentSummary } from "@/api/types";
import { tie, words } from "@/lib/format";
import { duration, toMs } from "@/lib/time";
import { Status } from "./Status";
import { Time } from "./Time";

export function IncidentRow({ incident: i }: { incident: IncidentSummary }) {
  return (
    <li data-row className="relative border-b last:border-b-0 hover:bg-raised/60">
      <div className="grid grid-cols-[auto_auto_minmax(0,1fr)_auto] items-start gap-x-3 px-4 py-2.5">
        <span className="w-5 sm:w-7"><Status kind="priority" value={i.priority} bare /></span>
        <span className="pt-0.5"><Status kind="severity" value={i.severity} iconOnly /></span>
        <div className="min-w-0">
          <Link to="/incidents/$id" params={{ id: i.id }} search={{}} className="text-sm font-medium text-ink before:absolute before:inset-0 focus-visible:outline-none focus-visible:before:outline-2 focus-visible:before:-outline-offset-2 focus-visible:before:outline-accent">{tie(i.title)}</Link>
          <p className="mt-0.5 flex flex-wrap items-center gap-x-2 text-xs text-faint">
            {i.class && <span>{words(i.class)}</span>}
            <span className="truncate">{i.services.join(", ")}</span>
            <Time at={i.opened_at} />
            {i.flapping_since && !i.resolved_at && <span className="font-medium text-warn">comes and goes</span>}
            {i.resolved_at && <span>took {duration(toMs(i.resolved_at) - toMs(i.started_at))}</span>}
          </p>
          {i.needs_person && <p className="mt-1 flex items-center gap-1 text-xs font-medium text-bad"><UserRound aria-hidden className="size-3.5 shrink-0" />{i.needs_person}</p>}
        </div>
        <span><Status kind="incident" value={i.status} /></span>
      </div>
    </li>
  );
}
