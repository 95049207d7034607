/** A time series chart. The drawing library is loaded when the first chart is shown; a text summary always is. */
import { lazy, Suspense } from "react";
import type { Band } from "@/api/types";
import { metricValue } from "@/lib/format";
import { Skeleton } from "./States";

export type Line = { label: string; points: readonly (readonly number[])[] };
export type Marker = { at: number; label: string; tone: "bad" | "warn" | "ok" | "accent" };
export type ChartProps = {
  label: string; metric: string; lines: readonly Line[]; band?: Band | null; markers?: readonly Marker[]; height?: number;
  /** The time that it shows, in milliseconds; that of its points unless told. */
  span?: { from: number; to: number };
  /** One of several under one axis of time: they share a cursor and its lines; times and what markers mean are written once, beside them. */
  stack?: { key: string; ticks: readonly number[] };
};
/** Where the plot begins and ends in a chart, in pixels: for what is drawn beside charts on the same time. */
export const PLOT_INSET = { left: 62, right: 26 } as const;

const Canvas = lazy(() => import("./ChartCanvas"));

export function Chart(props: ChartProps) {
  const values = props.lines.flatMap((l) => l.points.map((p) => p[1] ?? 0));
  const say = (n: number | undefined) => metricValue(props.metric, n);
  const height = props.height ?? 180;
  if (values.length === 0) return <div className="flex items-center justify-center text-sm text-faint" style={{ height }}>No samples in this range</div>;
  const last = props.lines[0]?.points.at(-1)?.[1];
  let low = Infinity;
  let high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  const summary = `${props.label}: now ${say(last)}, lowest ${say(low)}, highest ${say(high)}${props.band ? `, expected ${say(props.band.low)} to ${say(props.band.high)}` : ""}.`;
  return (
    <figure className="min-w-0">
      <figcaption className="sr-only">{summary}</figcaption>
      <div aria-hidden style={{ height }}>
        <Suspense fallback={<Skeleton className="h-full w-full" />}><Canvas {...props} height={height} /></Suspense>
      </div>
    </figure>
  );
}
