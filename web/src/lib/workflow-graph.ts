/**
 * A workflow definition (CNCF Serverless Workflow DSL, JSON) as nodes and edges for a diagram. Node ids are the JSON
 * pointers that steps carry, so that live states find their node. Reads what it knows and skips the rest: never throws.
 */
import type { FlowGraph } from "@/api/workflow-types";

type Json = Record<string, unknown>;
type End = { from: string; label?: string; dashed?: boolean };

const KINDS = ["call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait"];
const isObject = (v: unknown): v is Json => typeof v === "object" && v !== null && !Array.isArray(v);
const objectOf = (v: unknown): Json => (isObject(v) ? v : {});

export const START = "start";
export const END = "end";

export function workflowGraph(definition: unknown): FlowGraph {
  const graph: FlowGraph = { nodes: [{ id: START, name: "Start", kind: "start", call: null }], edges: [] };
  const finished: End[] = [];
  const ends = sequence(graph, objectOf(definition).do, "/do", [{ from: START }], finished);
  graph.nodes.push({ id: END, name: "End", kind: "end", call: null });
  connect(graph, [...ends, ...finished], END);
  return graph;
}

function connect(graph: FlowGraph, ends: End[], to: string) {
  for (const end of ends) {
    if (!graph.edges.some((e) => e.from === end.from && e.to === to)) graph.edges.push({ ...end, to });
  }
}

function sequence(graph: FlowGraph, list: unknown, at: string, incoming: End[], finished: End[]): End[] {
  if (!Array.isArray(list)) return incoming;
  const tasks = list.flatMap((item, i) => {
    const [name, task] = Object.entries(objectOf(item))[0] ?? [];
    return name === undefined || !isObject(task) ? [] : [{ name, task, id: `${at}/${String(i)}/${name}` }];
  });
  const jumps = new Map<string, End[]>();
  const jump = (target: unknown, end: End): boolean => {
    if (target === "end" || target === "exit") { finished.push(end); return true; }
    if (typeof target !== "string" || target === "continue") return false;
    jumps.set(target, [...(jumps.get(target) ?? []), end]);
    return true;
  };
  let ends = incoming;
  for (const { name, task, id } of tasks) {
    const kind = KINDS.find((k) => k in task) ?? "task";
    graph.nodes.push({ id, name, kind, call: callOf(task) });
    connect(graph, [...ends, ...(jumps.get(name) ?? [])], id);
    jumps.delete(name);
    ends = inside(graph, task, kind, id, finished, jump).filter((end) => !jump(task.then, end));
  }
  // A jump backwards is a loop.
  for (const [name, from] of jumps) {
    const target = tasks.find((t) => t.name === name);
    if (target) connect(graph, from.map((end) => ({ ...end, dashed: true })), target.id);
  }
  return ends;
}

function inside(graph: FlowGraph, task: Json, kind: string, id: string, finished: End[], jump: (to: unknown, end: End) => boolean): End[] {
  const here: End[] = [{ from: id }];
  if (kind === "do") return sequence(graph, task.do, `${id}/do`, here, finished);
  if (kind === "for") return sequence(graph, task.do, `${id}/do`, [{ from: id, label: "each" }], finished);
  if (kind === "try") {
    const tried = sequence(graph, task.try, `${id}/try`, here, finished);
    const caught = objectOf(task.catch).do;
    return Array.isArray(caught) ? [...tried, ...sequence(graph, caught, `${id}/catch/do`, [{ from: id, label: "on error", dashed: true }], finished)] : tried;
  }
  if (kind === "fork") {
    const branches = objectOf(task.fork).branches;
    if (!Array.isArray(branches) || branches.length === 0) return here;
    return branches.flatMap((branch, i) => {
      const [name, inner] = Object.entries(objectOf(branch))[0] ?? [];
      if (name === undefined || !isObject(inner)) return [];
      const bid = `${id}/fork/branches/${String(i)}/${name}`;
      const innerKind = KINDS.find((k) => k in inner) ?? "task";
      graph.nodes.push({ id: bid, name, kind: innerKind, call: callOf(inner) });
      connect(graph, here, bid);
      return inside(graph, inner, innerKind, bid, finished, () => false);
    });
  }
  if (kind === "switch" && Array.isArray(task.switch)) {
    const cases = task.switch.flatMap((c) => Object.entries(objectOf(c)));
    const open = cases.filter(([label, c]) => !jump(objectOf(c).then, { from: id, label }));
    return open.length > 0 || cases.length === 0 ? [{ from: id, label: open[0]?.[0] }] : [];
  }
  return here;
}

const callOf = (task: Json): string | null => (typeof task.call === "string" ? task.call : typeof task.run === "object" ? `run ${Object.keys(objectOf(task.run))[0] ?? ""}`.trim() : null);
