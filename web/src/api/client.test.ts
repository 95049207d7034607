import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, pages, request, setCsrfToken, url } from "./client";
import { staleKeys } from "./stream";

const answer = (status: number, body: unknown) =>
  vi.stubGlobal("fetch", vi.fn(() => Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status }))));
const sent = () => vi.mocked(fetch).mock.calls[0] as [string, RequestInit & { headers: Record<string, string> }];

afterEach(() => { vi.unstubAllGlobals(); setCsrfToken(null); });

describe("url", () => {
  it("leaves out what is empty and encodes the rest", () => {
    expect(url("/logs", { text: "a&b", level: "", service: undefined, limit: 0 })).toBe("/api/v1/logs?text=a%26b&limit=0");
  });
  it("takes paths that carry the base already", () => { expect(url("/api/v1/runs")).toBe("/api/v1/runs"); });
});

describe("request", () => {
  it("sends the CSRF token with changes and not with reads", async () => {
    setCsrfToken("secret");
    answer(200, {});
    await request("/overview");
    expect(sent()[1].headers["x-csrf-token"]).toBeUndefined();
    answer(200, {});
    await request("/runs", { method: "POST", body: { a: 1 }, idempotencyKey: "k" });
    expect(sent()[1].headers).toMatchObject({ "x-csrf-token": "secret", "idempotency-key": "k", "content-type": "application/json" });
  });
  it("turns a problem into a typed error", async () => {
    answer(409, { title: "Incident is resolved", status: 409, code: "incident_resolved", detail: "Open it again first." });
    await expect(request("/x")).rejects.toMatchObject({ status: 409, code: "incident_resolved", detail: "Open it again first." });
  });
  it("survives an error that is not JSON", async () => {
    vi.stubGlobal("fetch", vi.fn(() => Promise.resolve(new Response("<html>", { status: 502, statusText: "Bad Gateway" }))));
    await expect(request("/x")).rejects.toMatchObject({ status: 502, code: "http_502", message: "Bad Gateway" });
  });
  it("says so when the server is gone", async () => {
    vi.stubGlobal("fetch", vi.fn(() => Promise.reject(new TypeError("failed"))));
    const error = await request("/x").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 0, code: "unreachable" });
  });
  it("gives nothing for 204", async () => {
    answer(204, undefined);
    await expect(request("/session", { method: "DELETE" })).resolves.toBeUndefined();
  });
});

describe("pages", () => {
  it("follows the cursor until there is none", () => {
    const options = pages("/incidents");
    expect(options.getNextPageParam({ items: [], next: "c2" })).toBe("c2");
    expect(options.getNextPageParam({ items: [], next: null })).toBeUndefined();
  });
});

describe("stream", () => {
  it("a changed incident makes its page, the lists and the overview stale", () => {
    expect(staleKeys({ kind: "incident", id: "inc_1" })).toEqual([["incident", "inc_1"], ["incidents"], ["overview"], ["map"]]);
  });
  it("an unknown kind refreshes the overview only", () => { expect(staleKeys({ kind: "new thing", id: "" })).toEqual([["overview"]]); });
});
