/** The input of a run as a form, made from the document's own input schema; or as JSON. */
import { useState } from "react";
import { parseJson, pretty } from "@/lib/json-lines";
import type { InputField } from "@/lib/workflow-head";
import { CodeEditor } from "@/ui/CodeEditor";
import { Select, Switch, TextField } from "@/ui/Field";

export type Filled = { value: unknown; error: string | null };
type Props = { fields: readonly InputField[]; suggestions: Record<string, readonly string[]>; value: Record<string, unknown>; onChange: (value: Record<string, unknown>, error: string | null) => void };

/** What a form starts with: the defaults of the schema. */
export const startOf = (fields: readonly InputField[]): Record<string, unknown> => Object.fromEntries(fields.flatMap((f) => (f.start === undefined ? [] : [[f.name, f.start] as const])));

/** The first thing that is missing, as the reason why it cannot go on. */
export const missing = (fields: readonly InputField[], value: Record<string, unknown>): string | null => {
  const one = fields.find((f) => f.required && (value[f.name] === undefined || value[f.name] === ""));
  return one ? `fill in: ${one.name}` : null;
};

export function InputForm({ fields, suggestions, value, onChange }: Props) {
  const [json, setJson] = useState<string | null>(fields.length === 0 ? "{}" : null);
  const set = (name: string, v: unknown) => { onChange(Object.fromEntries(Object.entries({ ...value, [name]: v }).filter(([, x]) => x !== undefined && x !== "")), null); };
  const type = (text: string) => {
    setJson(text);
    const parsed = parseJson(text);
    if ("error" in parsed) onChange(value, parsed.error);
    else onChange((parsed.value ?? {}) as Record<string, unknown>, null);
  };
  return (
    <div className="space-y-3">
      {json !== null ? <CodeEditor label="Input" value={json} onChange={type} className="h-40 w-full overflow-hidden rounded-lg border" />
        : fields.map((f) => <FieldInput key={f.name} field={f} value={value[f.name]} suggestions={suggestions[f.name] ?? []} onChange={(v) => { set(f.name, v); }} />)}
      {fields.length > 0 && <Switch label="As JSON" checked={json !== null} onChange={(on) => { setJson(on ? pretty(value) : null); }} />}
    </div>
  );
}

function FieldInput({ field: f, value, suggestions, onChange }: { field: InputField; value: unknown; suggestions: readonly string[]; onChange: (v: unknown) => void }) {
  const label = `${f.name}${f.required ? "" : " (optional)"}`;
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  if (f.kind === "switch") return <Switch label={label} checked={value === true} onChange={onChange} />;
  if (f.kind === "choice") return <Select label={label} value={text} onChange={(e) => { onChange(e.target.value || undefined); }} options={[["", "–"], ...f.choices.map((c) => [c, c] as const)]} />;
  if (suggestions.length > 0) return <Select label={label} value={text} onChange={(e) => { onChange(e.target.value || undefined); }} options={[["", "–"], ...suggestions.map((c) => [c, c] as const)]} />;
  if (f.kind === "number") return <TextField label={label} hint={f.doc || undefined} inputMode="decimal" value={text} onChange={(e) => { const n = Number(e.target.value); onChange(e.target.value.trim() === "" ? undefined : Number.isFinite(n) ? n : e.target.value); }} />;
  if (f.kind === "json") return <TextField label={`${label}, JSON`} hint={f.doc || undefined} spellCheck={false} defaultValue={value === undefined ? "" : JSON.stringify(value)} onChange={(e) => { const p = parseJson(e.target.value); onChange("error" in p ? e.target.value : p.value); }} />;
  return <TextField label={label} hint={f.doc || undefined} value={text} onChange={(e) => { onChange(e.target.value || undefined); }} />;
}
