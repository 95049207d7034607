/** Asks for what one action needs, does it, and shows the refusal where the question was. */
import { useState } from "react";
import { useAllowedAction } from "@/api/actions";
import type { AllowedAction } from "@/api/types";
import { parseJson, pretty } from "@/lib/json-lines";
import { CodeEditor } from "@/ui/CodeEditor";
import { Confirm } from "@/ui/Dialog";
import { Select, Switch, TextArea } from "@/ui/Field";
import { formOf, type Field } from "./forms";

type Props = { action: AllowedAction; context?: string; body?: Record<string, unknown>; start?: Record<string, unknown>; choices?: readonly (readonly [string, string])[]; onClose: () => void; onDone?: () => void };

/** The part of the body that a field gives, or why it cannot be sent yet. */
function read(field: Field, text: string | undefined): { value: unknown } | { error: string } {
  if (field.kind === "json") return text === undefined ? { value: undefined } : parseJson(text);
  const value = text?.trim() ?? "";
  if (value === "" && (field.kind === "choice" || field.required)) return { error: field.kind === "choice" ? `choose: ${field.label.toLowerCase()}` : `Fill in: ${field.label.toLowerCase()}` };
  return { value: value === "" ? undefined : value };
}

export function ActionDialog({ action, context, body = {}, start = {}, choices = [], onClose, onDone }: Props) {
  const { danger, ask, body: own, ...form } = formOf(action);
  // JSON that there is nothing to begin with is not asked for: a run as a whole has no input of a step.
  const fields = form.fields.filter((f) => f.kind !== "json" || f.name in start);
  // A JSON field that is not switched on has no text and is not sent.
  const [texts, setTexts] = useState<Record<string, string | undefined>>({});
  const run = useAllowedAction();
  const set = (name: string, text: string | undefined) => { setTexts((old) => ({ ...old, [name]: text })); };
  // A choice that was not made is the first: it may have been loaded after the question was asked.
  const textOf = (f: Field) => texts[f.name] ?? (f.kind === "choice" ? choices[0]?.[0] : undefined);
  const answers = fields.map((f) => [f.name, read(f, textOf(f))] as const);
  const missing = answers.map(([, a]) => ("error" in a ? a.error : null)).find(Boolean);
  const filled = Object.fromEntries(answers.map(([name, a]) => [name, "value" in a ? a.value : undefined]));
  return (
    <Confirm
      title={`${action.title}?`} confirm={action.title} look={danger ? "danger" : "primary"} busy={run.isPending} wide={fields.some((f) => f.kind === "json")}
      error={run.error ? `${run.error.message}. ${(run.error as { detail?: string }).detail ?? ""}` : null}
      blocked={!action.allowed ? (action.reason ?? "not allowed now") : (missing ?? null)}
      onClose={onClose}
      onConfirm={() => { run.mutate({ action, body: { ...own, ...body, ...filled } }, { onSuccess: () => { onClose(); onDone?.(); } }); }}
    >
      {context && <p className="font-medium wrap-anywhere text-ink">{context}</p>}
      <p>{ask}</p>
      {fields.map((f) => <FieldInput key={f.name} field={f} text={textOf(f)} start={start[f.name]} choices={choices} onText={(text) => { set(f.name, text); }} />)}
    </Confirm>
  );
}

function FieldInput({ field: f, text, start, choices, onText }: { field: Field; text: string | undefined; start: unknown; choices: readonly (readonly [string, string])[]; onText: (text: string | undefined) => void }) {
  if (f.kind === "text") return <TextArea label={f.label} required={f.required} maxLength={2000} value={text ?? ""} onChange={(e) => { onText(e.target.value); }} />;
  if (f.kind === "choice") return choices.length > 0 ? <Select label={f.label} value={text ?? ""} onChange={(e) => { onText(e.target.value); }} options={choices} /> : <p>There is no other version to choose from.</p>;
  const on = text !== undefined;
  const parsed = on ? parseJson(text) : null;
  return (
    <div>
      <Switch label={f.offer} checked={on} onChange={(yes) => { onText(yes ? pretty(start) : undefined); }} />
      {on && <CodeEditor label={f.label} value={text} onChange={onText} className="mt-1 h-56 w-full overflow-hidden rounded-lg border" />}
      {parsed && "error" in parsed && <p role="status" className="mt-1 text-xs text-bad">{parsed.error}</p>}
    </div>
  );
}
