/** A silence is made: what it means is shown while one writes. */
import { useQuery } from "@tanstack/react-query";
import { CircleX, LoaderCircle } from "lucide-react";
import { useState } from "react";
import { useCreateSilence } from "@/api/actions";
import { silencePreviewQuery } from "@/api/queries";
import { plural } from "@/lib/format";
import { useLate } from "@/lib/late";
import { readDraft, SPANS, type Draft } from "@/lib/silence";
import { Confirm } from "@/ui/Dialog";
import { Segmented, Switch, TextArea, TextField } from "@/ui/Field";
import { Meant } from "./Meant";

const TYPING_MS = 350;

export function NewSilence({ start, onClose }: { start: string; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>({ when: start, span: "1h", until: "", from: "", reason: "" });
  const [later, setLater] = useState(false);
  const create = useCreateSilence();
  const set = (change: Partial<Draft>) => { setDraft((old) => ({ ...old, ...change })); };
  const read = readDraft(draft, Date.now());
  return (
    <Confirm
      title="New silence" confirm="Silence" wide busy={create.isPending} error={create.error ? `${create.error.message}. ${(create.error as { detail?: string }).detail ?? ""}` : null}
      blocked={"error" in read ? read.error : later && !draft.from ? "say when it begins" : null} onClose={onClose}
      onConfirm={() => { if ("value" in read) create.mutate(read.value, { onSuccess: onClose }); }}
    >
      <TextArea label="Findings that it means (CEL)" rows={2} spellCheck={false} autoCapitalize="off" className="font-mono" placeholder="service == 'db' && kind == 'disk_filling'" value={draft.when} onChange={(e) => { set({ when: e.target.value }); }} />
      <Preview when={draft.when} onFact={(name) => { set({ when: draft.when.trim() ? `${draft.when.trimEnd()} && ${name} == ''` : `${name} == ''` }); }} />
      <div className="flex flex-wrap items-end gap-x-4 gap-y-3">
        <div><p aria-hidden className="mb-1 text-xs font-medium text-soft">For how long</p><Segmented label="For how long" value={draft.span} options={SPANS} onChange={(span) => { set({ span }); }} /></div>
        {draft.span === "until" && <TextField label="Until" type="datetime-local" value={draft.until} onChange={(e) => { set({ until: e.target.value }); }} />}
        <Switch label="Begins later" checked={later} onChange={(on) => { setLater(on); set({ from: "" }); }} />
        {later && <TextField label="From" type="datetime-local" value={draft.from} onChange={(e) => { set({ from: e.target.value }); }} />}
      </div>
      <TextField label="Reason" required maxLength={500} placeholder="The disks of the database are replaced" value={draft.reason} onChange={(e) => { set({ reason: e.target.value }); }} />
      <p className="text-xs">What is open already stays open. Findings that are silenced stay visible with this reason; one that still fires at the end gets its place then.</p>
    </Confirm>
  );
}

/** What the condition means now, or why it cannot be read. */
function Preview({ when, onFact }: { when: string; onFact: (name: string) => void }) {
  const late = useLate(when.trim(), TYPING_MS);
  // Without a condition the answer still names the facts.
  const { data, error, isFetching } = useQuery({ ...silencePreviewQuery(late || "false"), throwOnError: false });
  const waiting = isFetching || late !== when.trim();
  const detail = (error as { detail?: string } | null)?.detail;
  return (
    <div className="space-y-2">
      <p role="status" className="flex min-h-5 items-start gap-1.5 text-xs">
        {!when.trim() ? <span className="text-faint">What it means now is shown here.</span>
          : error && !waiting ? <span className="flex items-start gap-1.5 text-bad wrap-anywhere"><CircleX aria-hidden className="mt-0.5 size-3.5 shrink-0" />{detail ?? error.message}</span>
          : !data || waiting ? <span className="flex items-center gap-1.5 text-faint"><LoaderCircle aria-hidden className="size-3.5 animate-spin" />Looking…</span>
          : <span className={data.total > 0 ? "font-medium text-warn" : "text-soft"}>{data.total > 0 ? `Means ${plural(data.total, "finding")} that ${data.total === 1 ? "fires" : "fire"} now:` : "Means nothing that fires now."}</span>}
      </p>
      {when.trim() && data && !error && data.total > 0 && <Meant matches={data} />}
      {data && data.facts.length > 0 && (
        <details className="text-xs">
          <summary className="min-h-6 w-fit py-1 text-faint hover:text-ink">What conditions may name</summary>
          <ul className="mt-1 grid max-h-44 gap-x-4 gap-y-0.5 overflow-auto sm:grid-cols-2">
            {data.facts.map((f) => <li key={f.name} className="min-w-0"><button type="button" onClick={() => { onFact(f.name); }} className="min-h-6 font-mono font-medium text-accent hover:underline">{f.name}</button> <span className="text-faint wrap-anywhere">{f.values}</span></li>)}
            <li className="text-faint"><code className="font-mono text-soft">labels.name</code> a label of a metric or an alert</li>
          </ul>
        </details>
      )}
    </div>
  );
}
