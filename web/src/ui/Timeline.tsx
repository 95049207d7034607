/** What happened, line by line. Newest first in feeds, oldest first in stories: the caller sorts. */
import { Link } from "@tanstack/react-router";
import { Activity, CircleDot, Eye, Play, Scale, Stethoscope, UserRound, type LucideIcon } from "lucide-react";
import { tie } from "@/lib/format";
import { Time } from "./Time";

const ICON: Record<string, LucideIcon> = { finding: Activity, diagnosis: Stethoscope, decision: Scale, run: Play, verification: Eye, person: UserRound, status: CircleDot };

export type TimelineItem = { at: string; kind: string; text: string; incident?: string | null; context?: string };

export function Timeline({ items, as = "clock" }: { items: readonly TimelineItem[]; as?: "clock" | "clock-ms" | "ago" }) {
  return (
    <ol className="relative">
      {items.map((item, i) => {
        const Icon = ICON[item.kind] ?? CircleDot;
        return (
          <li key={`${item.at}${item.text}${String(i)}`} className="relative grid grid-cols-[1.25rem_minmax(0,1fr)_auto] gap-x-3 pb-3 last:pb-0">
            {i < items.length - 1 && <span aria-hidden className="absolute top-5 bottom-0 left-2.5 w-px bg-line" />}
            <span className="flex size-5 items-center justify-center rounded-full bg-raised text-soft"><Icon aria-hidden className="size-3" /></span>
            <span className="min-w-0 text-sm leading-5 wrap-anywhere text-ink"><span className="sr-only">{item.kind}: </span>
              {item.context && items[i - 1]?.context !== item.context && <span className="block truncate text-xs text-faint">{item.context}</span>}
              {item.incident ? <Link to="/incidents/$id" params={{ id: item.incident }} search={{}} className="hover:underline">{tie(item.text)}</Link> : tie(item.text)}
            </span>
            <Time at={item.at} as={as} className="text-xs leading-5 text-faint" />
          </li>
        );
      })}
    </ol>
  );
}
