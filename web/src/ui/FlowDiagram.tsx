/** A workflow as a diagram; with steps given, each box shows how far it got and opens its step. */
import dagre from "@dagrejs/dagre";
import clsx from "clsx";
import { Maximize2, ZoomIn, ZoomOut } from "lucide-react";
import { useMemo, useState, type KeyboardEvent } from "react";
import type { FlowGraph } from "@/api/types";
import { drawnFlow, type DrawnFlow } from "@/lib/flow";
import { words } from "@/lib/format";
import { IconButton } from "./Button";
import { look, toneInk } from "./Status";

type StepState = { path: string; name: string; status: string; attempt: number; compensation: boolean };
type Props = { graph: FlowGraph; steps?: readonly StepState[]; open?: string; onOpen?: (path: string) => void; label?: string };
type Point = { x: number; y: number };
type Box = Point & { width: number; height: number };
type Placed = DrawnFlow["nodes"][number] & Point;

const W = 200;
const H = 48;
const round = (kind: string) => kind === "start" || kind === "end";

/** Lines leave at the middle of the lower edge and come in at the middle of the upper one; a way back keeps its own. */
function ends(points: readonly Point[], from: Box, to: Box): Point[] {
  if (to.y <= from.y) return [...points];
  return [{ x: from.x, y: from.y + from.height / 2 }, ...points.slice(1, -1), { x: to.x, y: to.y - to.height / 2 }];
}

/** Leaves a box straight down and comes in straight from above; bends in between. */
function curve(points: readonly Point[]): string {
  const at = (p: Point) => `${String(p.x)},${String(p.y)}`;
  return points.map((p, i) => {
    const before = points[i - 1];
    if (!before) return `M${at(p)}`;
    const middle = (before.y + p.y) / 2;
    return `C${String(before.x)},${String(middle)} ${String(p.x)},${String(middle)} ${at(p)}`;
  }).join("");
}

/** With `boxed`, tasks stand inside a frame with the task that holds them. */
function place(flow: DrawnFlow, boxed: boolean) {
  const { nodes, edges, groups } = flow;
  const g = new dagre.graphlib.Graph({ compound: boxed }).setGraph({ rankdir: "TB", nodesep: 28, ranksep: 34, marginx: 12, marginy: 12 }).setDefaultEdgeLabel(() => ({}));
  const frame = (id: string) => `frame ${id}`;
  for (const n of nodes) g.setNode(n.id, round(n.kind) ? { width: 64, height: 26 } : { width: W, height: H });
  if (boxed) {
    for (const id of groups) g.setNode(frame(id), {});
    for (const n of nodes) {
      const inside = groups.includes(n.id) ? n.id : n.parent;
      if (inside !== undefined && groups.includes(inside)) g.setParent(n.id, frame(inside));
      if (groups.includes(n.id) && n.parent !== undefined && groups.includes(n.parent)) g.setParent(frame(n.id), frame(n.parent));
    }
  }
  // The layout puts what comes last to the left.
  for (const e of [...edges].reverse()) g.setEdge(e.from, e.to);
  dagre.layout(g);
  const { width = 200, height = 100 } = g.graph();
  const box = (id: string) => g.node(id) as Box;
  return {
    width, height,
    nodes: nodes.map((n): Placed => ({ ...n, x: box(n.id).x, y: box(n.id).y })),
    edges: edges.map((e) => ({ ...e, points: ends(g.edge(e.from, e.to).points as Point[], box(e.from), box(e.to)) })),
    frames: boxed ? groups.map((id) => ({ id, ...box(frame(id)) })) : [],
  };
}

function layout(graph: FlowGraph) {
  const flow = drawnFlow(graph);
  try {
    return place(flow, true);
  } catch {
    // Some knots of frames are more than the layout can take; without frames it takes all.
    return place(flow, false);
  }
}

export default function FlowDiagram({ graph, steps = [], open, onOpen, label = "Workflow" }: Props) {
  const { width, height, nodes, edges, frames } = useMemo(() => layout(graph), [graph]);
  const [zoom, setZoom] = useState<number | null>(null);
  // The newest attempt of a path tells; what undoes is shown in the timeline.
  const state = new Map(steps.filter((s) => !s.compensation).map((s) => [s.path, s]));
  const undone = new Set(steps.filter((s) => s.compensation).map((s) => s.path));
  const passed = (from: string, to: string) => (from === "start" ? state.size > 0 : state.has(from)) && (state.has(to) || (to === "end" && state.get(from)?.status === "completed"));
  const said = nodes.filter((n) => !round(n.kind)).map((n) => { const s = state.get(n.id)?.status; return `${words(n.name)}${s ? ` ${s}` : ""}`; }).join(", ");
  const scale = zoom ?? 1;
  return (
    <div className="relative">
      <div className="absolute top-2 right-2 z-10 flex rounded-md border bg-panel">
        <IconButton label="Smaller" icon={ZoomOut} onClick={() => { setZoom(Math.max(0.4, scale / 1.25)); }} /><IconButton label="Larger" icon={ZoomIn} onClick={() => { setZoom(Math.min(2.5, scale * 1.25)); }} /><IconButton label="Fit the width" icon={Maximize2} onClick={() => { setZoom(null); }} />
      </div>
      {/* A box that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div role="region" aria-label={label} tabIndex={0} className="max-h-[42rem] overflow-auto p-2">
        <svg role={onOpen ? "group" : "img"} aria-label={`${label}: ${said}`} viewBox={`0 0 ${String(width)} ${String(height)}`} width={width * scale} height={height * scale} className={clsx("mx-auto block", zoom === null && "h-auto max-w-full")}>
          {frames.map((f) => <rect key={f.id} x={f.x - f.width / 2} y={f.y - f.height / 2} width={f.width} height={f.height} rx={14} className="fill-raised/60 stroke-line" strokeDasharray="3 4" />)}
          {edges.map((e) => <Edge key={`${e.from}>${e.to}`} {...e} taken={passed(e.from, e.to)} />)}
          {nodes.map((n) => <TaskBox key={n.id} node={n} state={state.get(n.id)} undone={undone.has(n.id)} open={n.id === open} onOpen={onOpen && state.has(n.id) ? () => { onOpen(n.id); } : undefined} />)}
        </svg>
      </div>
    </div>
  );
}

function Edge({ points, label, hint, dashed, taken }: { points: Point[]; label?: string; hint?: string; dashed: boolean; taken: boolean }) {
  const end = points.at(-1);
  const bend = points[1];
  const up = (points.at(-2)?.y ?? 0) > (end?.y ?? 0);
  // Beside the line, on the side it does not come from.
  const leftward = bend !== undefined && bend.x < (points[0]?.x ?? 0);
  return (
    <g className={taken ? "text-accent" : "text-line-strong"}>
      <path d={curve(points)} fill="none" className="stroke-current" strokeWidth={taken ? 2 : 1.25} strokeLinejoin="round" strokeDasharray={dashed ? "4 4" : undefined} />
      {end && <path d={up ? `M${String(end.x)},${String(end.y)} l-4,7 h8 z` : `M${String(end.x)},${String(end.y)} l-4,-7 h8 z`} className="fill-current" />}
      {label && bend && <text x={bend.x + (leftward ? -5 : 5)} y={bend.y} textAnchor={leftward ? "end" : "start"} className="fill-faint text-[10px]">{hint && <title>{hint}</title>}{cut(label, 28)}</text>}
    </g>
  );
}

const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function TaskBox({ node: n, state, undone, open, onOpen }: { node: Placed; state: StepState | undefined; undone: boolean; open: boolean; onOpen?: () => void }) {
  if (round(n.kind)) {
    return <g><rect x={n.x - 32} y={n.y - 13} width={64} height={26} rx={13} className="fill-raised stroke-line" /><text x={n.x} y={n.y + 4} textAnchor="middle" className="fill-soft text-[11px]">{words(n.name)}</text></g>;
  }
  const seen = state ? look("step", state.status) : null;
  const keys = (e: KeyboardEvent) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); onOpen?.(); } };
  const action = onOpen ? { role: "button", tabIndex: 0, "aria-pressed": open, "aria-label": `${words(n.name)}, ${seen?.label.toLowerCase() ?? ""}`, onClick: onOpen, onKeyDown: keys, className: "cursor-pointer" } : {};
  const below = [n.call ?? n.kind, n.detail, n.again && `tries ${n.again}`, state && state.attempt > 1 && `×${String(state.attempt)}`, undone && "undone"].filter(Boolean).join(" · ");
  return (
    <g {...action}>
      <title>{[n.name, n.condition && `if ${n.condition}`, n.detail].filter(Boolean).join("\n")}</title>
      <rect x={n.x - W / 2} y={n.y - H / 2} width={W} height={H} rx={9} className={clsx(open ? "fill-accent-soft" : "fill-panel", seen ? [toneInk(seen.tone), "stroke-current"] : "stroke-line-strong")} strokeWidth={open ? 3 : seen ? 2 : 1} strokeDasharray={n.condition ? "5 4" : undefined} />
      {seen && <seen.icon x={n.x + W / 2 - 27} y={n.y - 8} width={16} height={16} className={clsx(toneInk(seen.tone), seen.moves && "pulse")} />}
      <text x={n.x - W / 2 + 12} y={n.y - 3} className="fill-ink text-[13px] font-medium">{cut(words(n.name), 21)}</text>
      <text x={n.x - W / 2 + 12} y={n.y + 13} className="fill-faint font-mono text-[10px]">{cut(below, seen ? 25 : 29)}</text>
    </g>
  );
}
