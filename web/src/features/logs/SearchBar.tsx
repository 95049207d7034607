/** What to look for. Typing searches after a short rest. */
import { Search } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { words } from "@/lib/format";
import type { Range } from "@/lib/time";
import { inputClass, Segmented, Select, Switch } from "@/ui/Field";

export type LogSearchState = { text?: string; level?: string; service?: string; range?: Range; live?: boolean };
const LEVELS = ["debug", "info", "warn", "error", "fatal"];

export function SearchBar({ search, services, onChange }: { search: LogSearchState; services: readonly string[]; onChange: (change: LogSearchState) => void }) {
  const [text, setText] = useState(search.text ?? "");
  const change = useRef(onChange);
  useEffect(() => { change.current = onChange; });
  useEffect(() => {
    if (text === (search.text ?? "")) return;
    const timer = setTimeout(() => { change.current({ text: text || undefined }); }, 300);
    return () => { clearTimeout(timer); };
  }, [text, search.text]);
  return (
    <search className="flex flex-wrap items-center gap-2">
      <div className="relative min-w-0 flex-1 basis-64">
        <Search aria-hidden className="absolute top-2 left-2.5 size-4 text-faint" />
        <input type="search" data-search aria-label="Search log lines" placeholder="Words in the line  ( / )" value={text} onChange={(e) => { setText(e.target.value); }} className={`${inputClass} w-full pl-8`} />
      </div>
      <Select hideLabel label="Level" value={search.level ?? ""} onChange={(e) => { onChange({ level: e.target.value || undefined }); }} options={[["", "Any level"], ...LEVELS.map((l) => [l, `${words(l)} and worse`] as const)]} />
      <Select hideLabel label="Service" value={search.service ?? ""} onChange={(e) => { onChange({ service: e.target.value || undefined }); }} options={[["", "Any service"], ...services.map((s) => [s, s] as const)]} />
      <Segmented label="Range" value={search.range ?? "15m"} options={[["5m", "5 min"], ["15m", "15 min"], ["1h", "1 h"], ["24h", "24 h"]]} onChange={(range) => { onChange({ range }); }} />
      <Switch label="Live tail" checked={search.live ?? false} onChange={(live) => { onChange({ live: live || undefined }); }} />
    </search>
  );
}
