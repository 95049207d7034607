/** JSON of any size: folded where it is deep or long, drawn only where one looks, copied whole. */
import clsx from "clsx";
import { ChevronRight, Copy } from "lucide-react";
import { useMemo, useState } from "react";
import { isEmpty } from "@/lib/json";
import { jsonLines, pretty, type JsonLine } from "@/lib/json-lines";
import { IconButton } from "./Button";
import { VirtualList } from "./VirtualList";

const LINE = 24;

export function JsonTree({ label, value, empty = "nothing" }: { label: string; value: unknown; empty?: string }) {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const lines = useMemo(() => jsonLines(value, toggled), [value, toggled]);
  if (isEmpty(value)) return <p className="text-xs text-faint">{empty}</p>;
  const toggle = (path: string) => { setToggled((old) => { const next = new Set(old); if (!next.delete(path)) next.add(path); return next; }); };
  return (
    <div className="relative rounded-lg border bg-raised/50">
      <VirtualList label={label} items={lines} rowHeight={LINE} maxRows={16} className="py-2 pr-8 pl-2 font-mono text-xs" render={(line) => <Line key={line.path + line.kind} line={line} onToggle={toggle} />} />
      <span className="absolute top-0.5 right-0.5"><IconButton label={`Copy ${label.toLowerCase()}`} icon={Copy} onClick={() => void navigator.clipboard.writeText(pretty(value))} /></span>
    </div>
  );
}

function Line({ line: l, onToggle }: { line: JsonLine; onToggle: (path: string) => void }) {
  const name = l.name !== null && <><span className="text-accent">{l.name}</span><span className="text-faint">: </span></>;
  const tone = l.kind === "string" ? "text-ok" : l.kind === "number" ? "text-warn" : l.kind === "other" ? "text-soft" : "text-faint";
  return (
    <div className="flex items-center whitespace-pre" style={{ height: LINE, paddingLeft: l.depth * 14 }}>
      {l.open === null ? <span className="w-6 shrink-0" /> : (
        <button type="button" aria-expanded={l.open} aria-label={`${l.open ? "Fold" : "Unfold"} ${l.name ?? (l.path || "all")}`} onClick={() => { onToggle(l.path); }} className="flex size-6 shrink-0 items-center justify-center text-faint hover:text-ink">
          <ChevronRight aria-hidden className={clsx("size-3", l.open && "rotate-90")} />
        </button>
      )}
      <span>{name}<span className={tone}>{l.text}</span>{l.cut !== undefined && <button type="button" onClick={() => { onToggle(l.path); }} className="ml-1 min-h-6 text-accent underline">… {l.cut.toLocaleString("en-US")} characters, show all</button>}</span>
    </div>
  );
}
