/** One fault: what it does, to whom, and the incident it caused. */
import { Link } from "@tanstack/react-router";
import { Bug, X } from "lucide-react";
import { useState } from "react";
import { useEndFault, useInjectFault } from "@/api/actions";
import type { Fault, IncidentSummary } from "@/api/types";
import { tie } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Select } from "@/ui/Field";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function FaultCard({ fault: f, incident, blocked }: { fault: Fault; incident: IncidentSummary | undefined; blocked: string | null }) {
  const [service, setService] = useState(f.service);
  // The incident of a fault outlives it: keep the link after the fault is over.
  const [kept, setKept] = useState<string | null>(null);
  const inject = useInjectFault();
  const end = useEndFault();
  if (incident && incident.id !== kept) setKept(incident.id);
  const error = (inject.error ?? end.error) as { message?: string; detail?: string } | null;
  return (
    <li data-fault={f.name} className={`flex min-w-0 flex-col rounded-xl border bg-panel p-4 shadow-(--shadow) ${f.active ? "border-bad" : ""}`}>
      <div className="flex items-center gap-2">
        <Bug aria-hidden className={`size-4 ${f.active ? "text-bad" : "text-faint"}`} />
        <h2 className="font-semibold">{f.title}</h2>
        {f.active && <span className="ml-auto rounded-full bg-bad-soft px-2 py-0.5 text-xs font-medium text-bad">Active{f.injected_at && <>, <Time at={f.injected_at} /></>}</span>}
      </div>
      <p className="mt-1.5 flex-1 text-sm text-soft">{tie(f.summary)}</p>
      {(incident ?? kept) && (
        <p className="mt-3 flex items-center gap-2 rounded-lg bg-raised px-3 py-2 text-sm">
          <Link to="/incidents/$id" params={{ id: incident?.id ?? kept ?? "" }} search={{}} className="min-w-0 flex-1 truncate font-medium text-accent hover:underline">{incident?.title ?? "Open the incident it caused"}</Link>
          {incident && <Status kind="incident" value={incident.status} />}
        </p>
      )}
      {error && <p role="alert" className="mt-3 text-sm text-bad">{error.message} {error.detail}</p>}
      <div className="mt-3 flex items-end gap-2">
        <Select hideLabel label={`Service for ${f.title}`} value={service} onChange={(e) => { setService(e.target.value); }} options={f.services.map((s) => [s, s] as const)} />
        {f.active ? <Button className="ml-auto" icon={X} busy={end.isPending} disabledReason={blocked} aria-label={`End ${f.title}`} onClick={() => { end.mutate({ name: f.name }); }}>End</Button>
          : <Button className="ml-auto" look="primary" icon={Bug} busy={inject.isPending} disabledReason={blocked} aria-label={`Inject ${f.title}`} onClick={() => { inject.mutate({ name: f.name, service }); }}>Inject</Button>}
      </div>
    </li>
  );
}
