/** What a runbook earned: outcomes that held, by failure class. */
import type { Track } from "@/api/types";
import { percent, plural, words } from "@/lib/format";
import { Meter } from "@/ui/Bits";
import { Time } from "@/ui/Time";

export function TrackRecord({ tracks, brief }: { tracks: readonly Track[]; brief?: boolean }) {
  const held = tracks.reduce((n, t) => n + t.held, 0);
  const all = held + tracks.reduce((n, t) => n + t.failed, 0);
  if (brief) {
    return <div className="mt-3 border-t pt-3"><p className="mb-1.5 text-xs text-soft">{all > 0 ? <>held <strong className="num text-ink">{held} of {all}</strong> times</> : "no outcome yet"}</p><Meter value={all > 0 ? held / all : 0} label="Held" tone="ok" /></div>;
  }
  if (tracks.length === 0) return <p className="text-sm text-soft">No outcome yet. The first runs start from an even chance, and each outcome moves the next confidence.</p>;
  return (
    <ul className="space-y-3">
      {tracks.map((t) => {
        const n = t.held + t.failed;
        return (
          <li key={t.class}>
            <p className="mb-1 flex items-baseline gap-2 text-sm"><span className="font-medium">{words(t.class)}</span><span className="num ml-auto text-soft">{percent(n > 0 ? t.held / n : 0)}</span></p>
            <Meter value={n > 0 ? t.held / n : 0} label={`Held for ${words(t.class)}`} tone="ok" />
            <p className="mt-1 text-xs text-faint">{plural(n, "outcome")}, newest <Time at={t.updated_at} />{t.consecutive_failures > 0 && <span className="text-warn"> · {plural(t.consecutive_failures, "failure")} since the last success</span>}</p>
          </li>
        );
      })}
    </ul>
  );
}
