/** The map: boxes are services with the shape and colour of their health, lines are calls that flow at their rate. */
import { useNavigate } from "@tanstack/react-router";
import clsx from "clsx";
import { useMemo } from "react";
import type { Edge, MapNode, ServiceMap } from "@/api/types";
import { percent, rate } from "@/lib/format";
import { mapLine, placeMap, type MapSize } from "@/lib/map-layout";
import { duration } from "@/lib/time";
import { look, toneInk } from "@/ui/Status";

const W = 196;
const H = 74;
const SIZE: MapSize = { box: { width: W, height: H }, way: "LR", gap: 34, reach: 110, margin: 16 };

export default function ServiceMapView({ map }: { map: ServiceMap }) {
  const key = JSON.stringify([map.nodes.map((n) => n.name).toSorted(), map.edges.map((e) => [e.from, e.to]).toSorted()]);
  const layout = useMemo(() => { const [names, edges] = JSON.parse(key) as [string[], [string, string][]]; return placeMap(names, edges, SIZE); }, [key]);
  return (
    <div className="overflow-x-auto">
      <svg viewBox={`0 0 ${String(layout.width)} ${String(layout.height)}`} className="mx-auto block h-auto w-full max-w-5xl min-w-160" role="group" aria-label="Service map">
        {map.edges.map((e) => <Call key={`${e.from}>${e.to}`} edge={e} from={layout.at.get(e.from)} to={layout.at.get(e.to)} />)}
        {map.nodes.map((n) => <Box key={n.name} node={n} at={layout.at.get(n.name)} />)}
      </svg>
    </div>
  );
}

type At = { x: number; y: number } | undefined;

function Call({ edge: e, from, to }: { edge: Edge; from: At; to: At }) {
  if (!from || !to) return null;
  const { path, head, middle } = mapLine(from, to, SIZE);
  const bad = e.error_ratio > 0.05;
  return (
    <g className={bad ? "text-bad" : "text-line-strong"}>
      <title>{`${e.from} calls ${e.to}: ${rate(e.calls_per_s)}, ${percent(e.error_ratio)} fail, p95 ${duration(e.p95_ms)}`}</title>
      <path d={path} fill="none" className="stroke-current opacity-50" strokeWidth={1.5} strokeDasharray={e.last_seen_at ? undefined : "4 4"} />
      {e.calls_per_s > 0 && <path d={path} fill="none" className="flow stroke-current" strokeWidth={2.5} style={{ animationDuration: `${String(Math.max(0.5, 12 / Math.sqrt(e.calls_per_s + 0.2)))}s` }} />}
      <path d={head} className="fill-current" />
      <text x={middle.x} y={middle.y - 7} textAnchor="middle" className={clsx("num stroke-panel text-[11px] [paint-order:stroke]", bad ? "fill-bad font-semibold" : "fill-soft")} strokeWidth={4}>{rate(e.calls_per_s)}{bad ? ` · ${percent(e.error_ratio)} fail` : ""}</text>
    </g>
  );
}

function Box({ node: n, at }: { node: MapNode; at: At }) {
  const navigate = useNavigate();
  if (!at) return null;
  const { icon: Icon, tone, label } = look("health", n.health);
  const open = () => void navigate({ to: "/systems/$name", params: { name: n.name }, search: {} });
  return (
    <g role="link" tabIndex={0} data-row aria-label={`${n.name}: ${label}, ${rate(n.request_rate)} requests, ${percent(n.error_ratio)} fail`} onClick={open} onKeyDown={(e) => { if (e.key === "Enter") open(); }} transform={`translate(${String(at.x - W / 2)},${String(at.y - H / 2)})`} className="group cursor-pointer outline-none">
      <rect width={W} height={H} rx="11" className={clsx("fill-panel group-hover:fill-raised group-focus-visible:stroke-accent", toneInk(tone), n.health === "healthy" ? "stroke-line" : "stroke-current")} strokeWidth={n.health === "healthy" ? 1.5 : 2} strokeDasharray={n.health === "unknown" ? "5 4" : undefined} />
      <Icon x={13} y={14} width={18} height={18} className={toneInk(tone)} />
      <text x={39} y={28} className="fill-ink text-[14px] font-semibold">{n.name}</text>
      {n.tier === "critical" && <text x={W - 12} y={28} textAnchor="end" className="fill-faint text-[10px]">critical</text>}
      <text x={13} y={53} className="num fill-soft text-[12px]">{rate(n.request_rate)}</text>
      <text x={80} y={53} className={clsx("num text-[12px]", (n.error_ratio ?? 0) > 0.05 ? "fill-bad font-semibold" : "fill-soft")}>{percent(n.error_ratio)}</text>
      <text x={W - 13} y={53} textAnchor="end" className="num fill-soft text-[12px]">{duration(n.p95_ms)}</text>
      <text x={13} y={66} className="fill-faint text-[9px]">requests</text><text x={80} y={66} className="fill-faint text-[9px]">errors</text><text x={W - 13} y={66} textAnchor="end" className="fill-faint text-[9px]">p95</text>
    </g>
  );
}
