/** A document as the nested diagram that the server gives (crates/workflow/src/graph.rs), as far as the screens need it. */
import type { FlowEdge, FlowGraph, FlowPart } from "../src/api/types";

type Json = Record<string, unknown>;
type Task = { id: string; name: string; task: Json; kind: string };

const KINDS = ["call", "fork", "for", "try", "do", "emit", "listen", "raise", "run", "set", "switch", "wait"];
const objectOf = (v: unknown): Json => (typeof v === "object" && v !== null && !Array.isArray(v) ? (v as Json) : {});

function tasksOf(list: unknown, at: string): Task[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item, i) => {
    const [name, task] = Object.entries(objectOf(item))[0] ?? [];
    if (name === undefined) return [];
    const body = objectOf(task);
    return [{ id: `${at}/${String(i)}/${name}`, name, task: body, kind: KINDS.find((k) => k in body) ?? "do" }];
  });
}

const text = (v: unknown) => (typeof v === "string" ? v : JSON.stringify(v));
function detailOf({ kind, task }: Task): string | undefined {
  if (kind === "wait") return text(task.wait);
  if (kind === "for") return text(objectOf(task.for).in);
  if (kind === "fork" && objectOf(task.fork).compete === true) return "first wins";
  if (kind === "raise") return text(objectOf(objectOf(task.raise).error).type ?? objectOf(task.raise).error);
  return undefined;
}

export function graphOf(definition: unknown): FlowGraph {
  const graph: FlowGraph = { nodes: [{ id: "start", kind: "start", name: "start" }], edges: [] };
  const edge = (from: string, to: string | undefined, way: FlowEdge["way"], label?: string) => { if (to !== undefined) graph.edges.push({ from, to, way, ...(label ? { label } : {}) }); };
  const list = (tasks: Task[], parent: Task | null, part: FlowPart) => {
    tasks.forEach((t, i) => {
      const call = typeof t.task.call === "string" ? t.task.call : t.kind === "run" ? `run.${Object.keys(objectOf(t.task.run))[0] ?? ""}` : undefined;
      const detail = detailOf(t);
      graph.nodes.push({ id: t.id, kind: t.kind, name: t.name, ...(call ? { call } : {}), ...(detail ? { detail } : {}), ...(typeof t.task.if === "string" ? { condition: t.task.if } : {}), ...(parent ? { parent: parent.id, part } : {}) });
      inside(t);
      if (part === "branch") return;
      const to = (then: unknown): string | undefined => (then === "end" ? "end" : then === "exit" ? (parent ? undefined : "end") : typeof then === "string" && then !== "continue" ? tasks.find((o) => o.name === then)?.id : tasks[i + 1]?.id ?? (parent ? undefined : "end"));
      if (t.kind === "switch" && Array.isArray(t.task.switch)) {
        const cases = t.task.switch.flatMap((c) => Object.entries(objectOf(c)));
        for (const [name, c] of cases) { const { then, when } = objectOf(c); edge(t.id, to(then), "case", typeof when === "string" ? `${name}: ${when}` : name); }
        if (cases.every(([, c]) => objectOf(c).when !== undefined)) edge(t.id, to(t.task.then), "next", "otherwise");
      } else if (t.kind !== "raise") edge(t.id, to(t.task.then), t.task.then === undefined ? "next" : "then");
    });
  };
  const inside = (t: Task) => {
    const part = (tasks: Task[], name: FlowPart, way: FlowEdge["way"]) => { list(tasks, t, name); edge(t.id, tasks[0]?.id, way); };
    if (t.kind === "do") part(tasksOf(t.task.do, `${t.id}/do`), "body", "into");
    if (t.kind === "for") {
      const body = tasksOf(t.task.do, `${t.id}/do`);
      part(body, "each", "into");
      if (body.length > 0) edge(body.at(-1)!.id, body[0]!.id, "loop", "next");
    }
    if (t.kind === "fork") {
      const branches = tasksOf(objectOf(t.task.fork).branches, `${t.id}/fork/branches`);
      list(branches, t, "branch");
      for (const b of branches) edge(t.id, b.id, "into");
    }
    if (t.kind === "try") {
      part(tasksOf(t.task.try, `${t.id}/try`), "try", "into");
      const handler = objectOf(t.task.catch);
      if (handler.retry !== undefined) edge(t.id, t.id, "retry", typeof handler.retry === "string" ? "again" : `up to ${String(objectOf(objectOf(objectOf(handler.retry).limit).attempt).count ?? "any")} more`);
      if (Array.isArray(handler.do)) part(tasksOf(handler.do, `${t.id}/catch/do`), "catch", "catch");
    }
  };
  const root = tasksOf(objectOf(definition).do, "/do");
  edge("start", root[0]?.id ?? "end", "next");
  list(root, null, "body");
  graph.nodes.push({ id: "end", kind: "end", name: "end" });
  return graph;
}
