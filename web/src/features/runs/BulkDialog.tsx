/** Looks ahead at a bulk action, asks why, does it, and tells what was refused. */
import { Link } from "@tanstack/react-router";
import { CircleCheck, CircleX } from "lucide-react";
import { useState } from "react";
import { keepsReason, useBulkRuns, useEachRun } from "@/api/actions";
import { PREVIEW_LIMIT } from "@/api/queries";
import type { BulkAction, BulkResult, RunFilter, RunItem } from "@/api/types";
import { tally } from "@/lib/bulk";
import { plural, shortId } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Confirm, Dialog } from "@/ui/Dialog";
import { TextArea } from "@/ui/Field";

const MEANS: Record<BulkAction, string> = {
  pause: "Each finishes what it already asked for and asks for nothing more, until someone resumes it.",
  resume: "Each goes on from where it was paused.",
  retry: "Each begins again at the step that failed; steps before it keep their results.",
  cancel: "Each ends after its current step. What it did so far is undone in reverse order, where an inverse exists.",
};
const DONE: Record<BulkAction, string> = { pause: "paused", resume: "resumed", retry: "tried again", cancel: "cancelled" };

type Props = { action: BulkAction; title: string; runs: readonly RunItem[]; all: boolean; open: boolean; filter: RunFilter; about: string; onClose: () => void; onDone: () => void };

export function BulkDialog({ action, title, runs, all, open, filter, about, onClose, onDone }: Props) {
  const [reason, setReason] = useState("");
  const asksWhy = keepsReason(action);
  const bulk = useBulkRuns();
  const each = useEachRun();
  const work = all ? bulk : each;
  const { able, refused } = tally(runs, action);
  const answer = bulk.data ?? each.data;
  if (answer) return <Result title={title} action={action} answer={answer} onClose={() => { onDone(); onClose(); }} />;
  const go = () => {
    if (all) bulk.mutate({ action, filter, reason: reason.trim(), limit: PREVIEW_LIMIT });
    else each.mutate({ runs: able, action, reason: reason.trim() });
  };
  return (
    <Confirm title={`${title}: ${plural(able.length, "run")}${open ? " and more" : ""}?`} confirm={`${title} ${plural(able.length, "run")}`} look={action === "cancel" ? "danger" : "primary"} busy={work.isPending} error={work.error?.message} blocked={asksWhy && !reason.trim() ? "say why" : null} onClose={onClose} onConfirm={go}>
      <p>{MEANS[action]}</p>
      <dl className="space-y-1 rounded-lg border px-3 py-2" aria-label="Look ahead">
        <div className="flex gap-2"><dt className="flex items-center gap-1.5 font-medium text-ok"><CircleCheck aria-hidden className="size-4" />{able.length}</dt><dd>{all ? `of the ${about}` : "of the chosen runs"}{open ? `, counted among the first ${String(PREVIEW_LIMIT)}` : ""}</dd></div>
        {refused.map((r) => <div key={r.reason} className="flex gap-2"><dt className="flex items-center gap-1.5 font-medium text-faint"><CircleX aria-hidden className="size-4" />{r.ids.length}</dt><dd>stay as they are: {r.reason}</dd></div>)}
      </dl>
      {asksWhy && <TextArea label="Reason" required maxLength={500} value={reason} onChange={(e) => { setReason(e.target.value); }} />}
      <p className="text-xs">{asksWhy ? "Your name and the reason go" : "Your name goes"} into the audit log, once for each run.</p>
    </Confirm>
  );
}

function Result({ title, action, answer, onClose }: { title: string; action: BulkAction; answer: BulkResult; onClose: () => void }) {
  return (
    <Dialog title={`${title}: done`} onClose={onClose}>
      <p className="flex items-center gap-2 text-sm font-medium text-ok"><CircleCheck aria-hidden className="size-4" />{plural(answer.done, "run")} {DONE[action]}{answer.matched > answer.done + answer.refused.length ? `; ${plural(answer.matched - answer.done - answer.refused.length, "run")} more fit: do it again for these` : ""}.</p>
      {answer.refused.length > 0 && (
        <ul aria-label="Refused" className="mt-3 max-h-60 overflow-auto rounded-lg border text-sm">
          {answer.refused.map((r) => <li key={r.id} className="flex gap-3 border-b px-3 py-1.5 last:border-b-0"><Link to="/automation/runs/$id" params={{ id: r.id }} search={{}} className="font-mono text-xs text-accent hover:underline">{shortId(r.id)}</Link><span className="text-soft">{r.reason}</span></li>)}
        </ul>
      )}
      <div className="mt-4 flex justify-end"><Button look="primary" onClick={onClose}>Close</Button></div>
    </Dialog>
  );
}
