/** The one way an instant is shown: relative or as a clock, with the full time on hover and for machines. */
import { useNow } from "@/lib/clock";
import { ago, clock, clockMs, full, toMs } from "@/lib/time";

type Props = { at: string | number; as?: "ago" | "clock" | "clock-ms" | "full"; className?: string };

export function Time({ at, as = "ago", className }: Props) {
  const ms = toMs(at);
  if (!Number.isFinite(ms)) return <span className={className}>–</span>;
  const attributes = { dateTime: new Date(ms).toISOString(), title: full(ms), className };
  if (as === "ago") return <Ago ms={ms} {...attributes} />;
  return <time {...attributes}>{as === "clock" ? clock(ms) : as === "clock-ms" ? clockMs(ms) : full(ms)}</time>;
}

function Ago({ ms, ...attributes }: { ms: number; dateTime: string; title: string; className?: string }) {
  return <time {...attributes}>{ago(ms, useNow())}</time>;
}
