/**
 * Runs of the mock as functions of time: a list of steps with when each begins and ends. What a run is at a moment, and
 * at any record of its journal, follows from that; what an operator does changes the list.
 */
import type { JournalItem, RunPurpose, RunStatus, StepItem } from "../src/api/types";
import { iso } from "./ids";

/** Milliseconds after the start of the run. `to` null: until someone or something outside answers. */
export type Spec = {
  path: string; kind: string; call?: string | null; from: number; to: number | null; name?: string; status?: StepItem["status"]; attempt?: number; input?: unknown; output?: unknown; error?: string;
  compensation?: boolean; around?: string; revised?: boolean; note?: string;
};
export type Note = { at: number; type: string; summary: string };
export type MockRun = {
  id: string; workflow: string; version: string; service: string | null; purpose: RunPurpose; input: unknown; output: unknown; start: number; steps: Spec[];
  /** What follows once the open step is answered; relative to that moment. */
  then?: Spec[];
  end?: { status: RunStatus; error: string | null }; notes: Note[]; pausedAt: number | null; pausedBy?: string; parent: string | null; undone?: boolean; correlation: string; definition: unknown;
};
export type Seen = { status: RunStatus; steps: Omit<StepItem, "allowed_actions">[]; ended_at: string | null; error: string | null; waits_for: string | null };

/** A run whose calls are all answered waits; one that asked a person or verifies has a call under way. */
/** What stands until something comes from outside: time, an event, a person's answer. */
const passive = (s: Spec) => s.kind === "wait" || s.kind === "listen" || s.call === "approve";
/** A call answers, however long it takes. */
const asked = (s: Spec) => s.kind !== "wait" && s.kind !== "listen";

/** What a run waits for, in the words of the server (crates/engine/src/runs/carry.rs). */
function waitsFor(live: Spec[], run: MockRun): string | null {
  const calls = [...new Set(live.filter(asked).map((s) => s.call ?? s.kind))].sort();
  if (calls.length > 0) return calls.length === 1 && calls[0] === "approve" ? "a person's approval" : calls.length === 1 && calls[0] === "verify" ? "verification" : `the answer of ${calls.join(", ")}`;
  const timer = live.find((s) => s.kind === "wait" && s.to !== null);
  return live.some((s) => s.kind === "listen") ? "an event" : timer ? `time to pass, until ${iso(run.start + timer.to!)}` : null;
}
const isGroup = (run: MockRun, s: Spec) => run.steps.some((o) => o.around === s.path && o !== s);
const sorted = (run: MockRun) => [...run.steps].sort((a, b) => a.from - b.from);

/** The run as it was at `now`. */
export function seen(run: MockRun, now: number): Seen {
  const t = Math.min(now, run.pausedAt ?? Infinity) - run.start;
  const all = sorted(run);
  const steps = all.map((s, n) => ({ s, n })).filter(({ s }) => s.from <= t).map(({ s, n }) => {
    const done = s.to !== null && s.to <= t;
    const around = all.findLastIndex((o) => o.path === s.around && o.from <= s.from);
    const retrying = !done && isGroup(run, s) && all.some((o) => o.around === s.path && o.to !== null && o.to <= t && o.status === "faulted") && !all.some((o) => o.around === s.path && o.from <= t && (o.to === null || o.to > t));
    return {
      n, path: s.path, name: s.name ?? s.path.split("/").at(-1)!, kind: s.kind, call: s.call ?? null, status: done ? (s.status ?? "completed") : retrying ? "retrying" as const : "running" as const, attempt: s.attempt ?? 1,
      started_at: iso(run.start + s.from), ended_at: done ? iso(run.start + (s.to ?? 0)) : null, input: (s.input ?? null) as StepItem["input"], output: (done ? (s.output ?? null) : null) as StepItem["output"], error: done ? (s.error ?? null) : null,
      compensation: s.compensation ?? false, parent: around >= 0 ? around : null, revised: s.revised ?? false, note: s.note ?? null,
    };
  });
  const over = all.every((s) => s.to !== null && s.to <= t) && t >= 0;
  const last = Math.max(0, ...all.map((s) => s.to ?? 0));
  const live = all.filter((s) => s.from <= t && (s.to === null || s.to > t) && !isGroup(run, s));
  const waiting = live.length > 0 && live.every(passive);
  const end = run.end ?? { status: "completed" as const, error: null };
  const status: RunStatus = over ? end.status : run.pausedAt !== null && run.pausedAt <= now ? "suspended" : t < 0 ? "pending" : waiting || live.length === 0 ? "waiting" : "running";
  return { status, steps, ended_at: over ? iso(run.start + last) : null, error: over ? end.error : null, waits_for: over ? null : status === "suspended" ? "somebody to let it go on" : waitsFor(live, run) };
}

/** What was written until `now`: one record for each thing that happened to the run, as the real journal has it. */
export function journal(run: MockRun, now: number): JournalItem[] {
  const t = Math.min(now, run.pausedAt ?? Infinity) - run.start;
  const found: Note[] = [{ at: 0, type: "started", summary: `accepted, version ${run.version}` }];
  for (const s of sorted(run)) {
    if (isGroup(run, s) || s.to === null || s.to > t || !/call|wait|listen|run/.test(s.kind)) continue;
    const name = s.name ?? s.path.split("/").at(-1)!;
    if (s.attempt && s.attempt > 1) found.push({ at: s.from, type: "timer_fired", summary: `${name}: time for attempt ${String(s.attempt)}` });
    if (s.kind === "wait") found.push({ at: s.to, type: "timer_fired", summary: `${name}: waited long enough` });
    else if (s.kind === "listen") found.push({ at: s.to, type: "event_received", summary: `${name}: an event came` });
    else if (s.status === "faulted") found.push({ at: s.to, type: "call_failed", summary: `${name}: ${s.error ?? "failed"}` });
    else found.push({ at: s.to, type: "call_succeeded", summary: `${name}: ${s.compensation ? "undone" : `${s.call ?? s.kind} answered`}` });
  }
  const notes = run.notes.filter((n) => n.at + run.start <= now);
  return [...found, ...notes].sort((a, b) => a.at - b.at).map((n, i) => ({ sequence: i + 1, at: iso(run.start + n.at), type: n.type, summary: n.summary, body: { type: n.type, at: iso(run.start + n.at) } }));
}

/** Answers the step that waits for the outside, and lets what follows begin. */
export function answer(run: MockRun, path: string, now: number, output: unknown, note: Note): void {
  const t = now - run.start;
  for (const s of run.steps) if (s.path === path && s.to === null) Object.assign(s, { to: t, output });
  for (const s of run.steps) if (s.to === null && run.steps.some((o) => o.around === s.path)) s.to = t + 12_000;
  run.steps.push(...(run.then ?? []).map((s) => ({ ...s, from: t + 20 + s.from, to: s.to === null ? null : t + 20 + s.to })));
  run.then = undefined;
  run.notes.push({ ...note, at: t });
}

/** Stops where it is; what had not begun never does; what was done is undone, newest first. */
export function cancel(run: MockRun, by: string, reason: string, now: number): void {
  const t = Math.min(now, run.pausedAt ?? Infinity) - run.start;
  run.pausedAt = null;
  const at = now - run.start;
  run.steps = run.steps.filter((s) => s.from <= t);
  for (const s of run.steps) if (s.to === null || s.to > t) Object.assign(s, { to: at, status: "cancelled", output: null });
  const undo = run.steps.filter((s) => s.status === undefined && !s.compensation && /^(deploy|process|data)\./.test(s.call ?? "")).reverse();
  let from = at + 60;
  for (const s of undo) {
    s.status = "compensated";
    run.steps.push({ path: s.path, name: s.name, kind: "call", call: s.call === "deploy.release" ? "deploy.rollback" : "data.restore", from, to: from + 900, input: s.input, output: { restored: true }, compensation: true });
    from += 940;
  }
  run.then = undefined;
  run.undone = undo.length > 0;
  run.end = { status: "cancelled", error: `cancelled by ${by}${reason ? `: ${reason}` : ""}` };
  run.notes.push({ at, type: "cancel_requested", summary: `${by} cancels${reason ? `: ${reason}` : ""}` });
}

/** Does a step and all after it again. The first time of each stays on record. */
export function retry(run: MockRun, n: number, by: string, input: unknown, now: number): void {
  const all = sorted(run);
  const step = all[n]!;
  const at = now - run.start;
  const shift = at + 40 - step.from;
  const again = all.filter((s) => s.from >= step.from && !s.compensation && (s.attempt ?? 1) <= (step.attempt ?? 1));
  run.pausedAt = null;
  for (const s of run.steps) if (s.to === null || s.to > at) Object.assign(s, { to: at, status: s.status ?? "cancelled" });
  run.steps = run.steps.filter((s) => s.from <= at);
  for (const s of run.steps) if (s.from >= step.from) s.revised = true;
  for (const s of again) {
    const length = s.to === null ? 1_500 : s.to - s.from;
    run.steps.push({ ...s, from: s.from + shift, to: s.from + shift + length, attempt: (s.attempt ?? 1) + 1, revised: false, status: undefined, error: undefined, output: s.output ?? { ok: true }, ...(s === step && input !== undefined ? { input } : {}) });
  }
  run.end = undefined;
  run.notes.push({ at, type: "retry_requested", summary: `${by} retries from ${step.name ?? step.path.split("/").at(-1)!}` });
}

export function skip(run: MockRun, n: number, by: string, reason: string, output: unknown, now: number): void {
  const step = sorted(run)[n]!;
  const at = now - run.start;
  run.pausedAt = null;
  const was = step.to;
  Object.assign(step, { to: was !== null && was < at ? was : at, status: "skipped", output: output ?? null, error: undefined, note: `skipped by ${by}: ${reason}` });
  for (const s of run.steps) if (s !== step && (s.to === null || s.to > at)) s.to = at + 400;
  run.steps.push(...(run.then ?? []).map((s) => ({ ...s, from: at + 20 + s.from, to: s.to === null ? null : at + 20 + s.to })));
  run.then = undefined;
  run.end = undefined;
  run.notes.push({ at, type: "skip_requested", summary: `${by} skips ${step.name ?? step.path.split("/").at(-1)!}: ${reason}` });
}

export function pause(run: MockRun, by: string, reason: string, now: number): void {
  Object.assign(run, { pausedAt: now, pausedBy: by });
  run.notes.push({ at: now - run.start, type: "pause_requested", summary: `${by} pauses${reason ? `: ${reason}` : ""}` });
}

export function resume(run: MockRun, by: string, now: number): void {
  const t = (run.pausedAt ?? now) - run.start;
  const by_ms = now - (run.pausedAt ?? now);
  for (const s of run.steps) {
    if (s.from > t) s.from += by_ms;
    if (s.to !== null && s.to > t) s.to += by_ms;
  }
  run.pausedAt = null;
  run.notes.push({ at: now - run.start, type: "resume_requested", summary: `${by} resumes` });
}
