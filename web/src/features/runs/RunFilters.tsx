/** The filters of the list of runs. They are the address; this only writes it. */
import { Search } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { words } from "@/lib/format";
import { isFiltered, type RunSearch, type Span } from "@/lib/run-filter";
import { Button } from "@/ui/Button";
import { inputClass, Segmented, Select } from "@/ui/Field";

const STATUSES = ["pending", "running", "waiting", "suspended", "faulted", "completed", "cancelled"] as const;
const PURPOSES = [["", "Any reason"], ["incident", "Incident"], ["manual", "By hand"], ["schedule", "Schedule"], ["event", "Event"], ["subflow", "Sub-run"]] as const;
const TIMES = [["", "Any time"], ["15m", "Last 15 min"], ["1h", "Last hour"], ["6h", "Last 6 hours"], ["24h", "Last day"], ["7d", "Last week"], ["between", "Between…"]] as const;
const TYPING_MS = 250;

type Props = { search: RunSearch; workflows: readonly string[]; services: readonly string[]; onChange: (change: Partial<RunSearch>) => void; onClear: () => void };

export function RunFilters({ search, workflows, services, onChange, onClear }: Props) {
  const { status, workflow, service, purpose, span, since, until } = search;
  const [between, setBetween] = useState(Boolean(since ?? until));
  const time = span ?? (between || since || until ? "between" : "");
  const named = (any: string, names: readonly string[], current: string | undefined) => [["", any], ...[...new Set([...names, ...(current ? [current] : [])])].toSorted().map((n) => [n, n] as const)] as const;
  const chooseTime = (v: string) => {
    setBetween(v === "between");
    onChange(v === "between" ? { span: undefined, since: new Date(Date.now() - 3_600_000).toISOString() } : { span: (v || undefined) as Span | undefined, since: undefined, until: undefined });
  };
  return (
    <div className="mb-4 space-y-2">
      <Segmented label="Status" value={status ?? ""} options={[["", "All"], ...STATUSES.map((s) => [s, words(s)] as const)]} onChange={(s) => { onChange({ status: s || undefined }); }} />
      <div className="flex flex-wrap items-center gap-2">
        <TextSearch value={search.text ?? ""} onChange={(text) => { onChange({ text: text || undefined }); }} />
        <Select hideLabel label="Workflow" value={workflow ?? ""} onChange={(e) => { onChange({ workflow: e.target.value || undefined }); }} options={named("Any workflow", workflows, workflow)} />
        <Select hideLabel label="Service" value={service ?? ""} onChange={(e) => { onChange({ service: e.target.value || undefined }); }} options={named("Any service", services, service)} />
        <Select hideLabel label="Started by" value={purpose ?? ""} onChange={(e) => { onChange({ purpose: e.target.value || undefined }); }} options={PURPOSES} />
        <Select hideLabel label="Time" value={time} onChange={(e) => { chooseTime(e.target.value); }} options={TIMES} />
        {time === "between" && <><Instant label="From" value={since} onChange={(v) => { onChange({ since: v }); }} /><Instant label="Until" value={until} onChange={(v) => { onChange({ until: v }); }} /></>}
        {isFiltered(search) && <Button look="ghost" onClick={() => { setBetween(false); onClear(); }}>Clear</Button>}
      </div>
    </div>
  );
}

function TextSearch({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  // What was sent to the address and has not come back from it: the address may follow much later than the typing.
  const [sent, setSent] = useState<readonly string[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  if (value !== seen) {
    setSeen(value);
    if (sent.includes(value)) setSent(sent.slice(sent.indexOf(value) + 1));
    // The address changed by other means: Back, Clear.
    else { setSent([]); setText(value); }
  }
  // Another filter may be chosen while the typing rests: the newest address is the one to change.
  const change = useRef(onChange);
  useEffect(() => { change.current = onChange; });
  useEffect(() => () => { clearTimeout(timer.current); }, []);
  const type = (next: string) => {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const wanted = next.trim();
      setSent((old) => (wanted === (old.at(-1) ?? value) ? old : [...old, wanted]));
      change.current(wanted);
    }, TYPING_MS);
  };
  return (
    <span className="relative w-full sm:w-64">
      <Search aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-faint" />
      <input data-search type="search" aria-label="Search runs" placeholder="Id, workflow, service, error…" value={text} onChange={(e) => { type(e.target.value); }} className={`${inputClass} w-full pl-8`} />
    </span>
  );
}

/** A point in time as the browser's own control, local. */
function Instant({ label, value, onChange }: { label: string; value: string | undefined; onChange: (v: string | undefined) => void }) {
  const local = value ? new Date(Date.parse(value) - new Date(value).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : "";
  return <label className="inline-flex items-center gap-1.5 text-xs text-soft">{label}<input type="datetime-local" value={local} onChange={(e) => { onChange(e.target.value ? new Date(e.target.value).toISOString() : undefined); }} className={inputClass} /></label>;
}
