import assert from "node:assert/strict";
import { test } from "node:test";

import { apiKey, basic, bearer } from "../src/auth.js";
import { binary, form, json, multipart } from "../src/body.js";
import {
  AbortError,
  ApiError,
  ConnectionError,
  NotFoundError,
  RateLimitError,
  ResponseFormatError,
  TimeoutError,
  UnprocessableEntityError,
} from "../src/errors.js";
import { path } from "../src/url.js";
import { reply, silence, withServer } from "./support.js";

const get = { method: "GET", path: "/things" };

test("a path parameter cannot leave its place", () =>
  withServer([reply(200, {})], async ({ client, received }) => {
    await client().request({ method: "GET", path: path`/pets/${"a/b c?d"}` });
    assert.equal(received[0]?.url, "/pets/a%2Fb%20c%3Fd");
    for (const bad of ["", ".", ".."]) assert.throws(() => path`/pets/${bad}`, TypeError);
  }));

test("query parameters are written in their styles", () =>
  withServer([reply(200, {})], async ({ client, received }) => {
    await client().request({
      ...get,
      query: {
        ids: [1, 2],
        tags: ["a", "b"],
        filter: { age: { min: 3 } },
        pipe: ["x", "y"],
        no: undefined,
      },
      styles: { ids: "csv", filter: "deepObject", pipe: "pipeDelimited" },
    });
    assert.equal(
      received[0]?.url,
      "/things?ids=1,2&tags=a&tags=b&filter%5Bage%5D%5Bmin%5D=3&pipe=x|y",
    );
  }));

test("headers and cookies are parameters too", () =>
  withServer([reply(200, {})], async ({ client, received }) => {
    await client().request({
      ...get,
      headers: { "X-Trace": 7, "X-None": undefined },
      cookies: { session: "a b" },
    });
    assert.equal(received[0]?.headers["x-trace"], "7");
    assert.equal(received[0]?.headers["x-none"], undefined);
    assert.equal(received[0]?.headers["cookie"], "session=a%20b");
    assert.equal(received[0]?.headers["user-agent"], "test/1");
  }));

test("credentials go where the API wants them", () =>
  withServer([reply(200, {})], async ({ client, received }) => {
    await client({}, { a: bearer("t0ken"), b: apiKey("query", "key", () => "k") }).request(get);
    await client({}, { a: basic("me", "pässword") }).request(get);
    await client(
      {},
      { a: apiKey("header", "X-Key", "k"), b: apiKey("cookie", "sid", "s") },
    ).request(get);
    assert.equal(received[0]?.headers["authorization"], "Bearer t0ken");
    assert.equal(received[0]?.url, "/things?key=k");
    assert.equal(
      received[1]?.headers["authorization"],
      `Basic ${Buffer.from("me:pässword").toString("base64")}`,
    );
    assert.equal(received[2]?.headers["x-key"], "k");
    assert.equal(received[2]?.headers["cookie"], "sid=s");
  }));

test("multipart carries files, texts and objects", () =>
  withServer([reply(200, {})], async ({ client, received }) => {
    const file = new File(["bytes"], "cat.png", { type: "image/png" });
    const body = multipart({ file, name: "Tom", tags: ["a", "b"], meta: { age: 3 } });
    await client().request({ method: "POST", path: "/upload", body });
    const sent = received[0]?.body.toString() ?? "";
    assert.match(received[0]?.headers["content-type"] ?? "", /^multipart\/form-data; boundary=/);
    assert.match(sent, /name="file"; filename="cat.png"\r\nContent-Type: image\/png\r\n\r\nbytes/);
    assert.match(sent, /name="meta"\r\n\r\n\{"age":3\}/);
    assert.equal(sent.match(/name="tags"/g)?.length, 2);
  }));

test("forms, bytes and streams are sent as they are", () =>
  withServer([reply(200, {})], async ({ client, received }) => {
    const post = { method: "POST", path: "/" };
    await client().request({ ...post, body: form({ a: "x y&z", list: [1, 2] }) });
    await client().request({ ...post, body: binary(new Uint8Array([1, 2, 3])) });
    const stream = new Blob(["streamed"]).stream();
    await client().request({ ...post, body: binary(stream, "text/csv") });
    assert.equal(received[0]?.body.toString(), "a=x+y%26z&list=1&list=2");
    assert.deepEqual([...(received[1]?.body ?? [])], [1, 2, 3]);
    assert.equal(received[2]?.body.toString(), "streamed");
    assert.equal(received[2]?.headers["content-type"], "text/csv");
  }));

test("a binary answer is a Blob, or can be streamed", () => {
  const bytes = Buffer.from([0, 255, 128]);
  const answer = [
    (_: unknown, response: import("node:http").ServerResponse) => {
      response.writeHead(200, { "content-type": "application/pdf" });
      response.end(bytes);
    },
  ];
  return withServer(answer, async ({ client }) => {
    const blob = await client().request<Blob>(get);
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), bytes);
    const response = await client().request(get).asResponse();
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
  });
});

test("an answer without a body is undefined; JSON served as text is JSON; text stays text", () =>
  withServer(
    [reply(204), reply(200, '{"a":1}'), reply(200, "hello"), reply(200, undefined)],
    async ({ client }) => {
      assert.equal(await client().request(get), undefined);
      assert.deepEqual(await client().request(get), { a: 1 });
      assert.equal(await client().request(get), "hello");
      assert.equal(await client().request(get), undefined);
    },
  ));

test("a failure is an Error with status, body and request", () =>
  withServer(
    [reply(422, { message: "name is taken" }, { "x-request-id": "r1" })],
    async ({ client, url }) => {
      const error: unknown = await client()
        .request(get)
        .catch((e: unknown) => e);
      assert.ok(error instanceof UnprocessableEntityError && error instanceof Error);
      assert.equal(error.status, 422);
      assert.deepEqual(error.body, { message: "name is taken" });
      assert.equal(error.requestId, "r1");
      assert.equal(error.message, `GET ${url}/things: 422 name is taken`);
    },
  ));

test("documented failures are values when asked for, others are thrown", () =>
  withServer([reply(404, { code: 1 }), reply(418, {})], async ({ client }) => {
    const call = client().request<string, NotFoundError<{ code: number }>>({
      ...get,
      errors: [404],
    });
    const result = await call.result();
    assert.ok(!result.ok);
    assert.equal(result.error.body.code, 1);
    await assert.rejects(
      client()
        .request({ ...get, errors: [404] })
        .result(),
      { status: 418 },
    );
  }));

test("what is not what it says is a ResponseFormatError", () =>
  withServer([reply(200, "<html>", { "content-type": "application/json" })], async ({ client }) => {
    await assert.rejects(client().request(get), ResponseFormatError);
  }));

test("503 with Retry-After is tried again, for safe methods only", () =>
  withServer(
    [reply(503, {}, { "retry-after": "0" }), reply(200, { ok: true })],
    async ({ client, received }) => {
      assert.deepEqual(await client().request(get), { ok: true });
      assert.equal(received.length, 2);
    },
  ));

test("a POST is not tried again after 503, but with an idempotency key it is, and with the same one", () =>
  withServer(
    [reply(503, {}), reply(503, {}), reply(200, { ok: true })],
    async ({ client, received }) => {
      const post = { method: "POST", path: "/things", body: json({ a: 1 }) };
      await assert.rejects(client().request(post), { status: 503 });
      assert.equal(received.length, 1);
      await client().request({ ...post, idempotencyHeader: "Idempotency-Key" });
      assert.equal(received.length, 3);
      const keys = received.slice(1).map((each) => each.headers["idempotency-key"]);
      assert.match(String(keys[0]), /^[0-9a-f-]{36}$/);
      assert.equal(keys[0], keys[1]);
    },
  ));

test("a wait that the service asks for and that is too long is not waited", () =>
  withServer([reply(429, {}, { "retry-after": "3600" })], async ({ client, received }) => {
    await assert.rejects(client().request(get), RateLimitError);
    assert.equal(received.length, 1);
  }));

test("retries end, and the caller hears of each", () =>
  withServer([reply(500, {})], async ({ client, received }) => {
    const heard: number[] = [];
    const hooks = { onRetry: ({ attempt }: { attempt: number }) => void heard.push(attempt) };
    await assert.rejects(client({ hooks }).request(get), ApiError);
    assert.equal(received.length, 3);
    assert.deepEqual(heard, [1, 2]);
  }));

test("silence is a TimeoutError; an abort is an AbortError; a closed port a ConnectionError", () =>
  withServer([silence], async ({ client, url }) => {
    const options = { timeoutMs: 30, retry: { maxRetries: 0 } };
    await assert.rejects(client().request({ ...get, options }), TimeoutError);
    const controller = new AbortController();
    const call = client().request({ ...get, options: { signal: controller.signal } });
    controller.abort(new Error("enough"));
    await assert.rejects(call, AbortError);
    const closed = client({ baseUrl: url.replace(/\d+$/, "1"), retry: { maxRetries: 0 } });
    await assert.rejects(closed.request(get), ConnectionError);
  }));

test("hooks see and change requests and responses", () =>
  withServer([reply(200, { a: 1 })], async ({ client, received }) => {
    const hooks = [
      { onRequest: (request: Request) => void request.headers.set("x-hook", "1") },
      { onResponse: () => Response.json({ changed: true }) },
    ];
    assert.deepEqual(await client({ hooks }).request(get), { changed: true });
    assert.equal(received[0]?.headers["x-hook"], "1");
  }));
