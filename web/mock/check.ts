/** A small reading of workflow documents, with line and column in each error: enough for the screens, not the real parser. */
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Node } from "yaml";
import type { SourceError, Validation } from "../src/api/types";
import { graphOf } from "./graph";

const TOP = ["document", "input", "use", "do", "timeout", "output", "schedule", "evaluate", "metadata"];
const KINDS = ["call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait"];
const BASE = ["if", "input", "output", "export", "timeout", "then", "metadata", "with", "while", "catch", "foreach"];

/** The known word nearest to a mistyped one. */
function near(word: string, known: readonly string[]): string {
  const distance = (a: string, b: string): number => {
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i += 1) {
      const next = [i];
      for (let j = 1; j <= b.length; j += 1) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
      row = next;
    }
    return row[b.length]!;
  };
  const [best] = known.map((k) => [k, distance(word, k)] as const).sort((a, b) => a[1] - b[1]);
  return best && best[1] <= 2 ? `; did you mean \`${best[0]}\`?` : "";
}

export function check(source: string): Validation {
  const counter = new LineCounter();
  const doc = parseDocument(source, { lineCounter: counter, prettyErrors: false });
  const errors: SourceError[] = [];
  const at = (offset: number, message: string) => { const { line, col } = counter.linePos(offset); errors.push({ line, column: col, message }); };
  for (const e of doc.errors) at(e.pos[0], e.message);
  if (errors.length > 0) return { valid: false, errors: errors.slice(0, 1), graph: null };
  const where = (n: unknown) => (n as Node | null)?.range?.[0] ?? 0;
  const root = doc.contents;
  if (!isMap(root)) return { valid: false, errors: [{ line: 1, column: 1, message: "a workflow is an object with `document` and `do`" }], graph: null };
  for (const p of root.items) if (isScalar(p.key) && !TOP.includes(String(p.key.value))) at(where(p.key), `unknown field \`${String(p.key.value)}\`${near(String(p.key.value), TOP)}`);
  const head = root.get("document", true);
  for (const field of ["dsl", "namespace", "name", "version"]) {
    const value: unknown = isMap(head) ? head.get(field) : undefined;
    if (typeof value !== "string" || value === "") at(where(head ?? root), `\`document.${field}\` is missing${typeof value === "number" ? "; write it in quotes" : ""}`);
  }
  const tasks = (list: unknown, owner: unknown) => {
    if (!isSeq(list)) { at(where(list ?? owner), "`do` must be a list of tasks, each `- name: { … }`"); return; }
    for (const item of list.items) {
      const pair = isMap(item) ? item.items[0] : undefined;
      if (!isPair(pair) || !isMap(pair.value)) { at(where(item), "a task is `- name:` with its type below, for example `call`, `set` or `wait`"); continue; }
      const keys = pair.value.items.flatMap((p) => (isScalar(p.key) ? [p.key] : []));
      const kinds = keys.filter((k) => KINDS.includes(String(k.value)));
      for (const k of keys) if (!KINDS.includes(String(k.value)) && !BASE.includes(String(k.value))) at(where(k), `unknown field \`${String(k.value)}\` of a task${near(String(k.value), [...KINDS, ...BASE])}`);
      if (kinds.length === 0) at(where(pair.key), `task \`${String((pair.key as { value?: unknown }).value)}\` says not what it does: add one of ${KINDS.join(", ")}`);
      const inner = pair.value;
      if (inner.has("try")) tasks(inner.get("try", true), pair.key);
      if (inner.has("do")) tasks(inner.get("do", true), pair.key);
    }
  };
  tasks(root.get("do", true), root);
  // The server names the first problem, and draws only what is valid.
  return errors.length > 0 ? { valid: false, errors: errors.slice(0, 1), graph: null } : { valid: true, errors: [], graph: graphOf(doc.toJS()) };
}
