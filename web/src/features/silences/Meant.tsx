/** The findings that a condition means now. */
import type { SilenceMatches } from "@/api/types";
import { count, tie, words } from "@/lib/format";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function Meant({ matches: { matching, total } }: { matches: SilenceMatches }) {
  return (
    <ul aria-label="Findings that are meant" className="max-h-56 overflow-auto rounded-lg border">
      {matching.map((f) => (
        <li key={f.id} className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-2.5 border-b px-3 py-1.5 text-sm last:border-b-0">
          <Status kind="severity" value={f.severity} iconOnly />
          <span className="min-w-0 wrap-anywhere text-ink">{f.service}: {tie(f.summary)} <span className="text-xs text-faint">{words(f.kind)} <Time at={f.detected_at} /></span></span>
        </li>
      ))}
      {total > matching.length && <li className="px-3 py-1.5 text-xs text-faint">and {count(total - matching.length)} more</li>}
    </ul>
  );
}
