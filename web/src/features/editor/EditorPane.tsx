/** The text of a workflow with its problems: marked where they are, listed below, each a click away. */
import { CircleCheck, CircleX, LoaderCircle, PenLine } from "lucide-react";
import { useState } from "react";
import type { SourceError, Validation } from "@/api/types";
import { plural } from "@/lib/format";
import { CodeEditor } from "@/ui/CodeEditor";

type Props = {
  text: string;
  readOnly: boolean;
  schema: Record<string, unknown> | undefined;
  validation: Validation | undefined;
  /** The text was changed since the newest answer. */
  checking: boolean;
  failed: string | null;
  onChange: (text: string) => void;
  onSave: () => void;
};

export function EditorPane({ text, readOnly, schema, validation, checking, failed, onChange, onSave }: Props) {
  const [goTo, setGoTo] = useState<{ line: number; column: number } | null>(null);
  const problems = validation?.errors ?? [];
  return (
    <div className="flex h-full min-h-0 flex-col">
      <CodeEditor label="Workflow document" value={text} onChange={onChange} onSave={onSave} readOnly={readOnly} schema={schema} problems={problems} goTo={goTo} className="h-[26rem] min-h-0 w-full lg:h-auto lg:flex-1" />
      <div role="status" className="flex min-h-9 items-center gap-2 border-t px-4 py-1.5 text-xs">
        {failed ? <span className="flex items-center gap-1.5 text-bad"><CircleX aria-hidden className="size-3.5" />It could not be checked: {failed}</span>
          : checking || !validation ? <span className="flex items-center gap-1.5 text-faint"><LoaderCircle aria-hidden className="size-3.5 animate-spin" />Checking…</span>
          : validation.valid ? <span className="flex items-center gap-1.5 font-medium text-ok"><CircleCheck aria-hidden className="size-3.5" />Valid</span>
          : <span className="flex items-center gap-1.5 font-medium text-bad"><CircleX aria-hidden className="size-3.5" />{plural(problems.length, "problem")}</span>}
        <span className={`ml-auto items-center gap-1 text-faint ${readOnly ? "flex" : "hidden sm:flex"}`}>{readOnly ? "read only" : <><PenLine aria-hidden className="size-3.5" />Ctrl Space completes · Esc, then Tab leaves the editor</>}</span>
      </div>
      {problems.length > 0 && <Problems items={problems} onGo={(p) => { setGoTo({ line: p.line, column: p.column }); }} />}
    </div>
  );
}

function Problems({ items, onGo }: { items: readonly SourceError[]; onGo: (p: SourceError) => void }) {
  return (
    <ul aria-label="Problems" className="max-h-36 overflow-auto border-t">
      {items.map((p, i) => (
        <li key={`${String(p.line)}:${String(p.column)}${String(i)}`}>
          <button type="button" onClick={() => { onGo(p); }} className="flex min-h-7 w-full gap-3 px-4 py-1 text-left text-sm hover:bg-raised focus-visible:-outline-offset-2"><span className="num w-14 shrink-0 text-xs leading-5 text-faint">{p.line}:{p.column}</span><span className="wrap-anywhere">{p.message}</span></button>
        </li>
      ))}
    </ul>
  );
}
