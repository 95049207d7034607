/** Holds: what is paused as a whole, by whom and why; add one, release one. */
import { useQuery } from "@tanstack/react-query";
import { CirclePause, Play } from "lucide-react";
import { useState } from "react";
import { useChangeHold } from "@/api/actions";
import { holdsQuery } from "@/api/queries";
import type { Hold, HoldRequest } from "@/api/types";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Segmented, Select, TextArea } from "@/ui/Field";
import { ErrorView, Skeleton } from "@/ui/States";
import { Time } from "@/ui/Time";
import { heldOf, holdTitle, type Held } from "./HoldsBanner";

const SCOPES = [["all", "Everything"], ["service", "One service"], ["workflow", "One workflow"]] as const;
/** A hold as it is asked for; the contract wants no name where everything is meant. */
const asked = ({ scope, name = "" }: Held, held: boolean, reason: string): HoldRequest => (scope === "all" ? { scope, held, reason } : { scope, name, held, reason });

type Props = { services: readonly string[]; workflows: readonly string[]; onClose: () => void };

export function HoldsDialog({ services, workflows, onClose }: Props) {
  const { data, error } = useQuery({ ...holdsQuery, throwOnError: false });
  const change = useChangeHold();
  const refusal = (name: string) => { const a = data?.allowed_actions.find((x) => x.name === name); return a && !a.allowed ? (a.reason ?? "not allowed now") : null; };
  return (
    <Dialog title="Pause as a whole" onClose={onClose}>
      <p className="mb-4 text-sm text-soft">A hold stops runs before their next call, and new ones before their first. It stays until someone releases it, also across a restart.</p>
      {error ? <ErrorView error={error} /> : !data ? <Skeleton className="h-24 w-full" /> : (
        <>
          {data.items.length > 0 && (
            <ul aria-label="Holds" className="mb-4 rounded-lg border">
              {data.items.map((h) => (
                <li key={holdTitle(heldOf(h))} className="flex items-center gap-3 border-b px-3 py-2 text-sm last:border-b-0">
                  <CirclePause aria-hidden className="size-4 shrink-0 text-warn" />
                  <span className="min-w-0 flex-1"><span className="font-medium">{holdTitle(heldOf(h))}</span><span className="block text-xs text-faint">“{h.reason}” – {h.by}, <Time at={h.at} /></span></span>
                  <Button small icon={Play} busy={change.isPending} disabledReason={refusal("lift")} aria-label={`Release: ${holdTitle(heldOf(h))}`} onClick={() => { change.mutate(asked(heldOf(h), false, "")); }}>Release</Button>
                </li>
              ))}
            </ul>
          )}
          <NewHoldForm items={data.items} services={services} workflows={workflows} busy={change.isPending} blocked={refusal("hold")} onAdd={(hold, reason, done) => { change.mutate(asked(hold, true, reason), { onSuccess: done }); }} />
          {change.error && <p role="alert" className="mt-3 rounded-md bg-bad-soft px-3 py-2 text-sm text-bad">{change.error.message}</p>}
        </>
      )}
    </Dialog>
  );
}

type FormProps = { items: readonly Hold[]; services: readonly string[]; workflows: readonly string[]; busy: boolean; blocked: string | null; onAdd: (hold: Held, reason: string, done: () => void) => void };

function NewHoldForm({ items, services, workflows, busy, blocked, onAdd }: FormProps) {
  const [scope, setScope] = useState<Held["scope"]>("all");
  const [name, setName] = useState("");
  const [reason, setReason] = useState("");
  const names = scope === "service" ? services : workflows;
  const hold: Held = scope === "all" ? { scope } : { scope, name: names.find((n) => n === name) ?? names[0] };
  const refused = blocked ?? (items.some((h) => holdTitle(heldOf(h)) === holdTitle(hold)) ? "this is held already" : scope !== "all" && !hold.name ? `no ${scope} is known` : reason.trim() === "" ? "say why" : null);
  return (
    <form className="space-y-3" onSubmit={(e) => { e.preventDefault(); if (!refused && !busy) onAdd(hold, reason.trim(), () => { setReason(""); }); }}>
      <Segmented label="What to pause" value={scope} options={SCOPES} onChange={setScope} />
      {scope !== "all" && <Select label={scope === "service" ? "Service" : "Workflow"} value={hold.name ?? ""} onChange={(e) => { setName(e.target.value); }} options={names.map((n) => [n, n] as const)} />}
      <TextArea label="Reason" required maxLength={500} value={reason} onChange={(e) => { setReason(e.target.value); }} />
      <div className="flex justify-end"><Button type="submit" look="primary" icon={CirclePause} busy={busy} disabledReason={refused}>{scope === "all" ? "Pause everything" : `Pause ${hold.name ?? ""}`}</Button></div>
    </form>
  );
}
