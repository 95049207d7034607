/** Earlier incidents that looked alike, what ended them, and what held for such causes before. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { History } from "lucide-react";
import { useEffect, useRef } from "react";
import { incidentQuery, tracksQuery } from "@/api/queries";
import type { Incident, Track } from "@/api/types";
import { pastIncidents, type PastEvidence } from "@/lib/evidence";
import { percent, plural, tie, words } from "@/lib/format";
import { bringIntoView } from "@/lib/scroll";
import { duration, toMs } from "@/lib/time";
import { Meter } from "@/ui/Bits";
import { Panel } from "@/ui/Panel";
import { Empty, Skeleton } from "@/ui/States";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function Similar({ incident, open }: { incident: Incident; open: string | undefined }) {
  const { data: tracks = [] } = useQuery({ ...tracksQuery, throwOnError: false });
  const [cause] = incident.causes;
  const past = pastIncidents(incident.evidence);
  const held = cause ? tracks.filter((t) => t.class === cause.class && t.held + t.failed > 0).toSorted((a, b) => b.held - a.held) : [];
  if (!cause) return null;
  return (
    <Panel flush title="Similar incidents" hint={past.length > 0 ? "the same kind of trouble at the same place" : undefined}>
      {past.length === 0 ? <Empty icon={History} title="None that looked alike">{held.length > 0 ? "But such causes are known:" : "This is the first of its kind here. What ends it is remembered."}</Empty> : <ul>{past.map((p) => <PastRow key={p.id} piece={p} chosen={p.id === open} />)}</ul>}
      {held.length > 0 && (
        <div className="border-t px-4 py-3">
          <h3 className="text-xs font-semibold text-faint">What held for “{words(cause.class).toLowerCase()}” before</h3>
          <ul className="mt-1.5 space-y-1.5">{held.map((t) => <Held key={t.runbook} track={t} />)}</ul>
        </div>
      )}
    </Panel>
  );
}

function PastRow({ piece: { id, title, body }, chosen }: { piece: PastEvidence; chosen: boolean }) {
  const ref = useRef<HTMLLIElement>(null);
  useEffect(() => { if (chosen && ref.current) bringIntoView(ref.current); }, [chosen]);
  // It may be forgotten by now: what this incident knows of it stands without it.
  const { data, isPending } = useQuery({ ...incidentQuery(body.incident), throwOnError: false });
  const i = data?.incident;
  return (
    <li ref={ref} data-evidence={id} aria-current={chosen || undefined} className={clsx("relative scroll-mt-20 border-b px-4 py-2.5 last:border-b-0 hover:bg-raised/60", chosen && "bg-accent-soft/50")}>
      <div className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <p className="text-sm">{i ? <Link to="/incidents/$id" params={{ id: i.id }} search={{}} className="font-medium before:absolute before:inset-0 hover:underline focus-visible:outline-none focus-visible:before:outline-2 focus-visible:before:-outline-offset-2 focus-visible:before:outline-accent">{tie(i.title)}</Link> : <span className="font-medium first-letter:uppercase">{tie(title)}</span>}</p>
          {isPending ? <Skeleton className="mt-1 h-4 w-48" /> : i ? <p className="mt-0.5 flex flex-wrap gap-x-3 text-xs text-faint"><Time at={i.opened_at} />{i.resolved_at && <span>over after {duration(toMs(i.resolved_at) - toMs(i.started_at))}</span>}{i.causes[0] && <span>{words(i.causes[0].class)} of {i.causes[0].service}</span>}</p> : <p className="mt-0.5 text-xs text-faint">it is not kept any more</p>}
          <p className="mt-1 text-sm text-soft">{body.fixed_by ? <>Ended by: <strong className="font-medium text-ink wrap-anywhere">{body.fixed_by}</strong></> : "What ended it is not known."}</p>
        </div>
        {i && <Status kind="incident" value={i.status} />}
      </div>
    </li>
  );
}

function Held({ track: t }: { track: Track }) {
  const all = t.held + t.failed;
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 text-sm sm:grid-cols-[minmax(0,1fr)_7rem_auto]">
      <Link to="/automation/runbooks/$name" params={{ name: t.runbook }} className="font-medium text-accent hover:underline">{words(t.runbook)}</Link>
      <Meter className="hidden sm:block" value={t.held / all} label={`${words(t.runbook)} held`} tone="ok" />
      <span className="num text-xs text-soft">held {t.held} of {plural(all, "time")}, {percent(t.held / all)}</span>
    </li>
  );
}
