/** A workflow as a diagram; with steps given, each box shows how far it got. */
import dagre from "@dagrejs/dagre";
import clsx from "clsx";
import { useMemo } from "react";
import type { Step } from "@/api/types";
import { words } from "@/lib/format";
import { workflowGraph, type FlowNode } from "@/lib/workflow-graph";
import { look, toneInk } from "@/ui/Status";

const W = 190;
const H = 46;

function layout(definition: unknown) {
  const { nodes, edges } = workflowGraph(definition);
  const g = new dagre.graphlib.Graph().setGraph({ rankdir: "TB", nodesep: 28, ranksep: 34, marginx: 10, marginy: 10 }).setDefaultEdgeLabel(() => ({}));
  for (const n of nodes) g.setNode(n.id, n.kind === "start" || n.kind === "end" ? { width: 64, height: 26 } : { width: W, height: H });
  for (const e of edges) g.setEdge(e.from, e.to);
  dagre.layout(g);
  const { width = 200, height = 100 } = g.graph();
  return { width, height, nodes: nodes.map((n) => ({ ...n, ...(g.node(n.id) as { x: number; y: number }) })), edges: edges.map((e) => ({ ...e, points: g.edge(e.from, e.to).points as { x: number; y: number }[] })) };
}

export default function WorkflowDiagram({ definition, steps = [] }: { definition: unknown; steps?: readonly Step[] }) {
  const { width, height, nodes, edges } = useMemo(() => layout(definition), [definition]);
  // The newest attempt of a path tells; what undoes is shown in the list of steps.
  const state = new Map(steps.filter((s) => !s.compensation).map((s) => [s.path, s.status]));
  const of = (n: FlowNode) => state.get(n.id) ?? [...state].find(([path]) => path.endsWith(`/${n.name}`))?.[1];
  const said = nodes.filter((n) => n.call ?? n.kind !== "start").map((n) => `${words(n.name)}${of(n) ? ` ${of(n) ?? ""}` : ""}`).join(", ");
  return (
    <div className="overflow-auto">
      <svg role="img" aria-label={`Workflow: ${said}`} viewBox={`0 0 ${String(width)} ${String(height)}`} width={width} height={height} className="mx-auto block h-auto max-w-full">
        {edges.map((e) => {
          const end = e.points.at(-1);
          const bend = e.points[1];
          // Beside the line, on the side it does not come from.
          const leftward = bend !== undefined && bend.x < (e.points[0]?.x ?? 0);
          return (
            <g key={`${e.from}>${e.to}`} className="text-line-strong">
              <path d={e.points.map((p, i) => `${i === 0 ? "M" : "L"}${String(p.x)},${String(p.y)}`).join("")} fill="none" className="stroke-current" strokeWidth="1.5" strokeLinejoin="round" strokeDasharray={e.dashed ? "4 4" : undefined} />
              {end && <path d={`M${String(end.x)},${String(end.y)} l-4,-7 h8 z`} className="fill-current" />}
              {e.label && bend && <text x={bend.x + (leftward ? -5 : 5)} y={bend.y} textAnchor={leftward ? "end" : "start"} className="fill-faint text-[10px]">{words(e.label)}</text>}
            </g>
          );
        })}
        {nodes.map((n) => <Box key={n.id} node={n} status={of(n)} />)}
      </svg>
    </div>
  );
}

function Box({ node: n, status }: { node: FlowNode & { x: number; y: number }; status: string | undefined }) {
  if (n.kind === "start" || n.kind === "end") {
    return <g><rect x={n.x - 32} y={n.y - 13} width={64} height={26} rx={13} className="fill-raised stroke-line" /><text x={n.x} y={n.y + 4} textAnchor="middle" className="fill-soft text-[11px]">{n.name}</text></g>;
  }
  const state = status === undefined ? null : look("step", status);
  return (
    <g>
      <rect x={n.x - W / 2} y={n.y - H / 2} width={W} height={H} rx={9} className={clsx("fill-panel", state ? [toneInk(state.tone), "stroke-current"] : "stroke-line-strong")} strokeWidth={state ? 2 : 1} strokeDasharray={n.kind === "try" ? "5 4" : undefined} />
      {state && <state.icon x={n.x + W / 2 - 26} y={n.y - 8} width={16} height={16} className={clsx(toneInk(state.tone), state.moves && "pulse")} />}
      <text x={n.x - W / 2 + 12} y={n.y - 3} className="fill-ink text-[13px] font-medium">{words(n.name)}</text>
      <text x={n.x - W / 2 + 12} y={n.y + 13} className="fill-faint font-mono text-[10px]">{n.call ?? n.kind}</text>
    </g>
  );
}
