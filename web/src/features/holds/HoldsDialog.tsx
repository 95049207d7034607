/** Holds: what is paused as a whole, by whom and why; add one, release one. */
import { useQuery } from "@tanstack/react-query";
import { CirclePause, Play } from "lucide-react";
import { useState } from "react";
import { useSaveHolds } from "@/api/actions";
import { holdsQuery } from "@/api/queries";
import type { Hold, HoldScope, NewHold } from "@/api/workflow-types";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Segmented, Select, TextArea } from "@/ui/Field";
import { ErrorView, Skeleton } from "@/ui/States";
import { Time } from "@/ui/Time";
import { holdTitle } from "./HoldsBanner";

const SCOPES = [["all", "Everything"], ["service", "One service"], ["workflow", "One workflow"]] as const;
const same = (a: NewHold, b: NewHold) => a.scope === b.scope && (a.name ?? null) === (b.name ?? null);

type Props = { services: readonly string[]; workflows: readonly string[]; onClose: () => void };

export function HoldsDialog({ services, workflows, onClose }: Props) {
  const { data, error } = useQuery({ ...holdsQuery, throwOnError: false });
  const save = useSaveHolds();
  const put = data?.allowed_actions.find((a) => a.method === "PUT");
  const blocked = data && !put?.allowed ? (put?.reason ?? "not allowed now") : null;
  return (
    <Dialog title="Pause as a whole" onClose={onClose}>
      <p className="mb-4 text-sm text-soft">A hold stops runs before their next call, and new ones before their first. It stays until someone releases it, also across a restart.</p>
      {error ? <ErrorView error={error} /> : !data ? <Skeleton className="h-24 w-full" /> : (
        <>
          {data.items.length > 0 && (
            <ul aria-label="Holds" className="mb-4 rounded-lg border">
              {data.items.map((h) => (
                <li key={h.scope + (h.name ?? "")} className="flex items-center gap-3 border-b px-3 py-2 text-sm last:border-b-0">
                  <CirclePause aria-hidden className="size-4 shrink-0 text-warn" />
                  <span className="min-w-0 flex-1"><span className="font-medium">{holdTitle(h)}</span><span className="block text-xs text-faint">“{h.reason}” – {h.by}, <Time at={h.at} /></span></span>
                  <Button small icon={Play} busy={save.isPending} disabledReason={blocked} aria-label={`Release: ${holdTitle(h)}`} onClick={() => { save.mutate(data.items.filter((o) => !same(o, h))); }}>Release</Button>
                </li>
              ))}
            </ul>
          )}
          <NewHoldForm items={data.items} services={services} workflows={workflows} busy={save.isPending} blocked={blocked} onAdd={(hold, done) => { save.mutate([...data.items, hold], { onSuccess: done }); }} />
          {save.error && <p role="alert" className="mt-3 rounded-md bg-bad-soft px-3 py-2 text-sm text-bad">{save.error.message}</p>}
        </>
      )}
    </Dialog>
  );
}

type FormProps = { items: readonly Hold[]; services: readonly string[]; workflows: readonly string[]; busy: boolean; blocked: string | null; onAdd: (hold: NewHold, done: () => void) => void };

function NewHoldForm({ items, services, workflows, busy, blocked, onAdd }: FormProps) {
  const [scope, setScope] = useState<HoldScope>("all");
  const [name, setName] = useState("");
  const [reason, setReason] = useState("");
  const names = scope === "service" ? services : workflows;
  const hold: NewHold = { scope, name: scope === "all" ? null : (names.find((n) => n === name) ?? names[0] ?? null), reason: reason.trim() };
  const refused = blocked ?? (items.some((h) => same(h, hold)) ? "this is held already" : scope !== "all" && !hold.name ? `no ${scope} is known` : hold.reason === "" ? "say why" : null);
  return (
    <form className="space-y-3" onSubmit={(e) => { e.preventDefault(); if (!refused && !busy) onAdd(hold, () => { setReason(""); }); }}>
      <Segmented label="What to pause" value={scope} options={SCOPES} onChange={setScope} />
      {scope !== "all" && <Select label={scope === "service" ? "Service" : "Workflow"} value={hold.name ?? ""} onChange={(e) => { setName(e.target.value); }} options={names.map((n) => [n, n] as const)} />}
      <TextArea label="Reason" required maxLength={500} value={reason} onChange={(e) => { setReason(e.target.value); }} />
      <div className="flex justify-end"><Button type="submit" look="primary" icon={CirclePause} busy={busy} disabledReason={refused}>{scope === "all" ? "Pause everything" : `Pause ${hold.name ?? ""}`}</Button></div>
    </form>
  );
}
