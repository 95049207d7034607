/** The mock against the contract of the server: it answers every operation that reads, and nothing the server would not. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerFaults, askFaults, operationOf, OPERATIONS } from "./contract";

process.env.PORT = "0";
const { server } = await import("./server");
let base = "";
let headers: Record<string, string> = {};

type Ids = { items: { id: string; name?: string; workflow?: string; status?: string; state?: string }[] };
const ask = (path: string, method = "GET", body?: unknown) => fetch(`${base}${path}`, { method, headers: { ...headers, ...(body ? { "content-type": "application/json" } : {}) }, body: body ? JSON.stringify(body) : undefined });
const items = async (path: string) => ((await (await ask(path)).json()) as Ids).items;

beforeAll(async () => {
  if (!server.listening) await once(server, "listening");
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/api/v1`;
  const signedIn = await ask("/session", "POST", { ticket: "demo" });
  const { csrf_token } = (await signedIn.json()) as { csrf_token: string };
  headers = { cookie: signedIn.headers.getSetCookie()[0]!.split(";")[0]!, "x-csrf-token": csrf_token };
});
afterAll(() => { server.close(); });

describe("the mock", () => {
  /** No screen asks for these. */
  const unused = ["list_outcomes", "watch_changes"];
  const query: Record<string, string> = { get_connector_file: "?path=README.md", query_series: "?service=checkout&name=request_rate", list_series: "?service=checkout" };

  it("answers every operation that reads as the contract says", async () => {
    const first = async (path: string) => (await items(path))[0]!.id;
    const connector = await first("/connectors");
    const named: Record<string, string> = { "/incidents/{id}": await first("/incidents"), "/decisions/{id}": await first("/decisions"), "/services/{name}": "checkout", "/findings/{id}": await first("/findings"), "/runbooks/{name}": "restart-service", "/workflows/{name}": "shop.release-with-care", "/workflows/{name}/versions": "shop.release-with-care", "/runs/{id}": await first("/runs"), "/runs/{id}/journal": await first("/runs"), "/connectors/samples/{name}": "users", ...Object.fromEntries(["", "/file", "/package.zip"].map((part) => [`/connectors/{id}${part}`, connector])) };
    for (const { path, operation } of OPERATIONS.filter((o) => o.method === "GET" && !unused.includes(o.operation.operationId))) {
      const at = path.replace(/\{\w+\}/, named[path] ?? "{}") + (query[operation.operationId] ?? "");
      const answer = await ask(at);
      expect(`${at}: ${String(answer.status)} ${answer.ok ? "" : await answer.text()}`).toBe(`${at}: 200 `);
    }
  });

  it("answers for a run of every workflow in every state, now and at earlier records", async () => {
    const kinds = new Map((await items("/runs?limit=500")).map((r) => [`${r.workflow!} ${r.status!}`, r.id]));
    expect(kinds.size).toBeGreaterThan(8);
    for (const [kind, run] of kinds) for (const at of ["", "?at=1", "?at=3"]) expect((await ask(`/runs/${run}${at}`)).status, kind).toBe(200);
  }, 30_000);

  it("answers what changes something as the contract says", async () => {
    const [run] = await items("/runs?workflow=shop.release-with-care&status=waiting");
    const [faulted] = await items("/runs?status=faulted");
    const [approval] = await items("/approvals?state=pending");
    const learned = ((await (await ask("/findings?limit=200")).json()) as { items: { id: string; kind: string }[] }).items.find((f) => f.kind === "latency" || f.kind === "error_rate");
    const open: { id: string; findings: string[]; finding: string }[] = [];
    for (const { id } of await items("/incidents?status=open")) { const { incident } = (await (await ask(`/incidents/${id}`)).json()) as { incident: { findings: string[] } }; open.push({ id, findings: incident.findings, finding: incident.findings[0]! }); }
    const several = open.find((i) => i.findings.length > 1);
    const other = open.find((i) => i !== several);
    const source = "document: { dsl: '1.0.3', namespace: mine, name: probe, version: '0.1.0' }\ndo:\n  - rest:\n      wait: { seconds: 1 }\n";
    const asks: [method: string, path: string, body: unknown, status: number][] = [
      ["POST", `/approvals/${approval!.id}/approve`, { note: "go" }, 204],
      ["POST", `/runs/${run!.id}/pause`, { reason: "look" }, 204], ["POST", `/runs/${run!.id}/resume`, {}, 204], ["POST", `/runs/${run!.id}/cancel`, {}, 204], ["POST", `/runs/${faulted!.id}/retry`, {}, 204],
      ["PUT", "/runs/holds", { scope: "service", name: "catalog", held: true, reason: "moving" }, 200], ["PUT", "/runs/holds", { scope: "all", held: true }, 200], ["PUT", "/runs/holds", { scope: "all", held: false }, 200],
      ["POST", `/findings/${learned!.id}/feedback`, { judgement: "not_anomaly", note: "a test" }, 202], ["POST", "/detection/replay", { from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date().toISOString(), settings: { metric_anomaly: false } }, 200],
      ["POST", "/runs/bulk", { action: "retry", filter: { status: "faulted" }, reason: "again", limit: 5 }, 200], ["POST", "/runs/plan", { workflow: "restart-service", input: { service: "checkout" } }, 200], ["POST", "/runs", { workflow: "restart-service", input: { service: "checkout" } }, 201],
      ["POST", "/silences", { when: "service == 'worker'", ends_at: new Date(Date.now() + 3_600_000).toISOString(), reason: "a test" }, 201], ["POST", "/silences/preview", { when: "severity in ['low', 'high'] || kind == 'alert'" }, 200],
      ["POST", `/silences/${(await items("/silences"))[0]!.id}/end`, undefined, 204], ["POST", "/triage/test", { source: "mute: [{ name: all, why: a test, when: 'true' }]" }, 200],
      ["POST", `/incidents/${several!.id}/split`, { findings: [several!.finding] }, 200], ["POST", `/incidents/${other!.id}/move`, { findings: [several!.finding] }, 200], ["POST", `/incidents/${several!.id}/merge`, { into: other!.id }, 200], ["GET", `/incidents/${several!.id}`, undefined, 200], ["GET", `/incidents/${other!.id}`, undefined, 200],
      ["POST", "/connectors", { source: { sample: "crm" }, options: { license: "MIT" } }, 202], ["POST", "/connectors", { source: { text: "nothing" } }, 202], ["POST", "/connectors/diff", { old: { sample: "crm" }, new: { sample: "users" } }, 200],
      ["POST", "/workflows/validate", { source }, 200], ["POST", "/workflows/validate", { source: "document: 1" }, 200], ["PUT", "/workflows/mine.probe", { source }, 200], ["DELETE", "/workflows/mine.probe", undefined, 204],
      ["PUT", "/schedules/shop.sync-catalog", { enabled: false }, 200], ["PUT", "/stop-switch", { engaged: true, reason: "test" }, 200], ["PUT", "/stop-switch", { engaged: false, reason: "" }, 200],
    ];
    for (const [method, path, body, status] of asks) {
      const answer = await ask(path, method, body);
      expect(`${method} ${path}: ${String(answer.status)} ${answer.ok ? "" : await answer.text()}`).toBe(`${method} ${path}: ${String(status)} `);
    }
  });

  it("refuses what the server would not know", async () => {
    expect((await ask("/runs?state=failed")).status).toBe(400);
    expect((await ask("/runs?status=failed")).status).toBe(400);
    expect((await ask("/workflows/a.b/drafts")).status).toBe(404);
    expect((await ask("/silences/preview", "POST", { when: "servce == 'a'" })).status).toBe(400);
    expect((await ask("/runs/plan", "POST", { document: "x" })).status).toBe(400);
  });
});

describe("the check of the contract", () => {
  const hold = { items: [{ scope: "service", name: "a", by: "b", at: "2026-01-01T00:00:00Z", reason: "" }], allowed_actions: [] };
  const holds = operationOf("GET", ["runs", "holds"])!;
  it("takes what fits", () => { expect(answerFaults(holds, hold)).toEqual([]); });
  it("names a missing field, one that is not known, and a wrong kind", () => {
    expect(answerFaults(holds, { items: [] })).toEqual(["answer/allowed_actions is missing"]);
    expect(answerFaults(holds, { ...hold, items: [{ ...hold.items[0]!, until: 1 }] })).toEqual(["answer/items/0/until is not in the contract"]);
    expect(answerFaults(holds, { ...hold, items: [{ ...hold.items[0]!, by: 7 }] })).toEqual(["answer/items/0/by is integer, not string"]);
    expect(answerFaults(holds, { ...hold, items: [{ ...hold.items[0]!, scope: "team" }] })).not.toEqual([]);
  });
  it("tells a fixed path from one with a parameter", () => {
    expect(operationOf("GET", ["runs", "holds"])?.operationId).toBe("get_holds");
    expect(operationOf("GET", ["runs", "run_1"])?.operationId).toBe("get_run");
    expect(askFaults(operationOf("GET", ["runs"])!, new URLSearchParams("page=2"), {})).toEqual(["parameter page is not in the contract"]);
  });
});
