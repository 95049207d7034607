/** Asks where findings belong, says what follows, and leads to the incident that has them then. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { useState } from "react";
import { useRegroup } from "@/api/actions";
import { openIncidentsQuery } from "@/api/queries";
import type { FindingView, Incident, IncidentSummary } from "@/api/types";
import { tie } from "@/lib/format";
import { fits } from "@/lib/regroup";
import { Button, buttonClass } from "@/ui/Button";
import { Confirm, Dialog } from "@/ui/Dialog";
import { TextField } from "@/ui/Field";
import { Skeleton } from "@/ui/States";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export type Deed = "merge" | "split" | "move";
const TITLE: Record<Deed, string> = { merge: "Merge into another incident", split: "Split off", move: "Move to another incident" };
const ASK: Record<Deed, string> = {
  merge: "All its findings go there, and this incident is over. It is remembered: such findings go together the next time.",
  split: "These findings become an incident of their own, with a diagnosis of its own. It is remembered: such findings stay apart the next time.",
  move: "These findings go there, and both incidents are diagnosed again. It is remembered for the next time.",
};
const DONE: Record<Deed, string> = { merge: "This incident is part of another one now.", split: "They are an incident of their own now.", move: "They are part of the other incident now." };

type Props = { deed: Deed; incident: Incident; findings: readonly FindingView[]; onClose: () => void; onDone: () => void };

export function RegroupDialog({ deed, incident, findings, onClose, onDone }: Props) {
  const [target, setTarget] = useState<string | null>(null);
  const [moved] = useState(findings);
  const regroup = useRegroup();
  if (regroup.data) return <Done text={DONE[deed]} incident={regroup.data.incident} onClose={onClose} />;
  const ids = moved.map((f) => f.id);
  const start = () => {
    if (deed === "split") regroup.mutate({ deed, incident: incident.id, findings: ids }, { onSuccess: onDone });
    else if (target) regroup.mutate(deed === "merge" ? { deed, incident: incident.id, into: target } : { deed, into: target, findings: ids }, { onSuccess: onDone });
  };
  return (
    <Confirm
      title={`${TITLE[deed]}?`} confirm={deed === "merge" ? "Merge" : deed === "split" ? "Split off" : "Move"} wide={deed !== "split"} busy={regroup.isPending}
      error={regroup.error ? `${regroup.error.message}. ${(regroup.error as { detail?: string }).detail ?? ""}` : null}
      blocked={deed !== "split" && !target ? "choose an incident" : null} onConfirm={start} onClose={onClose}
    >
      {deed === "merge" ? <p className="font-medium wrap-anywhere text-ink">{tie(incident.title)}</p> : <ul aria-label="Chosen findings" className="max-h-40 space-y-1 overflow-auto">{moved.map((f) => <li key={f.id} className="font-medium wrap-anywhere text-ink">{f.service}: {tie(f.summary)}</li>)}</ul>}
      <p>{ASK[deed]}</p>
      {deed !== "split" && <Targets from={incident.id} value={target} onChange={setTarget} />}
    </Confirm>
  );
}

const MANY = 6;

function Targets({ from, value, onChange }: { from: string; value: string | null; onChange: (id: string) => void }) {
  const [text, setText] = useState("");
  const { data, error } = useQuery({ ...openIncidentsQuery, throwOnError: false });
  if (error) return <p role="alert" className="text-bad">{error.message}</p>;
  if (!data) return <Skeleton className="h-24 w-full" />;
  const others = data.filter((i) => i.id !== from);
  const shown = others.filter((i) => fits(i, text));
  if (others.length === 0) return <p className="rounded-lg bg-raised px-3 py-2">No other incident is open.</p>;
  return (
    <div className="space-y-2">
      {others.length > MANY && <TextField label="Search open incidents" type="search" value={text} onChange={(e) => { setText(e.target.value); }} />}
      <fieldset className="max-h-72 overflow-auto rounded-lg border">
        <legend className="sr-only">Open incidents</legend>
        {shown.map((i) => <Target key={i.id} incident={i} checked={value === i.id} onChoose={() => { onChange(i.id); }} />)}
        {shown.length === 0 && <p className="px-3 py-2">No open incident has these words.</p>}
      </fieldset>
    </div>
  );
}

function Target({ incident: i, checked, onChoose }: { incident: IncidentSummary; checked: boolean; onChoose: () => void }) {
  return (
    <label className="grid cursor-pointer grid-cols-[auto_minmax(0,1fr)_auto] items-start gap-x-3 border-b px-3 py-2 last:border-b-0 hover:bg-raised has-checked:bg-accent-soft/60">
      <input type="radio" name="target" checked={checked} onChange={onChoose} className="mt-0.5 size-4 accent-accent-solid" />
      <span className="min-w-0"><span className="block font-medium text-ink">{tie(i.title)}</span><span className="flex flex-wrap gap-x-2 text-xs text-faint"><span>{i.services.join(", ")}</span><Time at={i.opened_at} /></span></span>
      <Status kind="incident" value={i.status} />
    </label>
  );
}

function Done({ text, incident, onClose }: { text: string; incident: string; onClose: () => void }) {
  return (
    <Dialog title="Done" onClose={onClose}>
      <p role="status" className="flex items-center gap-2 text-sm font-medium text-ok"><CircleCheck aria-hidden className="size-4 shrink-0" />{text}</p>
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onClose}>Stay here</Button>
        <Link to="/incidents/$id" params={{ id: incident }} search={{}} onClick={onClose} className={buttonClass("primary")}>Open that incident</Link>
      </div>
    </Dialog>
  );
}
