/** How many lines when; those of errors stand in front. */
import type { LogHistogram } from "@/api/types";
import { count } from "@/lib/format";
import { clock, toMs } from "@/lib/time";

export function Histogram({ all, errors }: { all: LogHistogram; errors: LogHistogram | undefined }) {
  const max = Math.max(1, ...all.counts);
  const n = all.counts.length;
  const from = toMs(all.from);
  const width = (toMs(all.to) - from) / n;
  const total = all.counts.reduce((a, b) => a + b, 0);
  const bad = errors?.counts.reduce((a, b) => a + b, 0) ?? 0;
  return (
    <figure>
      <svg role="img" aria-label={`${count(total)} lines, ${count(bad)} of them errors`} viewBox={`0 0 ${String(n * 10)} 60`} preserveAspectRatio="none" className="h-14 w-full">
        {all.counts.map((c, i) => {
          const e = errors?.counts[i] ?? 0;
          return (
            <g key={i}><title>{`${clock(from + i * width)}: ${count(c)} lines, ${count(e)} errors`}</title>
              <rect x={i * 10 + 1} width="8" y={60 - (c / max) * 58} height={(c / max) * 58} className="fill-line-strong/50" />
              {e > 0 && <rect x={i * 10 + 1} width="8" y={60 - (e / max) * 58} height={(e / max) * 58} className="fill-bad" />}
            </g>
          );
        })}
      </svg>
      <figcaption className="num mt-1 flex justify-between text-xs text-faint"><span>{clock(from)}</span><span>{count(bad)} errors</span><span>{clock(toMs(all.to))}</span></figcaption>
    </figure>
  );
}
