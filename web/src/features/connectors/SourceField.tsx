/** A document: pasted, dropped, chosen as a file, or fetched by the server from an address. */
import { FileUp, Trash2 } from "lucide-react";
import clsx from "clsx";
import { useRef, useState, type DragEvent, type ReactNode } from "react";
import { EDITED_CHARACTERS_MAX, NO_SOURCE, readFile, type SourceDraft } from "@/lib/connector-source";
import { bytes } from "@/lib/format";
import { Button } from "@/ui/Button";
import { CodeEditor, type EditorProps } from "@/ui/CodeEditor";
import { Segmented, TextField } from "@/ui/Field";
import { Panel } from "@/ui/Panel";

type Props = { title: string; value: SourceDraft; onChange: (value: SourceDraft) => void; goTo?: EditorProps["goTo"]; more?: ReactNode; children?: ReactNode; height?: string };

export function SourceField({ title, value, onChange, goTo = null, more, children, height = "h-80" }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [refused, setRefused] = useState("");
  const take = (file: File | undefined) => {
    if (!file) return;
    void readFile(file).then((read) => {
      setRefused("refused" in read ? read.refused : "");
      if ("draft" in read) onChange(read.draft);
    });
  };
  const drag = (e: DragEvent) => { if (e.dataTransfer.types.includes("Files")) { e.preventDefault(); setOver(true); } };
  const long = value.text.length > EDITED_CHARACTERS_MAX;
  return (
    <Panel
      flush title={title} className={clsx("relative overflow-hidden", over && "outline-2 outline-accent")}
      actions={<>{more}<Segmented label={`${title}: where it comes from`} value={value.kind} options={[["text", "Text"], ["url", "Address"]]} onChange={(kind) => { onChange({ ...value, kind }); }} /></>}
    >
      <div onDragEnter={drag} onDragOver={drag} onDragLeave={(e) => { if (!e.currentTarget.contains(e.relatedTarget as Node | null)) setOver(false); }} onDrop={(e) => { e.preventDefault(); setOver(false); take(e.dataTransfer.files[0]); }}>
        {value.kind === "url" ? (
          <div className="p-4"><TextField label="Address" type="url" inputMode="url" placeholder="http://127.0.0.1:8080/openapi.json" value={value.url} onChange={(e) => { onChange({ ...value, url: e.target.value }); }} hint="The server fetches it: from this machine, or from hosts that its configuration allows (connectors.allow_hosts)." /></div>
        ) : (
          <>
            {long ? <p className={clsx("flex items-center justify-center px-6 text-center text-sm text-soft", height)}>{value.file || "The document"} is too long to be edited here. It is sent as it is.</p>
              : <div className="relative">
                  <CodeEditor label={title} value={value.text} onChange={(text) => { onChange({ ...value, text }); }} goTo={goTo} className={clsx("w-full", height)} />
                  {!value.text && <p aria-hidden className="pointer-events-none absolute inset-0 flex flex-col items-center justify-center gap-1 px-12 text-center text-sm text-faint"><FileUp className="mb-1 size-6" /><span>Paste an OpenAPI document, or drop a file.</span><span className="text-xs">2.0 to 3.2, YAML or JSON, at most 16 MiB</span></p>}
                </div>}
            <div className="flex flex-wrap items-center gap-x-3 gap-y-2 border-t px-4 py-2.5">
              <input ref={input} type="file" accept=".yaml,.yml,.json,application/json,application/yaml" className="sr-only" tabIndex={-1} aria-label={`${title}: file`} onChange={(e) => { take(e.target.files?.[0]); e.target.value = ""; }} />
              <Button small icon={FileUp} onClick={() => { input.current?.click(); }}>Choose a file…</Button>
              {value.text && <Button small look="ghost" icon={Trash2} onClick={() => { onChange(NO_SOURCE); }}>Clear</Button>}
              <span className="num min-w-0 truncate text-xs text-faint">{value.text ? `${value.file ? `${value.file} · ` : ""}${bytes(value.text.length)}` : "Esc, then Tab leaves the editor"}</span>
            </div>
          </>
        )}
        {refused && <p role="alert" className="border-t px-4 py-2.5 text-sm text-bad">{refused}</p>}
      </div>
      {children}
    </Panel>
  );
}
