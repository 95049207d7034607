/** The shipped runbooks, read from the repository's own files, and what a run of each does step by step. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { components } from "../src/api/schema";
import { iso } from "./ids";

type S = components["schemas"];
type Head = { title: string; summary: string; owner: string; prior?: { success: number; because: string }; blast_radius: S["BlastRadius"]; handles?: { class: S["FailureClass"] }[] };
export type Book = { definition: Record<string, unknown>; source: string; markdown: string; title: string; summary: string; handles: S["FailureClass"][]; actions: string[]; radius: S["BlastRadius"]; prior: number; priorReason: string };

const FOLDER = fileURLToPath(new URL("../../runbooks", import.meta.url));

/** Every `call` of a document, in order. */
function calls(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = "call" in value && typeof value.call === "string" ? [value.call] : [];
  return [...own, ...Object.values(value).flatMap(calls)];
}

function read(file: string): [string, Book] {
  const text = readFileSync(`${FOLDER}/${file}`, "utf8");
  const [, front = "", markdown = ""] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text) ?? [];
  const source = /^```yaml workflow\n([\s\S]*?)^```$/m.exec(markdown)?.[1] ?? "";
  const head = parse(front) as Head;
  const definition = parse(source) as Record<string, unknown>;
  const actions = [...new Set(calls(definition))].filter((c) => c !== "verify");
  return [file.replace(/\.md$/, ""), { definition, source, markdown, title: head.title, summary: head.summary, handles: (head.handles ?? []).map((h) => h.class), actions, radius: head.blast_radius, prior: head.prior?.success ?? 0.5, priorReason: head.prior?.because ?? "The page does not say." }];
}

export const DEFINITIONS: Record<string, Book> = Object.fromEntries(readdirSync(FOLDER).filter((f) => f.endsWith(".md")).sort().map(read));

/** What a run of a runbook walks through: path, kind, what it calls, and the group around it. */
export type Walk = { path: string; kind: string; call: string | null; around: string | null };
const one = (path: string, kind: string, call: string | null = null, around: string | null = null): Walk => ({ path, kind, call, around });
export const WALKS: Record<string, Walk[]> = {
  "restart-service": [
    one("/do/0/restartUntilItHolds", "try"), one("/do/0/restartUntilItHolds/try/0/choose", "switch", null, "/do/0/restartUntilItHolds"),
    one("/do/0/restartUntilItHolds/try/1/restartInstance", "call", "process.restart", "/do/0/restartUntilItHolds"), one("/do/0/restartUntilItHolds/try/3/verify", "call", "verify", "/do/0/restartUntilItHolds"),
  ],
  "reset-state": [one("/do/0/resetState", "call", "data.reset"), one("/do/1/verify", "call", "verify")],
  "replace-instance": [
    one("/do/0/choose", "switch"), one("/do/1/takeOut", "call", "process.stop"), one("/do/2/letCallersNotice", "wait"), one("/do/3/putIn", "try"),
    one("/do/3/putIn/try/0/start", "call", "process.start", "/do/3/putIn"), one("/do/5/verify", "call", "verify"),
  ],
  "rollback-release": [one("/do/0/rollback", "call", "deploy.rollback"), one("/do/1/verify", "call", "verify")],
  "reclaim-disk": [one("/do/0/reclaim", "call", "data.reclaim"), one("/do/1/makeSure", "try"), one("/do/1/makeSure/try/0/verify", "call", "verify", "/do/1/makeSure")],
};

export function tracks(now: number): S["Track"][] {
  const rows: [S["FailureClass"], string, number, number, number][] = [
    ["crash", "restart-service", 30, 1, 0], ["hang", "restart-service", 23, 1, 0], ["memory_leak", "restart-service", 17, 1, 0], ["cpu_spin", "restart-service", 14, 1, 0],
    ["log_flood", "restart-service", 13, 1, 0], ["crash_loop", "reset-state", 4, 2, 1], ["slow_dependency", "replace-instance", 11, 1, 0],
    ["bad_release", "rollback-release", 8, 1, 0], ["bad_config", "rollback-release", 10, 1, 0], ["disk_full", "reclaim-disk", 2, 1, 0],
  ];
  return rows.map(([cls, runbook, held, failed, consecutive_failures], i) => ({ class: cls, runbook, held, failed, consecutive_failures, updated_at: iso(now - i * 740_000) }));
}

export function runbook(name: string, now: number): S["RunbookDetail"] | undefined {
  const book = DEFINITIONS[name];
  if (!book) return undefined;
  return {
    summary: { name, title: book.title, summary: book.summary, owner: "platform", handles: book.handles, actions: book.actions, blast_radius: book.radius, prior: book.prior, prior_reason: book.priorReason, track: tracks(now).filter((t) => t.runbook === name) },
    markdown: book.markdown, workflow: book.source, definition: book.definition,
  };
}
