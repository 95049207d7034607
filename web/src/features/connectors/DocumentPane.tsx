/** The document of a connector with what was noticed in it; it can be mended here and made again. */
import { PackagePlus } from "lucide-react";
import { useMemo, useState } from "react";
import type { Connector } from "@/api/types";
import { EDITED_CHARACTERS_MAX } from "@/lib/connector-source";
import { plural } from "@/lib/format";
import { Button } from "@/ui/Button";
import { CodeEditor } from "@/ui/CodeEditor";
import { Panel } from "@/ui/Panel";
import { Diagnostics } from "./Diagnostics";

const SEVERITIES: Record<string, "error" | "warning" | "info"> = { error: "error", warning: "warning" };

type Props = { connector: Connector; /** Its text as it was sent; null when this browser does not have it. */ text: string | null; busy: boolean; refused: string | null; onMake: (text: string) => void };

export function DocumentPane({ connector, text, busy, refused, onMake }: Props) {
  const [draft, setDraft] = useState(text ?? "");
  const [goTo, setGoTo] = useState<{ line: number; column: number } | null>(null);
  const shown = text !== null && text.length <= EDITED_CHARACTERS_MAX;
  const changed = draft !== text;
  const problems = useMemo(() => (changed ? [] : connector.diagnostics.map((d) => ({ line: d.line, column: d.column, message: d.suggestion ? `${d.message}. ${d.suggestion}` : d.message, severity: SEVERITIES[d.severity] ?? ("info" as const) }))), [connector.diagnostics, changed]);
  return (
    <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.4fr)]">
      <Panel flush title="Diagnostics" hint={connector.diagnostics.length > 0 ? plural(connector.diagnostics.length, "place") : undefined}>
        <div className="max-h-[65vh] overflow-auto">
          <Diagnostics items={connector.diagnostics} onGo={shown ? (d) => { setGoTo({ line: d.line, column: d.column }); } : undefined} />
        </div>
      </Panel>
      <Panel
        flush title="Document" className="overflow-hidden" hint={changed && shown ? "changed since the package was made" : undefined}
        actions={shown && <Button small look={changed ? "primary" : "secondary"} icon={PackagePlus} busy={busy} disabledReason={refused ?? (changed ? null : "change something first")} onClick={() => { onMake(draft); }}>Make again</Button>}
      >
        {shown ? <CodeEditor label="Document" value={draft} onChange={setDraft} problems={problems} goTo={goTo} className="h-[60vh] min-h-80 w-full" />
          : <p className="p-6 text-sm text-soft">{text === null ? "This browser does not have the document: it was fetched by the server, sent from elsewhere, or the tab was closed since." : "The document is too long to be edited here."} The places on the left tell file, line and column.</p>}
      </Panel>
    </div>
  );
}
