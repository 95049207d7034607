/**
 * A diagram of the API made ready to be drawn. The API nests tasks and says where each list begins; a drawing needs a line
 * from the last task of a list to what comes after the task around it.
 */
import type { FlowEdge, FlowGraph, FlowNode } from "@/api/types";
import { parseJson } from "./json-lines";
import { durationWords } from "./schedule-words";

export type DrawnEdge = { from: string; to: string; label?: string; /** More than the label says. */ hint?: string; dashed: boolean };
export type DrawnFlow = { nodes: (FlowNode & { again?: string })[]; edges: DrawnEdge[]; groups: string[] };

const ONWARD: readonly FlowEdge["way"][] = ["next", "then", "case"];

/** A case is `name: condition`: the name is drawn, the rest is said on a closer look. */
function named(label: string | undefined): Pick<DrawnEdge, "label" | "hint"> {
  if (!label) return {};
  const [name = label] = label.split(": ");
  return name === label ? { label } : { label: name, hint: label };
}

/** How long it waits is JSON where the document writes an object. */
function shortDetail({ kind, detail = "" }: FlowNode): string {
  if (kind !== "wait") return detail;
  const read = detail.startsWith("{") ? parseJson(detail) : null;
  return durationWords(read && "value" in read ? read.value : detail);
}

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
    if (from !== to && known.has(from) && known.has(to) && !drawn.has(`${from}>${to}`)) drawn.set(`${from}>${to}`, { from, to, dashed, ...named(label) });
  };
  for (const e of edges) {
    if (e.way === "retry") continue;
    if (e.way === "into" || e.way === "catch") draw(e.from, e.to, e.label ?? (e.way === "catch" ? "on error" : undefined), e.way === "catch");
    else for (const from of exits(e.from)) draw(from, e.to, e.label, e.way === "loop");
  }
  const again = new Map(edges.filter((e) => e.way === "retry").map((e) => [e.from, e.label ?? "again"]));
  return { nodes: nodes.map((n) => ({ ...n, ...(n.detail ? { detail: shortDetail(n) } : {}), ...(again.has(n.id) ? { again: again.get(n.id) } : {}) })), edges: [...drawn.values()], groups: [...children.keys()] };
}
