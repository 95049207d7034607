/** Title, state, and whether someone is needed. */
import { Link } from "@tanstack/react-router";
import { ArrowLeft, CircleCheck, Merge, Repeat, UserRound } from "lucide-react";
import type { ReactNode } from "react";
import type { Incident } from "@/api/types";
import { tie } from "@/lib/format";
import { Id } from "@/ui/Id";
import { PageHead } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function IncidentHead({ incident: i, actions }: { incident: Incident; actions: ReactNode }) {
  return (
    <>
      <Link to="/incidents" search={{}} className="mb-2 inline-flex min-h-6 items-center gap-1 text-xs text-faint hover:text-ink"><ArrowLeft aria-hidden className="size-3.5" />Incidents</Link>
      <PageHead title={tie(i.title)} actions={actions}
        lead={(
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
            <Status kind="incident" value={i.status} /><Status kind="priority" value={i.priority ?? "p4"} /><Status kind="severity" value={i.severity} /><Status kind="impact" value={i.impact} quiet />
            <span className="flex flex-wrap gap-x-2">{i.services.map((s) => <Link key={s} to="/systems/$name" params={{ name: s }} search={{}} className="font-medium text-accent hover:underline">{s}</Link>)}</span>
            <span className="text-faint">opened <Time at={i.opened_at} /></span><Id value={i.id} />
          </span>
        )}
      >
        {i.needs_person && <p className="mt-3 flex items-center gap-2 rounded-lg bg-bad-soft px-3 py-2 text-sm font-medium text-bad"><UserRound aria-hidden className="size-4 shrink-0" />A person is needed: {i.needs_person}</p>}
        {i.flapping_since && !i.resolved_at && <p className="mt-3 flex items-center gap-2 rounded-lg bg-warn-soft px-3 py-2 text-sm text-warn"><Repeat aria-hidden className="size-4 shrink-0" /><span><strong className="font-semibold">Its findings come and go</strong> since <Time at={i.flapping_since} as="clock" />: it counts as over only after a longer quiet.</span></p>}
        {i.merged_into ? <p className="mt-3 flex items-center gap-2 rounded-lg bg-accent-soft px-3 py-2 text-sm text-accent"><Merge aria-hidden className="size-4 shrink-0" /><span>A person made it <Link to="/incidents/$id" params={{ id: i.merged_into }} search={{}} className="font-semibold underline">part of another incident</Link>. What follows is how far it got.</span></p> : i.resolution && <p className="mt-3 flex items-center gap-2 rounded-lg bg-ok-soft px-3 py-2 text-sm font-medium text-ok"><CircleCheck aria-hidden className="size-4 shrink-0" /><span className="first-letter:uppercase">{i.resolution}</span></p>}
      </PageHead>
    </>
  );
}
