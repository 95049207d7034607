/** Buttons for what the API allows, and the dialogs that ask for what an action needs. No rule is typed here twice. */
import { useState } from "react";
import { useAllowedAction } from "@/api/actions";
import type { AllowedAction } from "@/api/types";
import { Button, type ButtonLook } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { TextArea } from "@/ui/Field";

type Form = { look: ButtonLook; ask: string; field?: { name: string; label: string; required: boolean } };

const FORMS: Record<string, Form> = {
  approve: { look: "primary", ask: "The recommended runbook starts at once. Its result is verified on telemetry, and undone when it does not hold." },
  reject: { look: "secondary", ask: "Nothing will be run for this decision. Your reason is kept: it lowers the confidence of the next one like it.", field: { name: "reason", label: "Reason", required: true } },
  acknowledge: { look: "secondary", ask: "You take this incident. Automation goes on as the policy says; people see that someone looks." },
  resolve: { look: "secondary", ask: "Say that it is over. Findings that still fire will open a new incident.", field: { name: "note", label: "What ended it", required: true } },
  cancel: { look: "danger", ask: "The run ends after its current step. What it did so far is undone where an inverse exists." },
};
const OTHER: Form = { look: "secondary", ask: "This is done at once and kept in the audit log." };

export function ActionBar({ actions, context, small }: { actions: readonly AllowedAction[]; context?: string; small?: boolean }) {
  const [open, setOpen] = useState<string | null>(null);
  const action = actions.find((a) => a.name === open);
  return (
    <>
      {actions.map((a) => (
        <Button key={a.name} small={small} look={(FORMS[a.name] ?? OTHER).look} disabledReason={a.allowed ? null : (a.reason ?? "not allowed now")} onClick={() => { setOpen(a.name); }}>{a.title}</Button>
      ))}
      {action && <ActionDialog key={action.name} action={action} context={context} onClose={() => { setOpen(null); }} />}
    </>
  );
}

function ActionDialog({ action, context, onClose }: { action: AllowedAction; context?: string; onClose: () => void }) {
  const form = FORMS[action.name] ?? OTHER;
  const [text, setText] = useState("");
  const run = useAllowedAction();
  const { field } = form;
  return (
    <Confirm
      title={`${action.title}?`} confirm={action.title} look={form.look === "danger" ? "danger" : "primary"} busy={run.isPending}
      error={run.error ? `${run.error.message}. ${(run.error as { detail?: string }).detail ?? ""}` : null}
      blocked={!action.allowed ? (action.reason ?? "not allowed now") : field?.required && text.trim() === "" ? `Fill in: ${field.label.toLowerCase()}` : null}
      onClose={onClose}
      onConfirm={() => { run.mutate({ action, body: field ? { [field.name]: text.trim() } : {} }, { onSuccess: onClose }); }}
    >
      {context && <p className="font-medium text-ink">{context}</p>}
      <p>{form.ask}</p>
      {field && <TextArea label={field.label} required={field.required} maxLength={2000} value={text} onChange={(e) => { setText(e.target.value); }} />}
    </Confirm>
  );
}
