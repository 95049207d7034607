/** What was noticed in a document, worst first; each leads to its place in the text. */
import { CircleCheck } from "lucide-react";
import { useState } from "react";
import type { ConnectorDiagnostic } from "@/api/types";
import { count, plural } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Empty } from "@/ui/States";
import { Status } from "@/ui/Status";

const STEP = 100;

export function Diagnostics({ items, onGo }: { items: readonly ConnectorDiagnostic[]; onGo?: ((at: { line: number; column: number }) => void) | undefined }) {
  const [shown, setShown] = useState(STEP);
  if (items.length === 0) return <Empty icon={CircleCheck} title="Nothing to say">The document says what it means, and the package says all of it.</Empty>;
  return (
    <>
      <ol aria-label="Diagnostics">
        {items.slice(0, shown).map((d, i) => (
          <li key={i} className="border-b px-4 py-2.5 last:border-b-0">
            <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <Status kind="diagnostic" value={d.severity} quiet />
              {onGo ? <button type="button" className="num min-h-6 font-mono text-xs text-accent hover:underline" onClick={() => { onGo(d); }}>{d.file}:{d.line}:{d.column}</button> : <span className="num font-mono text-xs text-soft wrap-anywhere">{d.file}:{d.line}:{d.column}</span>}
              <span className="font-mono text-xs text-faint">{d.code}</span>
            </p>
            <p className="mt-0.5 text-sm wrap-anywhere">{d.message}</p>
            {d.suggestion && <p className="text-sm text-soft wrap-anywhere">{d.suggestion}</p>}
          </li>
        ))}
      </ol>
      {items.length > shown && <div className="p-3 text-center"><Button small onClick={() => { setShown(shown + STEP); }}>Show {plural(Math.min(STEP, items.length - shown), "more", "more")} of {count(items.length)}</Button></div>}
    </>
  );
}
