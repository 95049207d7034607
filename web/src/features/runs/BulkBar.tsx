/** What can be done with the chosen runs, all at once. */
import { useQuery } from "@tanstack/react-query";
import { Ban, Pause, Play, RotateCcw, type LucideIcon } from "lucide-react";
import { useState } from "react";
import { PREVIEW_LIMIT, runsPreviewQuery } from "@/api/queries";
import type { BulkAction, RunFilter, RunItem } from "@/api/types";
import { tally } from "@/lib/bulk";
import { plural } from "@/lib/format";
import { Button } from "@/ui/Button";
import { BulkDialog } from "./BulkDialog";

export const BULK: readonly { action: BulkAction; title: string; icon: LucideIcon }[] = [
  { action: "pause", title: "Pause", icon: Pause }, { action: "resume", title: "Resume", icon: Play }, { action: "retry", title: "Retry", icon: RotateCcw }, { action: "cancel", title: "Cancel and undo", icon: Ban },
];

type Props = {
  /** The runs on this screen. */
  shown: readonly RunItem[];
  chosen: ReadonlySet<string>;
  /** Every run that fits the filter, also those not on this screen. */
  all: boolean;
  more: boolean;
  filter: RunFilter;
  about: string;
  onAll: (all: boolean) => void;
  onShown: (on: boolean) => void;
};

export function BulkBar({ shown, chosen, all, more, filter, about, onAll, onShown }: Props) {
  const [asking, setAsking] = useState<BulkAction | null>(null);
  const preview = useQuery({ ...runsPreviewQuery(filter), enabled: all, throwOnError: false });
  const runs = all ? (preview.data?.items ?? []) : shown.filter((r) => chosen.has(r.id));
  const everyShown = shown.length > 0 && shown.every((r) => chosen.has(r.id));
  const count = all ? (preview.data ? `${String(runs.length)}${preview.data.next ? "+" : ""}` : "…") : String(runs.length);
  const none = !all && runs.length === 0 ? "choose runs first" : all && preview.isPending ? "counting" : null;
  return (
    <div role="toolbar" aria-label="With the chosen runs" className="flex min-h-11 flex-wrap items-center gap-x-3 gap-y-2 border-b px-4 py-1.5">
      <label className="-ml-1.5 flex min-h-7 cursor-pointer items-center gap-2.5 pl-1.5 text-sm">
        <input type="checkbox" checked={all || everyShown} ref={(e) => { if (e) e.indeterminate = !all && !everyShown && chosen.size > 0; }} onChange={(e) => { onShown(e.target.checked); }} className="size-4 accent-accent-solid" />
        <span className={runs.length > 0 || all ? "font-medium" : "text-soft"}>{all || runs.length > 0 ? `${count} chosen` : `Choose all ${String(shown.length)} shown`}</span>
      </label>
      {(everyShown && more && !all) && <button type="button" onClick={() => { onAll(true); }} className="min-h-6 text-xs font-medium text-accent hover:underline">Choose every run that fits these filters</button>}
      {all && <span className="text-xs text-soft">every run that fits{preview.data?.next ? `, of which the first ${String(PREVIEW_LIMIT)} were counted` : ""}</span>}
      <span className="ml-auto flex flex-wrap gap-2">
        {BULK.map(({ action, title, icon }) => {
          const { able, refused } = tally(runs, action);
          const blocked = none ?? (able.length === 0 ? (refused[0] ? `none of these ${plural(runs.length, "run")}: ${refused[0].reason}` : "no run fits") : null);
          return <Button key={action} small icon={icon} disabledReason={blocked} onClick={() => { setAsking(action); }}>{title}</Button>;
        })}
      </span>
      {asking && <BulkDialog action={asking} title={BULK.find((b) => b.action === asking)?.title ?? asking} runs={runs} all={all} open={Boolean(all && preview.data?.next)} filter={filter} about={about} onClose={() => { setAsking(null); }} onDone={() => { onShown(false); }} />}
    </div>
  );
}
