/** What stands above and below charts of one time: the moments that cross them all, and the times. Aligned with their plots. */
import clsx from "clsx";
import { flags, type Moment, type Span } from "@/lib/evidence";
import { PLOT_INSET } from "./Chart";

const INK: Record<Moment["tone"], string> = { bad: "text-bad", warn: "text-warn", ok: "text-ok", accent: "text-accent" };
const ROW_PX = 18;

const inset = { marginLeft: PLOT_INSET.left, marginRight: PLOT_INSET.right };
const percentAt = (share: number) => `${(share * 100).toFixed(2)}%`;

/** The words of the lines that go through every chart below. */
export function MomentLane({ moments, span, widthPx }: { moments: readonly Moment[]; span: Span; widthPx: number }) {
  const all = flags(moments, span, widthPx);
  const rows = Math.max(0, ...all.map((f) => f.row + 1));
  return (
    <div aria-hidden className="relative" style={{ ...inset, height: rows * ROW_PX + 4 }}>
      {all.map((f) => (
        <span key={`${String(f.at)}${f.label}`} className={clsx("absolute bottom-0 border-dashed border-current text-xs font-medium whitespace-nowrap", f.before ? "-translate-x-full border-r pr-1" : "border-l pl-1", INK[f.tone])} style={{ left: percentAt(f.share), top: f.row * ROW_PX }}>{f.label}</span>
      ))}
    </div>
  );
}

export function TimeAxis({ ticks, span }: { ticks: readonly { at: number; text: string }[]; span: Span }) {
  return (
    <div aria-hidden className="relative h-5" style={inset}>
      {ticks.map((t) => <span key={t.at} className="num absolute -translate-x-1/2 text-[11px] text-faint" style={{ left: percentAt((t.at - span.from) / (span.to - span.from)) }}>{t.text}</span>)}
    </div>
  );
}
