/** What a model says in the mock: made of the evidence of the incident, as the server would leave it after its check. */
import type { components } from "../src/api/schema";
import { iso } from "./ids";
import type { Told } from "./incidents";

type S = components["schemas"];

const MODEL = { provider: "ollama", model: "qwen3:8b" } as const;
/** How long the model takes. */
export const TAKES_MS = 1_200;

const nothing: S["ModelUsage"] = { turns: 0, tokens_in: 0, tokens_out: 0, cost: 0, took_ms: 0, estimated: false };

function answer(t: Told, at: number, question: string | null): S["ModelAnswer"] {
  const { evidence, causes } = t.incident;
  const citations: S["Citation"][] = evidence.map((e, i) => ({ label: `E${String(i + 1)}`, kind: "evidence", id: e.id, title: e.title }));
  const finding = t.findings.at(-1);
  if (finding) citations.push({ label: "F1", kind: "finding", id: finding.id, title: finding.summary });
  const first = citations[0]?.label ?? "F1";
  const cause = causes[0];
  return {
    at: iso(at), ...MODEL, question,
    summary: [{ text: `The trouble shows first in ${t.incident.services[0] ?? "a service"}; what calls it followed.`, evidence: [first, ...(finding ? ["F1"] : [])] }],
    hypotheses: cause ? [{ text: `It fits what the diagnosis ranks first: ${cause.title}.`, cause: cause.id, evidence: [citations.at(1)?.label ?? first], confidence: 0.7 }] : [],
    next_checks: [{ text: "Compare the chart with the same hour of yesterday.", evidence: [first] }],
    citations, dropped: [{ reason: "citing evidence that it was not given", count: 2 }],
    usage: { turns: 1, tokens_in: 3_412, tokens_out: 208, cost: 0, took_ms: TAKES_MS, estimated: false },
  };
}

/** Incidents that were asked about: by whom, what, when. */
export class Explanations {
  private readonly asked = new Map<string, { at: number; by: string | null; question: string | null }>();

  /** Those that were decided about are explained by themselves. */
  of(t: Told): S["Explanation"] | null {
    const { id, decisions, causes, opened_at } = t.incident;
    if (decisions.length === 0 || causes.length === 0) return null;
    const ask = this.asked.get(id) ?? { at: Date.parse(opened_at) + 1_000, by: null, question: null };
    const ready = Date.now() - ask.at >= TAKES_MS;
    const said = answer(t, ask.at + TAKES_MS, ready ? ask.question : null);
    return {
      incident: id, state: ready ? "ready" : "asked", reason: null, asked_by: ask.by, question: ask.question, asked_at: iso(ask.at), retry_at: null, attempts: 0, asked_by_itself: 1,
      basis: "1 decisions", ...MODEL, pack_tokens: 2_310, left_out: 0, answer: ready || ask.by ? said : null, spent: ready ? said.usage : nothing, memory: [],
    };
  }

  ask(incident: string, by: string, question: string | null) { this.asked.set(incident, { at: Date.now(), by, question }); }
}
