/**
 * A diagram of the API made ready to be drawn. The API nests tasks and says where each list begins; a drawing needs a line
 * from the last task of a list to what comes after the task around it.
 */
import type { FlowEdge, FlowGraph, FlowNode } from "@/api/types";

export type DrawnEdge = { from: string; to: string; label?: string; dashed: boolean };
export type DrawnFlow = { nodes: (FlowNode & { again?: string })[]; edges: DrawnEdge[]; groups: string[] };

const ONWARD: readonly FlowEdge["way"][] = ["next", "then", "case"];

export function drawnFlow({ nodes, edges }: FlowGraph): DrawnFlow {
  const known = new Map(nodes.map((n) => [n.id, n]));
  const children = new Map<string, FlowNode[]>();
  for (const n of nodes) if (n.parent !== undefined && known.has(n.parent)) children.set(n.parent, [...(children.get(n.parent) ?? []), n]);
  const onward = new Set(edges.filter((e) => ONWARD.includes(e.way)).map((e) => e.from));
  /** Where a task is left: itself, or the last tasks of the lists inside it. */
  const exits = (id: string, depth = 0): string[] => {
    const inner = children.get(id) ?? [];
    if (inner.length === 0 || depth > 64) return [id];
    const last = inner.filter((n) => !onward.has(n.id) && n.kind !== "raise").flatMap((n) => exits(n.id, depth + 1));
    // A loop over nothing and a try without tasks are left where they are entered.
    return last.length > 0 ? last : inner.every((n) => n.kind === "raise") ? [] : [id];
  };
  const drawn = new Map<string, DrawnEdge>();
  const draw = (from: string, to: string, label: string | undefined, dashed: boolean) => {
    if (from !== to && known.has(from) && known.has(to) && !drawn.has(`${from}>${to}`)) drawn.set(`${from}>${to}`, { from, to, dashed, ...(label ? { label } : {}) });
  };
  for (const e of edges) {
    if (e.way === "retry") continue;
    if (e.way === "into" || e.way === "catch") draw(e.from, e.to, e.label ?? (e.way === "catch" ? "on error" : undefined), e.way === "catch");
    else for (const from of exits(e.from)) draw(from, e.to, e.label, e.way === "loop");
  }
  const again = new Map(edges.filter((e) => e.way === "retry").map((e) => [e.from, e.label ?? "again"]));
  return { nodes: nodes.map((n) => ({ ...n, ...(again.has(n.id) ? { again: again.get(n.id) } : {}) })), edges: [...drawn.values()], groups: [...children.keys()] };
}
