/** The workflow endpoints of the mock: runs, holds, approvals, documents, schedules. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { components } from "../src/api/schema";
import type { ApprovalItem, Hold, HoldRequest, RunDetail, RunFilter, RunItem, ScheduleItem, StepItem, WorkflowDetail, WorkflowSummary } from "../src/api/types";
import { check } from "./check";
import { ownDocuments, type Own } from "./documents";
import { graphOf } from "./graph";
import { id, iso } from "./ids";
import { page, offer, Refusal, text } from "./refusal";
import { DEFINITIONS, WALKS } from "./runbooks";
import { answer, cancel, journal, pause, resume, retry, seen, skip, type MockRun } from "./runs";
import { ownRuns, runId } from "./scripts";
import type { World } from "./world";

type S = components["schemas"];
type Session = S["SessionView"];
type Body = Record<string, unknown>;

const SHIPPED = "homeostat";
/** The `schedule` of a document, as it is written; the contract calls any JSON an object. */
const scheduleOf = (source: string) => ((parse(source) as { schedule?: unknown }).schedule ?? null) as WorkflowSummary["schedule"];
const keyOf = (d: Own) => `${d.namespace}.${d.name}`;

export class Automation {
  readonly documents: Own[] = ownDocuments(Date.now());
  private readonly own: MockRun[] = ownRuns(Date.now());
  /** Runs of incidents that an operator changed: from then on they live by themselves. */
  private readonly taken = new Map<string, MockRun>();
  private readonly decided = new Map<string, Partial<ApprovalItem>>();
  holds: Hold[] = [];
  /** What is shipped rests until somebody lets it start runs. */
  private readonly resting = new Set<string>(Object.keys(DEFINITIONS));

  constructor(private readonly world: World, private readonly changed: (kind: string, id: string) => void) {}

  /** Every run, newest first. */
  runs(now: number): MockRun[] {
    const told = this.world.told(now).flatMap((t) => t.runs).map((r) => this.taken.get(r.id) ?? fromIncident(r));
    return [...this.own, ...told].sort((a, b) => b.start - a.start);
  }

  private run(id: string, now: number): MockRun {
    const run = this.runs(now).find((r) => r.id === id);
    if (!run) throw new Refusal("not_found", `there is no run ${id}`);
    return run;
  }

  private heldBy(run: MockRun): Hold | undefined {
    return this.holds.find((h) => h.scope === "all" || (h.scope === "service" ? h.name === run.service : h.name === run.workflow));
  }

  private actions(run: MockRun, session: Session, now: number): S["AllowedAction"][] {
    const { status } = seen(run, now);
    const over = ["completed", "faulted", "cancelled"].includes(status) ? "it is over" : null;
    const paused = run.pausedAt !== null && run.pausedAt <= now && !over;
    const begun = status === "pending" ? "it has not begun" : null;
    const act = (name: string, title: string, refused: string | null) => offer(session, name, title, `/runs/${run.id}/${name}`, "operator", refused);
    return [
      act("pause", "Pause", over ?? (paused ? `it is held by ${run.pausedBy ?? "admin"} already` : null)),
      act("resume", "Resume", over ?? (paused || this.heldBy(run) ? null : "it is not held")),
      act("cancel", "Cancel and undo", over),
      act("retry", "Retry from the failed step", begun ?? (seen(run, now).steps.some((s) => s.status === "faulted") ? null : "no step of it failed")),
      act("migrate", "Follow another version", begun),
    ];
  }

  private summary(run: MockRun, session: Session, now: number, at = now): RunItem {
    const s = seen(run, at);
    const hold = this.heldBy(run);
    const live = s.steps.findLast((x) => x.status === "running" || x.status === "retrying") ?? s.steps.at(-1);
    return {
      id: run.id, workflow: run.workflow, version: run.version, service: run.service, purpose: run.purpose, status: hold && !s.ended_at ? "suspended" : s.status, waits_for: !s.ended_at && hold ? "somebody to let it go on" : s.waits_for,
      steps_done: s.steps.filter((x) => x.status === "completed" || x.status === "compensated").length, steps_failed: s.steps.filter((x) => x.status === "faulted").length, current_step: live?.name ?? null,
      started_at: iso(run.start), ended_at: s.ended_at, error: s.error, correlation_id: run.correlation, parent: run.parent, acts: [], current: live ? [live.path] : [], held_by: s.status === "suspended" && run.pausedAt !== null ? (run.pausedBy ?? "admin") : hold && !s.ended_at ? `hold:${hold.scope}${hold.scope === "all" ? "" : `:${hold.name}`}` : null, undone: Boolean(s.ended_at && run.undone),
      input: run.input as RunItem["input"], output: (s.status === "completed" ? run.output : null) as RunItem["output"], allowed_actions: this.actions(run, session, now),
    };
  }

  private view(run: MockRun, session: Session, now: number, record: string | null): RunDetail {
    const records = journal(run, now);
    const chosen = record === null ? undefined : records.findLast((r) => r.sequence <= Number(record));
      const at = chosen ? Date.parse(chosen.at) : now;
    const s = seen(run, at);
    const steps = s.steps.map((step): StepItem => {
      const left = step.revised ? "the run went back to before it" : step.compensation ? "it undoes another step" : null;
      return { ...step, allowed_actions: [["retry", "Retry from here"], ["skip", "Skip with a reason"]].map(([name, title]) => offer(session, name!, title!, `/runs/${run.id}/${name!}`, "operator", left)) };
    });
    const children = this.runs(now).filter((r) => r.parent === run.id).map((r) => this.summary(r, session, now));
    return { ...this.summary(run, session, now, at), steps, context: {}, records: records.length, at: chosen?.sequence ?? records.length, definition: run.definition as RunDetail["definition"], graph: graphOf(run.definition), children };
  }

  private filtered(f: RunFilter, session: Session, now: number): RunItem[] {
    const text = f.text?.toLowerCase() ?? "";
    return this.runs(now).filter((r) => (!f.workflow || r.workflow === f.workflow) && (!f.service || r.service === f.service) && (!f.purpose || r.purpose.type === f.purpose) && (!f.since || r.start >= Date.parse(f.since)) && (!f.until || r.start <= Date.parse(f.until)))
      .map((r) => this.summary(r, session, now))
      .filter((s) => (!f.status || s.status === f.status) && [s.id, s.workflow, s.service, s.error, s.waits_for].some((place) => place?.toLowerCase().includes(text)))
  }

  private approvals(session: Session, now: number): ApprovalItem[] {
    return this.runs(now).flatMap((run) => {
      const s = seen(run, now);
      return s.steps.filter((x) => x.call === "approve").map((step): ApprovalItem => {
        const input = step.input as unknown as { message: string; role: S["Role"] };
        const key = id("apr", run.start, run.id);
        const known = this.decided.get(key) ?? (step.status === "completed" ? { state: "approved" as const, by: "admin", answered_at: step.ended_at, note: "go" } : step.status === "running" ? {} : { state: "withdrawn" as const, answered_at: step.ended_at });
        const state = known.state ?? "pending";
        const over = state === "pending" ? null : `it is ${state} already`;
        return {
          id: key, run: run.id, workflow: run.workflow, service: run.service, key: `${run.id}${step.path}#0`, path: step.path, message: input.message, role: input.role, persons: [], not: null,
          asked_at: step.started_at, expires_at: iso(Date.parse(step.started_at) + 30 * 60_000), by: null, note: null, answered_at: null, ...known, state,
          allowed_actions: [offer(session, "approve", "Approve", `/approvals/${key}/approve`, "approver", over), offer(session, "reject", "Reject", `/approvals/${key}/reject`, "approver", over)],
        };
      });
    }).sort((a, b) => b.asked_at.localeCompare(a.asked_at));
  }

  private workflow(d: Own, session: Session): WorkflowSummary {
    const newest = d.versions.at(-1)!;
    const path = `/workflows/${keyOf(d)}`;
    return { id: keyOf(d), namespace: d.namespace, name: d.name, title: d.title, summary: d.summary, version: newest.version, origin: "own", versions: d.versions.length, schedule: scheduleOf(newest.source), allowed_actions: [offer(session, "run", "Run", "/runs", "operator"), offer(session, "update", "Save a new version", path, "admin", null, "PUT"), offer(session, "delete", "Delete", path, "admin", null, "DELETE")] };
  }

  private workflows(session: Session): WorkflowSummary[] {
    const shipped = Object.entries(DEFINITIONS).map(([name, book]): WorkflowSummary => {
      const fixed = "it is shipped; save it under another name";
      const path = `/workflows/${name}`;
      return { id: name, namespace: SHIPPED, name, title: book.title, summary: book.summary, version: "1.0.0", origin: "shipped", versions: 1, schedule: scheduleOf(book.source), allowed_actions: [offer(session, "run", "Run", "/runs", "operator"), offer(session, "update", "Save a new version", path, "admin", fixed, "PUT"), offer(session, "delete", "Delete", path, "admin", fixed, "DELETE")] };
    });
    return [...shipped, ...this.documents.map((d) => this.workflow(d, session))];
  }

  private document(key: string): { summary: (s: Session) => WorkflowSummary; versions: { version: string; at: number | null; by: string | null; source: string }[] } {
    const own = this.documents.find((d) => keyOf(d) === key);
    if (own) return { summary: (s) => this.workflow(own, s), versions: own.versions };
    const book = DEFINITIONS[key];
    if (!book) throw new Refusal("not_found", `there is no workflow ${key}`);
    return { summary: (s) => this.workflows(s).find((w) => w.id === key)!, versions: [{ version: "1.0.0", at: null, by: null, source: book.source }] };
  }

  private detail(key: string, session: Session): WorkflowDetail {
    const doc = this.document(key);
    const { source } = doc.versions.at(-1)!;
    return { ...doc.summary(session), source, definition: parse(source) as WorkflowDetail["definition"], graph: graphOf(parse(source)) };
  }

  read(parts: string[], q: URLSearchParams, session: Session): unknown {
    const now = Date.now();
    const [a, b, c, d] = parts;
    if (a === "runs") {
      if (b === undefined) return page(this.filtered(Object.fromEntries(q), session, now), q);
      if (b === "holds") return this.holdsView(session);
      const run = this.run(b, now);
      if (c === undefined) return this.view(run, session, now, q.get("at"));
      if (c === "journal") {
        const after = Number(q.get("after") ?? 0);
        const rest = journal(run, now).filter((r) => r.sequence > after);
        const limit = Number(q.get("limit") ?? 200);
        return { items: rest.slice(0, limit), next: rest.length > limit ? String(rest[limit - 1]!.sequence) : null };
      }
    }
    if (a === "approvals") return page(this.approvals(session, now).filter((x) => !q.get("state") || x.state === q.get("state")), q);
    if (a === "schedules") return { items: this.schedules(session, now), next: null };
    if (a === "workflows") {
      if (b === undefined) return { items: this.workflows(session), next: null };
      if (b === "schema") return parse(readFileSync(new URL("./workflow-schema.yaml", import.meta.url), "utf8"));
      const doc = this.document(b);
      const newest = doc.versions.at(-1)!;
      const shown = (v: typeof newest) => ({ version: v.version, at: v.at === null ? null : iso(v.at), by: v.by, current: v === newest, source: v.source });
      if (c === undefined) return this.detail(b, session);
      if (c === "versions" && d === undefined) return { items: [...doc.versions].reverse().map(shown), next: null };
    }
    throw new Refusal("not_found", "there is no such endpoint");
  }

  private holdsView(session: Session) {
    return { items: this.holds, allowed_actions: [offer(session, "hold", "Hold runs", "/runs/holds", "operator", null, "PUT"), offer(session, "lift", "Let runs go on", "/runs/holds", "operator", this.holds.length === 0 ? "nothing is held" : null, "PUT")] };
  }

  private schedules(session: Session, now: number): ScheduleItem[] {
    const all = this.filtered({}, session, now);
    const known = [...Object.entries(DEFINITIONS).map(([name, book]) => ({ key: name, source: book.source })), ...this.documents.map((d) => ({ key: keyOf(d), source: d.versions.at(-1)!.source }))];
    return known.filter((d) => scheduleOf(d.source) !== null).map(({ key, source }): ScheduleItem => {
      const schedule = scheduleOf(source);
      const three = new Date(now); three.setUTCHours(3, 0, 0, 0);
      const first = "cron" in schedule ? three.getTime() + (three.getTime() <= now ? 86_400_000 : 0) : "every" in schedule ? Math.ceil(now / 900_000) * 900_000 : null;
      const last = all.find((r) => r.workflow === key && (r.purpose.type === "schedule" || r.purpose.type === "event"));
      const enabled = !this.resting.has(key);
      const offered = (name: string, title: string, refused: string | null) => offer(session, name, title, `/schedules/${key}`, "admin", refused, "PUT");
      return { workflow: key, enabled, schedule, next: first === null || !enabled ? null : iso(first), last_due_at: last?.started_at ?? null, last_run: last?.id ?? null, allowed_actions: [offered("enable", "Let it start runs", enabled ? "it starts runs already" : null), offered("disable", "Let it rest", enabled ? null : "it rests already")] };
    });
  }

  /** One of the operator's actions on a run; refuses as the buttons say. */
  private act(run: MockRun, action: string, body: Body, session: Session, now: number): void {
    const by = session.user.name;
    const reason = text(body.reason);
    const steps = this.view(run, session, now, null).steps;
    const step = typeof body.step === "number" ? body.step : steps.findLastIndex((s) => s.status === "faulted" && !s.compensation);
    const offered = typeof body.step === "number" ? (steps[step]?.allowed_actions ?? []) : this.actions(run, session, now);
    const found = offered.find((a) => a.name === action);
    if (!found?.allowed) throw new Refusal("conflict", found?.reason ?? `There is no step ${String(step)}.`);
    if (run.purpose.type === "incident") this.taken.set(run.id, run);
    if (action === "pause") pause(run, by, reason, now);
    else if (action === "resume") resume(run, by, now);
    else if (action === "cancel") cancel(run, by, reason, now);
    else if (action === "retry") retry(run, step, by, body.input, now);
    else if (action === "skip") skip(run, step, by, reason, body.output, now);
    else if (action === "migrate") {
      const kept = this.documents.find((d) => keyOf(d) === run.workflow)?.versions.find((v) => v.version === body.version);
      if (!kept) throw new Refusal("not_found", `there is no version ${text(body.version)}`);
      run.notes.push({ at: now - run.start, type: "migrated", summary: `${by} migrates from ${run.version} to ${kept.version}` });
      Object.assign(run, { version: kept.version, definition: parse(kept.source) as unknown });
    }
    this.world.record({ type: "user", name: by }, `run.${action}`, run.id, { reason });
    this.changed("run", run.id); this.changed("approval", run.id);
    for (const after of [600, 1_200, 2_600, 6_000]) setTimeout(() => { this.changed("run", run.id); }, after);
  }

  change(method: string, parts: string[], body: Body, session: Session): unknown {
    const now = Date.now();
    const [a, b = "", c = ""] = parts;
    const by = session.user.name;
    if (a === "runs" && b === "holds") {
      const wanted = body as unknown as HoldRequest;
      const name = wanted.scope === "all" ? null : wanted.name;
      this.holds = this.holds.filter((h) => h.scope !== wanted.scope || (h.scope === "all" ? null : h.name) !== name);
      if (wanted.held) this.holds.push({ ...(wanted.scope === "all" ? { scope: "all" as const } : { scope: wanted.scope, name: name ?? "" }), reason: wanted.reason ?? "", by, at: iso(now) });
      this.world.record({ type: "user", name: by }, "holds.updated", "holds");
      this.changed("hold", "holds");
      return this.holdsView(session);
    }
    if (a === "runs" && b === "bulk") {
      const wanted = this.filtered(body.filter as RunFilter, session, now);
      const result = { matched: wanted.length, done: 0, refused: [] as { id: string; reason: string }[] };
      for (const one of wanted.slice(0, Number(body.limit ?? 500))) {
        const allowed = one.allowed_actions.find((x) => x.name === body.action);
        if (!allowed?.allowed) { result.refused.push({ id: one.id, reason: allowed?.reason ?? "not allowed" }); continue; }
        this.act(this.run(one.id, now), text(body.action), { reason: body.reason }, session, now);
        result.done += 1;
      }
      return result;
    }
    if (a === "runs" && b === "plan") return this.plan(body);
    if (a === "runs" && b === "") return this.start(text(body.workflow), body.input, session, now);
    if (a === "runs") { this.act(this.run(b, now), c, body, session, now); return undefined; }
    if (a === "approvals") return this.decide(b, c, text(body.note), session, now);
    if (a === "schedules") {
      if (body.enabled === true) this.resting.delete(b); else this.resting.add(b);
      this.changed("schedule", b);
      return this.schedules(session, now).find((x) => x.workflow === b);
    }
    if (a === "workflows" && b === "validate") return check(text(body.source));
    if (a === "workflows" && method === "PUT") return this.save(b, text(body.source), session, now);
    if (a === "workflows" && method === "DELETE") {
      const at = this.documents.findIndex((d) => keyOf(d) === b);
      if (at < 0) throw new Refusal("not_found", `nobody wrote a workflow ${b}`);
      this.documents.splice(at, 1);
      this.changed("workflow", b);
      return undefined;
    }
    throw new Refusal("not_found", "there is no such endpoint");
  }

  private decide(key: string, verdict: string, note: string, session: Session, now: number): unknown {
    const approval = this.approvals(session, now).find((x) => x.id === key);
    if (!approval) throw new Refusal("not_found", `there is no approval ${key}`);
    if (approval.state !== "pending") throw new Refusal("conflict", `it is ${approval.state} already`);
    const approved = verdict === "approve";
    const run = this.run(approval.run, now);
    this.decided.set(key, { state: approved ? "approved" : "rejected", by: session.user.name, answered_at: iso(now), note: note || null });
    if (!approved) cancel(run, session.user.name, note, now);
    else answer(run, "/do/2/askSomeone", now, { approved, by: session.user.name, note }, { at: 0, type: "call_succeeded", summary: `askSomeone: approved by ${session.user.name}` });
    this.changed("approval", key); this.changed("run", run.id);
    return undefined;
  }

  private start(key: string, input: unknown, session: Session, now: number): unknown {
    const doc = this.document(key);
    const newest = doc.versions.at(-1)!;
    const definition = parse(newest.source) as Record<string, unknown>;
    const wanted = ((definition.input as { schema?: { document?: { required?: string[] } } } | undefined)?.schema?.document?.required ?? []).filter((f) => (input as Body | undefined)?.[f] === undefined);
    if (wanted.length > 0) throw new Refusal("invalid_request", `/input: ${wanted.map((w) => `"${w}" is missing`).join(", ")}`);
    const tasks = ((definition.do ?? []) as Record<string, Body>[]).map((t, i) => ({ path: `/do/${String(i)}/${Object.keys(t)[0]!}`, task: Object.values(t)[0]! }));
    const walk = WALKS[key] ?? tasks.map(({ path, task }) => ({ path, kind: ["call", "for", "fork", "try", "wait", "listen", "run"].find((k) => k in task) ?? "do", call: text(task.call) || null, around: null }));
    const run: MockRun = {
      id: runId(key, now), workflow: key, version: newest.version, service: text((input as Body | undefined)?.service) || null, purpose: { type: "manual", actor: session.user.name }, input, output: { ok: true }, start: now, notes: [], pausedAt: null, parent: null, correlation: id("cor", now, key), definition,
      steps: walk.map((w, i) => ({ ...w, around: w.around ?? undefined, from: 20 + i * 1_500, to: 20 + (i + 1) * 1_500 - 20, input: w.call ? input : {}, output: w.call ? { ok: true } : {}, ...(w.call === "approve" ? { input: { message: "Go on?", role: "approver" }, to: null } : {}) })),
    };
    this.own.push(run);
    for (let i = 0; i <= walk.length; i += 1) setTimeout(() => { this.changed("run", run.id); if (walk[i]?.call === "approve") this.changed("approval", run.id); }, 60 + i * 1_500);
    this.changed("run", run.id);
    return { id: run.id };
  }

  /** What a document would call, read from its tasks: the mock walks every branch. */
  private plan(body: Body): unknown {
    const source = text(body.source) || this.document(text(body.workflow)).versions.at(-1)!.source;
    const verdict = check(source);
    if (!verdict.valid) throw new Refusal("invalid_request", verdict.errors[0]?.message ?? "");
    const calls = (verdict.graph?.nodes ?? []).filter((n) => n.call).map((n) => ({ path: n.id, function: n.call!, parameters: { ...(body.input as Record<string, unknown>) }, certain: !n.id.includes("/catch/") && !n.id.includes("/fork/"), would: n.call === "approve" ? "ask an approver and wait" : n.call === "verify" ? "watch telemetry, change nothing" : n.call === "http" ? "send a request" : n.call === "notify" ? "send a message" : `call ${n.call!}${text((body.input as Body).service) ? ` on ${text((body.input as Body).service)}` : ""}` }));
    return { calls, otherwise: (verdict.graph?.nodes ?? []).filter((n) => n.call && n.id.includes("/catch/")).map((n) => n.id), note: null };
  }

  private save(key: string, source: string, session: Session, now: number): unknown {
    const verdict = check(source);
    if (!verdict.valid) throw new Refusal("invalid_request", verdict.errors.map((e) => `line ${String(e.line)}: ${e.message}`).slice(0, 3).join("; "));
    const head = (parse(source) as { document: { namespace: string; name: string; version: string; title?: string; summary?: string }; schedule?: unknown });
    const { namespace, name, version, title, summary } = head.document;
    if (namespace === SHIPPED) throw new Refusal("conflict", `${key} is shipped and cannot be changed; choose another namespace or name`);
    if (`${namespace}.${name}` !== key) throw new Refusal("invalid_request", `the document says it is ${namespace}.${name}, the address says ${key}; make them the same`);
    let own = this.documents.find((d) => keyOf(d) === key);
    const same = own?.versions.find((v) => v.version === version);
    if (same && same.source !== source) throw new Refusal("conflict", `version ${version} of ${key} is there with another text; raise \`version\``);
    if (!own) { own = { namespace, name, title: title ?? name, summary: summary ?? "", versions: [] }; this.documents.push(own); }
    if (!same) own.versions.push({ version, at: now, by: session.user.name, source });
    Object.assign(own, { title: title ?? name, summary: summary ?? "" });
    this.changed("workflow", key);
    return this.detail(key, session);
  }
}

/** A run of an incident, which its story tells as steps with times. */
function fromIncident(r: S["WorkedRun"]): MockRun {
  const start = Date.parse(r.started_at);
  const groups = r.steps.filter((s) => s.kind === "try");
  const steps = r.steps.map((s) => ({
    path: s.path, name: s.name, kind: s.kind, call: s.call ?? null, from: Date.parse(s.started_at) - start, to: s.ended_at ? Date.parse(s.ended_at) - start : null, status: s.status === "running" || s.status === "completed" ? undefined : s.status,
    attempt: s.attempt, input: s.input, output: s.output, error: s.error ?? undefined, compensation: s.compensation, around: s.compensation ? undefined : groups.find((g) => s.path.startsWith(`${g.path}/`))?.path,
  }));
  const end = r.ended_at ? { status: r.status as "completed" | "faulted", error: r.error ?? null } : undefined;
  return { id: r.id, workflow: r.workflow, version: r.version, service: r.service ?? null, purpose: r.purpose as MockRun["purpose"], input: r.input, output: r.output, start, steps, end, notes: [], pausedAt: null, parent: null, correlation: r.correlation_id, undone: r.steps.some((x) => x.compensation), definition: DEFINITIONS[r.workflow]?.definition ?? {} };
}
