/**
 * A stand-in for the Homeostat server: every endpoint the dashboard uses, with deterministic data of a living demo shop.
 * For development and tests only; it is never shipped. `npm run mock`, then `npm run dev`; or build and open the mock itself.
 */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { components } from "../src/api/schema";
import { Automation } from "./automation";
import { Connectors, Plain } from "./connectors";
import { Detection } from "./detection";
import { Explanations, TAKES_MS } from "./explanations";
import { FAULTS } from "./faults";
import { id, iso } from "./ids";
import { GUARDS, PHASES, POLICY_VERSION, RULES, type Story, type Told } from "./incidents";
import { answerFaults, askFaults, operationOf, statusOf, typeFaults } from "./contract";
import { may, offer, page, Refusal, text } from "./refusal";
import { Regroup } from "./regroup";
import { DEFINITIONS, runbook, tracks } from "./runbooks";
import { histogram, logs, METRICS, series, SERVICES } from "./telemetry";
import { Triage } from "./triage";
import { World } from "./world";

type S = components["schemas"];
const PORT = Number(process.env.PORT ?? 4400);
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const world = new World();
const injected = new Map<string, Story>();
const streams = new Set<ServerResponse>();
let sequence = 0;

function send(kind: string, data: unknown) {
  sequence += 1;
  for (const s of streams) s.write(`id: ${String(sequence)}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`);
}
const changed = (kind: string, what: string) => { send("change", { kind, id: what, revision: sequence }); };

const explanations = new Explanations();
const automation = new Automation(world, changed);
const detection = new Detection(world, changed);
const triage = new Triage(world, changed);
const connectors = new Connectors();

function incidentActions(t: Told, session: S["SessionView"]): S["AllowedAction"][] {
  const i = t.incident;
  const over = i.status === "resolved" ? "the incident is resolved" : null;
  const d = t.decisions.at(-1);
  const actions = [
    offer(session, "acknowledge", "Acknowledge", `/incidents/${i.id}/acknowledge`, "operator", over ?? (i.acknowledged_at ? "already acknowledged" : null)),
    offer(session, "resolve", "Resolve", `/incidents/${i.id}/resolve`, "operator", over ?? (i.status === "verifying" || i.status === "mitigating" ? "a run is working on it; cancel the run first" : null)),
  ];
  const explained = explanations.of(t);
  actions.push(offer(session, "explain", explained ? "Ask again" : "Explain", `/incidents/${i.id}/explain`, "operator", explained?.state === "asked" ? "the model is asked already" : i.causes.length === 0 ? "the diagnosis is under way" : null));
  const refused = Regroup.refusals(t);
  actions.push(offer(session, "merge", "Merge into another", `/incidents/${i.id}/merge`, "operator", refused.merge), offer(session, "split", "Split", `/incidents/${i.id}/split`, "operator", refused.split));
  if (d?.recommendation) {
    const blocked = over ?? (d.disposition === "proposed" || d.disposition === "escalated" || d.disposition === "scheduled" ? (world.stop.engaged ? "the stop switch is engaged" : null) : `the decision is ${d.disposition}`);
    actions.unshift(offer(session, "approve", "Approve", `/decisions/${d.id}/approve`, "approver", blocked), offer(session, "reject", "Reject", `/decisions/${d.id}/reject`, "approver", blocked));
  }
  return actions;
}

const storyOf = (incident: string): Story => {
  const i = world.stories.findIndex((s) => id("inc", s.start, s.spec.name) === incident);
  if (i < 0) throw new Refusal("not_found", `there is no incident ${incident}`);
  return world.stories[i]!;
};
const toldOf = (incident: string): Told => world.told().find((t) => t.incident.id === incident) ?? (storyOf(incident), undefined as never);
const byDecision = (dec: string): Told => {
  const t = world.told().find((x) => x.decisions.some((d) => d.id === dec));
  if (!t) throw new Refusal("not_found", `there is no decision ${dec}`);
  return t;
};

type Ask = { method: string; parts: string[]; q: URLSearchParams; body: Record<string, unknown>; session: S["SessionView"] };

function read({ parts, q, session }: Ask): unknown {
  const now = Date.now();
  const [a, b = ""] = parts;
  switch (a) {
    case "session": return session;
    case "overview": return world.overview(now);
    case "map": return world.map(now);
    case "stop-switch": return world.stop;
    case "autonomy": return { items: world.grants };
    case "tokens": return page(world.tokens, q);
    case "tracks": return { items: tracks(now) };
    case "series": return b === "names" ? { items: SERVICES.filter((s) => !q.get("service") || s === q.get("service")).flatMap((service) => METRICS.map((name) => ({ service, name, labels: {} }))) } : series(q, now, world.windows(now));
    case "logs": return b === "histogram" ? histogram(q, now, world.windows(now)) : logs(q, now, world.windows(now));
    case "audit": return b === "verify" ? { ok: true, rows: world.audit.length, broken_at: null } : page([...world.audit].reverse(), q);
    case "status": return { version: "0.1.0", state: "degraded", components: [["bus", "running", "5,120 signals, 0 waiting"], ["store", "running", "12.4 MB"], ["telemetry", "running", "applied up to the newest signal"], ["pipeline", "running", "lag 4 ms"], ["host 127.0.0.1:7070", "running", "polled 1 s ago"], ["probes", "degraded", "worker-1 refuses connections"]].map(([name, state, reason]) => ({ name, state, reason })) };
    case "demo": return { faults: FAULTS.map((f) => { const s = injected.get(f.name); const open = s && toldOf(id("inc", s.start, f.name)).incident.status !== "resolved"; return { name: f.name, title: f.title, summary: f.summary, service: f.service, services: f.services, active: Boolean(open), injected_at: s && open ? iso(s.start) : null }; }), world: { running: true } };
    case "policy": {
      const rule = (r: { name: string; condition: string; verdict: S["Verdict"] }, why: string): S["PolicyRule"] => ({ name: r.name, why, condition: r.condition, verdict: r.verdict, enabled: true, file: "policies/default.yaml" });
      const view: S["PolicyView"] = { version: POLICY_VERSION, summary: "What Homeostat may do by itself, and when it calls a person.", rules: RULES.map((r) => rule(r, "")), guards: GUARDS.map((g) => rule(g, `Silent while ${g.calm.replaceAll(/[{}]/g, "")}.`)), settings: { cooldown_s: 300, deployments_per_hour: 5, actions_at_once: 3 } };
      return view;
    }
    case "changes": return page(world.changes(world.told()).filter((c) => !q.get("service") || c.service === q.get("service")), q);
    case "incidents": {
      if (b) { const t = toldOf(b); return { incident: t.incident, findings: t.findings.map((f) => detection.view(f, session)), decisions: t.decisions, runs: t.runs, explanation: explanations.of(t), allowed_actions: incidentActions(t, session) }; }
      const [status, service, severity, priority] = [q.get("status"), q.get("service"), q.get("severity"), q.get("priority")];
      return page(world.told().map((t) => world.summary(t)).filter((i) => (!status || (status === "active" ? i.status !== "resolved" : i.status === status)) && (!priority || i.priority === priority) && (!service || i.services.includes(service)) && (!severity || i.severity === severity)), q);
    }
    case "decisions": {
      if (b) { const t = byDecision(b); return { decision: t.decisions.find((d) => d.id === b), allowed_actions: incidentActions(t, session).slice(0, 2) }; }
      return page(world.told().flatMap((t) => t.decisions).filter((d) => !q.get("incident") || d.incident === q.get("incident")), q);
    }
    case "services": {
      const told = world.told();
      if (!b) return page(SERVICES.map((s) => world.service(s, told)), q);
      if (!SERVICES.includes(b)) throw new Refusal("not_found", `there is no service ${b}`);
      const edges = world.edges().filter((e) => e.from === b || e.to === b);
      return { service: world.service(b, told), findings: told.flatMap((t) => t.findings).filter((f) => f.service === b && f.state === "firing"), changes: world.changes(told).filter((c) => c.service === b).slice(0, 20), callers: edges.filter((e) => e.to === b).map((e) => e.from), callees: edges.filter((e) => e.from === b).map((e) => e.to), edges };
    }
    case "connectors": return connectors.read(parts, q);
    case "detection": case "findings": case "objectives": return detection.read(parts, q, session);
    case "silences": case "triage": return triage.read(parts, q, session);
    case "runs": case "approvals": case "workflows": case "schedules": return automation.read(parts, q, session);
    case "runbooks": {
      if (!b) return { items: Object.keys(DEFINITIONS).map((n) => runbook(n, now)!.summary), next: null };
      const found = runbook(b, now);
      if (!found) throw new Refusal("not_found", `there is no runbook ${b}`);
      return found;
    }
    default: throw new Refusal("not_found", "there is no such endpoint");
  }
}

function change({ method, parts, body, session }: Ask): unknown {
  const [a = "", b = "", c] = parts;
  const actor: S["Actor"] = { type: "user", name: session.user.name };
  if (a === "incidents" && c === "acknowledge") { storyOf(b).acknowledgedAt = Date.now(); changed("incident", b); return undefined; }
  if (a === "incidents" && c === "resolve") { Object.assign(storyOf(b), { resolvedAt: Date.now(), resolvedBy: `${session.user.name}: ${text(body.note)}` }); changed("incident", b); return undefined; }
  if (a === "incidents" && c === "explain") {
    explanations.ask(b, session.user.name, text(body.question) || null);
    setTimeout(() => { changed("explanation", b); }, TAKES_MS + 50);
    changed("explanation", b);
    return explanations.of(toldOf(b));
  }
  if (a === "incidents" && ["merge", "split", "move"].includes(c ?? "")) {
    const answer = world.regroup.change(world.told(), c!, b, body, session.user.name);
    world.record(actor, { merge: "incident.merged", split: "incident.split" }[c!] ?? "findings.moved", b, { into: answer.incident });
    changed("incident", b); changed("incident", answer.incident);
    return answer;
  }
  if (a === "decisions") {
    const t = byDecision(b);
    const s = storyOf(t.incident.id);
    if (c === "approve") { Object.assign(s, { approvedAt: Date.now(), frozenMs: undefined }); follow(s, Date.now() - s.start); } else s.rejected = text(body.reason);
    world.record(actor, `decision.${c === "approve" ? "approved" : "rejected"}`, b);
    changed("decision", b); changed("incident", t.incident.id);
    return undefined;
  }
  if (a === "stop-switch") { const engaged = Boolean(body.engaged); world.stop = { engaged, reason: text(body.reason), by: session.user.name, at: iso(Date.now()) }; world.record(actor, engaged ? "stop_switch.engaged" : "stop_switch.released", "stop-switch", { reason: body.reason }); changed("stop_switch", "stop-switch"); return world.stop; }
  if (a === "autonomy") { world.grants = body.items as S["AutonomyGrant"][]; world.record(actor, "autonomy.updated", "autonomy"); changed("autonomy", "autonomy"); return { items: world.grants }; }
  if (a === "tokens" && method === "DELETE") { world.tokens = world.tokens.filter((t) => t.id !== b); world.record(actor, "token.deleted", b); return undefined; }
  if (a === "tokens") {
    if (!text(body.name)) throw new Refusal("invalid_request", "/name: say what will use it, for example: ci deploys");
    const token: S["Token"] = { id: id("tok", Date.now(), text(body.name)), name: text(body.name), role: (body.role as S["Role"] | null) ?? null, ingest: body.ingest === true, created_by: session.user.name, created_at: iso(Date.now()), expires_at: text(body.expires_at) || null };
    world.tokens.push(token); world.record(actor, "token.created", token.name);
    return { token, secret: "hs_mock_5f0c9a7e4d1b4c2f8e6a3d7b" };
  }
  if (a === "demo" && b === "faults") {
    const spec = FAULTS.find((f) => f.name === c);
    if (!spec) throw new Refusal("not_found", `there is no fault ${c ?? ""}`);
    if (method === "DELETE") { injected.delete(spec.name); changed("fault", spec.name); return undefined; }
    const story: Story = { spec, start: Date.now(), variant: spec.severity === "critical" ? "approve" : "auto" };
    story.before = world.before(story);
    world.stories.unshift(story); injected.set(spec.name, story);
    changed("fault", spec.name); follow(story, 0);
    return undefined;
  }
  if (a === "connectors") return connectors.change(parts, body, session.user.name);
  if (["silences", "triage"].includes(a)) return triage.change(parts, body, session);
  if (["detection", "findings"].includes(a)) return detection.change(parts, body, session);
  if (["runs", "approvals", "workflows", "schedules"].includes(a)) return automation.change(method, parts, body, session);
  throw new Refusal("not_found", "there is no such endpoint");
}

/** Tells the stream when a story moves on. */
function follow(story: Story, offset: number) {
  const moments = [...Object.values(PHASES), PHASES.resolved + 200, ...[0, 800, 1_600, 2_500, 2_700, 10_800, 11_000].map((m) => m + PHASES.acted)];
  for (const m of moments) setTimeout(() => {
    changed("incident", id("inc", story.start, story.spec.name)); changed("run", id("run", story.start, story.spec.name)); changed("service", story.spec.service); changed("fault", story.spec.name);
  }, m + (offset > PHASES.decided ? 20 : 0));
}

const KEY = /homeostat_session=([0-9a-f]+)/;
async function api(req: IncomingMessage, res: ServerResponse, path: string, q: URLSearchParams) {
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>) : {};
  const key = KEY.exec(req.headers.cookie ?? "")?.[1] ?? "";
  const operation = operationOf(req.method ?? "GET", parts);
  if (!operation) throw new Refusal("not_found", `the contract has no ${req.method ?? "GET"} ${path}`);
  const wrong = askFaults(operation, q, body);
  if (wrong.length > 0) throw new Refusal("invalid_request", wrong.join("; "));
  const answer = (json?: unknown, headers: Record<string, string> = {}) => {
    if (json instanceof Plain) { const wrong = typeFaults(operation, json.type); if (wrong.length > 0) throw new Refusal("internal", wrong.join("; ")); res.writeHead(statusOf(operation), { "content-type": json.type, ...json.headers }).end(json.body); return; }
    // What the server would not answer is no answer here either.
    const drifted = answerFaults(operation, json);
    if (drifted.length > 0) throw new Refusal("internal", `the mock left the contract of ${operation.operationId}: ${drifted.slice(0, 5).join("; ")}`);
    res.writeHead(statusOf(operation), { "content-type": "application/json", ...headers }).end(json === undefined ? undefined : JSON.stringify(json));
  };
  if (parts[0] === "session" && req.method === "POST") {
    const name = text(body.username) || "admin";
    if (body.password === "wrong" || (body.ticket !== undefined && body.ticket !== "demo")) throw new Refusal("unauthenticated", "name and password (or ticket) do not fit");
    const [cookie, session] = world.signIn(name, name === "viewer" ? "viewer" : "admin");
    answer(session, { "set-cookie": `homeostat_session=${cookie}; HttpOnly; SameSite=Strict; Path=/` });
    return;
  }
  const session = world.sessions.get(key);
  if (!session) throw new Refusal("unauthenticated", "there is no session; sign in");
  if (parts[0] === "session" && req.method === "DELETE") { world.sessions.delete(key); answer(); return; }
  if (parts[0] === "stream") {
    res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" }).write(": hello\n\n");
    streams.add(res);
    res.on("close", () => streams.delete(res));
    return;
  }
  const ask: Ask = { method: req.method ?? "GET", parts, q, body, session };
  const needs = operation["x-required-role"] as S["Role"];
  if (!may(session, needs)) throw new Refusal("forbidden", `this needs the role ${needs}; you have ${session.user.role}`);
  if (ask.method === "GET") { answer(read(ask)); return; }
  if (req.headers["x-csrf-token"] !== session.csrf_token) throw new Refusal("csrf_failed", "send the header `x-csrf-token` with the token of the session");
  answer(change(ask));
}

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".json": "application/json" };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
function file(res: ServerResponse, path: string) {
  let name = join(DIST, normalize(path));
  if (!name.startsWith(DIST) || !existsSync(name) || statSync(name).isDirectory()) name = join(DIST, "index.html");
  if (!existsSync(name)) { res.writeHead(404).end("Build the dashboard first: npm run build"); return; }
  res.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream", "content-security-policy": CSP });
  createReadStream(name).pipe(res);
}

setInterval(() => { const m = world.map(); send("tick", { at: iso(Date.now()), request_rate: m.nodes[0]!.request_rate, error_ratio: m.nodes[0]!.error_ratio, signals_per_s: 300 + Math.round(Math.random() * 40) }); }, 1_000);

export const server = createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url ?? "/", "http://mock");
  if (!pathname.startsWith("/api/v1/")) { file(res, pathname); return; }
  api(req, res, pathname.slice(7), searchParams).catch((e: unknown) => {
    const p = e instanceof Refusal ? e : new Refusal("internal", String(e));
    if (!res.headersSent) res.writeHead(p.problem.status, { "content-type": "application/problem+json" }).end(JSON.stringify(p.problem));
  });
}).listen(PORT, "127.0.0.1", () => { console.log(`mock of Homeostat on http://127.0.0.1:${String((server.address() as AddressInfo).port)}/?ticket=demo`); });
