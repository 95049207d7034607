/** The drawing half of Chart: uPlot with the page's colours, the expected band and markers. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { metricValue } from "@/lib/format";
import { useResolvedTheme } from "@/lib/theme";
import { clock } from "@/lib/time";
import type { ChartProps } from "./Chart";

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

export default function ChartCanvas({ metric, lines, band, markers = [], height = 180 }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const theme = useResolvedTheme();
  const shape = lines.map((l) => l.label).join("|");
  const extras = useRef({ band, markers });

  useEffect(() => {
    extras.current = { band, markers };
    plot.current?.setData(join(lines));
  }, [lines, band, markers]);

  useEffect(() => {
    const host = box.current;
    if (!host) return;
    const css = getComputedStyle(document.documentElement);
    const color = (name: string) => css.getPropertyValue(name).trim();
    const font = "11px 'Inter Variable', sans-serif";
    const drawBand = (u: uPlot) => {
      const b = extras.current.band;
      if (!b) return;
      const { left, top, width, height: h } = u.bbox;
      const clamp = (y: number) => Math.min(top + h, Math.max(top, y));
      const [y0, y1] = [clamp(u.valToPos(b.high, "y", true)), clamp(u.valToPos(b.low, "y", true))];
      u.ctx.fillStyle = color("--band");
      u.ctx.fillRect(left, y0, width, y1 - y0);
    };
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
    const u = new uPlot(
      {
        width: host.clientWidth || 300, height, ms: 1,
        legend: { show: false },
        padding: [8, 26, 0, 0],
        cursor: { points: { size: 6 }, y: false },
        scales: { y: { range: (_u, lo, hi) => [Math.min(0, lo), (Math.max(hi, extras.current.band?.high ?? hi) || least) * 1.1] } },
        axes: [
          { ...axis, size: 26, space: 70, values: (_u, ticks, _axis, _space, step) => ticks.map((t) => (step < 60_000 ? clock(t) : clock(t).slice(0, 5))) },
          { ...axis, size: 62, values: (_u, ticks) => ticks.map((t) => metricValue(metric, t)) },
        ],
        series: [{}, ...shape.split("|").map((label, i) => ({ label, stroke: color(SERIES[i % SERIES.length] ?? "--accent"), width: 1.5, points: { show: false }, spanGaps: true }))],
        hooks: { drawAxes: [drawBand], draw: [drawMarkers] },
      },
      join(lines),
      host,
    );
    plot.current = u;
    const tip = document.createElement("div");
    tip.className = "pointer-events-none absolute top-1 right-2 hidden rounded border bg-panel px-1.5 text-xs text-ink num";
    host.append(tip);
    u.over.addEventListener("mousemove", () => {
      const i = u.cursor.idx;
      tip.classList.toggle("hidden", i === null || i === undefined);
      if (i === null || i === undefined) return;
      tip.textContent = `${clock(u.data[0][i] ?? 0)}  ${u.series.slice(1).map((s, k) => `${typeof s.label === "string" && u.series.length > 2 ? `${s.label} ` : ""}${metricValue(metric, u.data[k + 1]?.[i])}`).join("  ")}`;
    });
    u.over.addEventListener("mouseleave", () => { tip.classList.add("hidden"); });
    const watch = new ResizeObserver(() => { u.setSize({ width: host.clientWidth, height }); });
    watch.observe(host);
    return () => { watch.disconnect(); u.destroy(); tip.remove(); plot.current = null; };
    // The chart is drawn again when its looks change; new samples go through setData above.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [theme, shape, height, metric]);

  return <div ref={box} className="relative h-full w-full" />;
}
