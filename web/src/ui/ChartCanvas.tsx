/** The drawing half of Chart: uPlot with the page's colours, the expected band, what is outside it, and markers. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { metricValue } from "@/lib/format";
import { useResolvedTheme } from "@/lib/theme";
import { clock } from "@/lib/time";
import { PLOT_INSET, type ChartProps } from "./Chart";

const SERIES = ["--accent", "--warn", "--ok", "--bad", "--faint"];

/** Puts lines with their own clocks on one axis. */
function join(lines: ChartProps["lines"]): uPlot.AlignedData {
  const times = [...new Set(lines.flatMap((l) => l.points.map((p) => p[0] ?? 0)))].sort((a, b) => a - b);
  const columns = lines.map((l) => {
    const at = new Map(l.points.map((p) => [p[0], p[1]]));
    return times.map((t) => at.get(t) ?? null);
  });
  return [times, ...columns] as uPlot.AlignedData;
}

type Extras = Pick<ChartProps, "band" | "span" | "stack"> & { markers: NonNullable<ChartProps["markers"]> };

/** The band as an area with its edges, which tell where it ends when the values are far away from it. */
function drawBand(u: uPlot, { band: b }: Extras, color: (name: string) => string) {
  if (!b) return;
  const { ctx, bbox: { left, top, width, height } } = u;
  const clamp = (y: number) => Math.min(top + height, Math.max(top, y));
  const [y0, y1] = [clamp(u.valToPos(b.high, "y", true)), clamp(u.valToPos(b.low, "y", true))];
  ctx.fillStyle = color("--band");
  ctx.fillRect(left, y0, width, y1 - y0);
  ctx.fillStyle = color("--band-edge");
  ctx.fillRect(left, y0, width, devicePixelRatio);
  ctx.fillRect(left, y1 - devicePixelRatio, width, devicePixelRatio);
}

/** A dot on each point outside the band: on dense lines they run together to a thick one. */
function drawOutside(u: uPlot, { band: b }: Extras, color: (name: string) => string) {
  if (!b) return;
  const { ctx } = u;
  ctx.fillStyle = color("--bad");
  for (const column of u.data.slice(1)) {
    column.forEach((v, i) => {
      if (v === null || v === undefined || (v <= b.high && v >= b.low)) return;
      ctx.beginPath();
      ctx.arc(u.valToPos(u.data[0][i] ?? 0, "x", true), u.valToPos(v, "y", true), 2 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
    });
  }
}

export default function ChartCanvas({ metric, lines, band, markers = [], height = 180, span, stack }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const theme = useResolvedTheme();
  const shape = lines.map((l) => l.label).join("|");
  const extras = useRef<Extras>({ band, markers, span, stack });
  const key = stack?.key;

  useEffect(() => {
    extras.current = { band, markers, span, stack };
    plot.current?.setData(join(lines));
  }, [lines, band, markers, span, stack]);

  useEffect(() => {
    const host = box.current;
    if (!host) return;
    const css = getComputedStyle(document.documentElement);
    const color = (name: string) => css.getPropertyValue(name).trim();
    const font = "11px 'Inter Variable', sans-serif";
    const drawMarkers = (u: uPlot) => {
      const { ctx, bbox } = u;
      for (const m of extras.current.markers) {
        const x = u.valToPos(m.at, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = color(`--${m.tone}`);
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([4, 3]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        if (key !== undefined) { ctx.restore(); continue; }
        ctx.font = `${String(10 * devicePixelRatio)}px sans-serif`;
        const right = x > bbox.left + bbox.width * 0.8;
        ctx.textAlign = right ? "right" : "left";
        ctx.fillText(m.label, x + (right ? -4 : 4) * devicePixelRatio, bbox.top + 10 * devicePixelRatio);
        ctx.restore();
      }
    };
    const axis = { stroke: color("--faint"), font, grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    // A line at nothing still needs an axis that can be read.
    const least = metric.endsWith("_ratio") ? 0.01 : 1;
    const tip = document.createElement("div");
    tip.className = "pointer-events-none absolute top-1 right-2 hidden rounded border bg-panel px-1.5 text-xs text-ink num";
    // Charts of one stack move their cursors together, whichever of them is pointed at.
    const tell = (c: uPlot) => {
      const i = (c.cursor.left ?? -1) < 0 ? null : c.cursor.idx;
      tip.classList.toggle("hidden", i === null || i === undefined);
      if (i === null || i === undefined) return;
      tip.textContent = `${clock(c.data[0][i] ?? 0)}  ${c.series.slice(1).map((s, k) => `${typeof s.label === "string" && c.series.length > 2 ? `${s.label} ` : ""}${metricValue(metric, c.data[k + 1]?.[i])}`).join("  ")}`;
    };
    const u = new uPlot(
      {
        width: host.clientWidth || 300, height, ms: 1,
        legend: { show: false },
        padding: [8, PLOT_INSET.right, key === undefined ? 0 : 6, 0],
        cursor: { points: { size: 6 }, y: false, ...(key === undefined ? {} : { sync: { key }, drag: { x: false, y: false } }) },
        scales: { x: { range: (_u, lo, hi) => { const s = extras.current.span; return s ? [s.from, s.to] : [lo, hi]; } }, y: { range: (_u, lo, hi) => [Math.min(0, lo), (Math.max(hi, extras.current.band?.high ?? hi) || least) * 1.1] } },
        axes: [
          key === undefined
            ? { ...axis, size: 26, space: 70, values: (_u, ticks, _axis, _space, step) => ticks.map((t) => (step < 60_000 ? clock(t) : clock(t).slice(0, 5))) }
            : { ...axis, size: 0, splits: () => [...(extras.current.stack?.ticks ?? [])], values: () => [] },
          { ...axis, size: PLOT_INSET.left, space: height < 120 ? 26 : 30, values: (_u, ticks) => ticks.map((t) => metricValue(metric, t)) },
        ],
        series: [{}, ...shape.split("|").map((label, i) => ({ label, stroke: color(SERIES[i % SERIES.length] ?? "--accent"), width: 1.5, points: { show: false }, spanGaps: true }))],
        hooks: { drawAxes: [(c) => { drawBand(c, extras.current, color); }], draw: [(c) => { drawOutside(c, extras.current, color); }, drawMarkers], setCursor: [tell] },
      },
      join(lines),
      host,
    );
    plot.current = u;
    host.append(tip);
    const watch = new ResizeObserver(() => { u.setSize({ width: host.clientWidth, height }); });
    watch.observe(host);
    return () => { watch.disconnect(); u.destroy(); tip.remove(); plot.current = null; };
    // The chart is drawn again when its looks change; new samples go through setData above.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [theme, shape, height, metric, key]);

  return <div ref={box} className="relative h-full w-full" />;
}
