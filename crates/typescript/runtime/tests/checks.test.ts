/** What is checked and converted on its way, and requests that axios carries. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { axiosFetch } from "../src/axios.js";
import { json } from "../src/body.js";
import { ApiError, SchemaError } from "../src/errors.js";
import { offsetPages, paginate } from "../src/pagination.js";
import * as s from "../src/schema.js";
import { eventStream } from "../src/stream.js";
import { reply, withServer } from "./support.js";

interface Event {
  readonly at: Date;
  readonly day?: Date;
  readonly next?: Event | null;
}

const EventSchema: s.Schema<unknown, Event> = s.schema(() =>
  s.object({
    at: s.dateFromTime,
    day: s.optional(s.dateFromDay),
    next: s.optional(s.nullable(EventSchema)),
  }),
);

const EventInputSchema: s.Schema<Event, unknown> = s.schema(() =>
  s.object({ at: s.timeOfDate, day: s.optional(s.dayOfDate) }),
);

const TIME = "2026-03-01T10:00:00.000Z";

test("dates become dates on the way in and texts on the way out", () =>
  withServer(
    [reply(200, { at: TIME, more: 1, next: { at: TIME, next: null } })],
    async ({ client, received }) => {
      const event = await client().request<Event>({
        method: "POST",
        path: "/events",
        body: json({ at: new Date(TIME), day: new Date("2026-03-02T00:00:00Z") }),
        schemas: { body: EventInputSchema, data: EventSchema },
      });
      assert.deepEqual(JSON.parse(String(received[0]?.body)), { at: TIME, day: "2026-03-02" });
      const at = new Date(TIME);
      assert.deepEqual(event, { at, more: 1, next: { at, next: null } });
    },
  ));

test("what is wrong is not sent, and each fault says where it is", () =>
  withServer([reply(200, {})], async ({ client, received }) => {
    const errors: unknown[] = [];
    const call = client({ hooks: { onError: (error) => errors.push(error) } }).request({
      method: "POST",
      path: "/events",
      body: json({ at: "today", day: 1 }),
      schemas: { body: EventInputSchema },
    });
    await assert.rejects(call, (error) => {
      assert(error instanceof SchemaError);
      assert.equal(error.part, "body");
      assert.deepEqual(
        error.issues.map(({ path }) => path),
        [["at"], ["day"]],
      );
      assert.match(error.message, /body\.at: a string is no valid Date; body\.day/);
      return true;
    });
    assert.equal(received.length, 0);
    assert.equal(errors.length, 1);
  }));

test("a hook lets pass what does not fit", () =>
  withServer([reply(200, { at: 5 })], async ({ client }) => {
    const parts: string[] = [];
    const hooks = { onInvalid: (error: SchemaError) => parts.push(error.part) };
    const call = { method: "GET", path: "/", schemas: { data: EventSchema } };
    assert.deepEqual(await client({ hooks }).request(call), { at: 5 });
    assert.deepEqual(parts, ["data"]);
    await assert.rejects(client().request(call), SchemaError);
  }));

test("a conversion complains of nothing", async () => {
  const lenient = s.conversion<unknown, Event>(() => s.object({ at: s.dateFromTime, n: s.number }));
  assert.deepEqual(await lenient["~standard"].validate({ at: TIME, n: "x" }), {
    value: { at: new Date(TIME), n: "x" },
  });
});

test("each rule keeps what fits and refuses what does not", () => {
  const cases: readonly (readonly [s.Rule, unknown, unknown])[] = [
    [s.string, "a", 1],
    [s.number, 1, "1"],
    [s.boolean, false, 0],
    [s.literal("a", 2, null), null, "b"],
    [s.nullable(s.string), null, undefined],
    [s.array(s.number), [1, 2], [1, "2"]],
    [s.tuple([s.string, s.number]), ["a", 1], ["a", 1, 2]],
    [s.tuple([s.string], s.number), ["a", 1, 2], []],
    [s.object({ a: s.string, b: s.optional(s.number) }), { a: "x", c: 1 }, { b: 1 }],
    [s.record(s.number), { a: 1 }, { a: "1" }],
    [s.withRest(s.number, { a: s.string }), { a: "x", b: 1 }, { a: "x", b: "y" }],
    [s.union(s.string, s.object({ a: s.number })), { a: 1 }, { a: "1" }],
    [s.all(s.object({ a: s.string }), s.object({ b: s.string })), { a: "x", b: "y" }, { a: "x" }],
    [s.unknown, undefined, undefined],
    [s.never, undefined, 1],
  ];
  for (const [rule, right, wrong] of cases.slice(0, -2)) {
    const issues: Parameters<s.Rule["check"]>[2] = [];
    assert.deepEqual(rule.check(right, [], issues), right);
    assert.deepEqual(issues, []);
    rule.check(wrong, [], issues);
    assert.notEqual(issues.length, 0, JSON.stringify(wrong));
  }
});

test("both parts of an intersection convert", () => {
  const rule = s.all(s.object({ at: s.dateFromTime }), s.object({ until: s.dateFromDay }));
  const made = rule.check({ at: TIME, until: "2026-03-02", x: 1 }, [], []);
  assert.deepEqual(made, { at: new Date(TIME), until: new Date("2026-03-02"), x: 1 });
});

test("the bodies of failures are converted, and those that do not fit stay what they are", () =>
  withServer([reply(404, { at: TIME }), reply(404, "gone")], async ({ client }) => {
    const call = { method: "GET", path: "/", errors: [404], failures: { 404: EventSchema } };
    const bodies: unknown[] = [];
    for (let index = 0; index < 2; index++) {
      await assert.rejects(client().request(call), (error) => {
        assert(error instanceof ApiError);
        bodies.push(error.body);
        return true;
      });
    }
    assert.deepEqual(bodies, [{ at: new Date(TIME) }, "gone"]);
  }));

test("each item of a stream is checked", () =>
  withServer(
    [
      (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end(`data: {"at":"${TIME}"}\n\ndata: {"at":1}\n\n`);
      },
    ],
    async ({ client }) => {
      const seen: Event[] = [];
      const stream = eventStream<Event, ApiError>(client(), {
        method: "GET",
        path: "/",
        schemas: { data: EventSchema },
      });
      await assert.rejects(async () => {
        for await (const event of stream) seen.push(event);
      }, SchemaError);
      assert.deepEqual(seen, [{ at: new Date(TIME) }]);
    },
  ));

test("pages that are asked for in the body", () =>
  withServer(
    [reply(200, { all: 3, items: [1, 2] }), reply(200, { all: 3, items: [3] })],
    async ({ client, received }) => {
      const list = paginate<unknown, number, ApiError>(client(), {
        method: "POST",
        path: "/search",
        body: json({ text: "x" }),
        pages: offsetPages({ items: "items", place: "body", parameter: "from", total: "all" }),
      });
      assert.deepEqual(await list.toArray(), [1, 2, 3]);
      const bodies = received.map(({ body }) => JSON.parse(String(body)) as unknown);
      assert.deepEqual(bodies, [{ text: "x" }, { text: "x", from: 2 }]);
    },
  ));

test("axios carries bodies, headers, failures and streams as they are", () =>
  withServer(
    [
      reply(503, "", { "retry-after": "0" }),
      reply(200, { ok: true }, { "x-a": "1" }),
      reply(422, { message: "no" }),
      (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('data: {"n":1}\n\n');
      },
    ],
    async ({ client, received }) => {
      const axios = client({ fetch: axiosFetch() });
      const call = {
        method: "PUT",
        path: "/a",
        body: json({ text: "ü" }),
        headers: { "X-B": "2" },
      };
      const { data, response } = await axios.request(call).withResponse();
      assert.deepEqual([data, response.headers.get("x-a")], [{ ok: true }, "1"]);
      assert.deepEqual(JSON.parse(String(received[1]?.body)), { text: "ü" });
      assert.equal(received[1]?.headers["x-b"], "2");
      assert.equal(received[1]?.headers["content-type"], "application/json");
      await assert.rejects(axios.request(call), { status: 422, body: { message: "no" } });
      // The stream never ends by itself: leaving it must.
      for await (const item of eventStream(axios, { method: "GET", path: "/s" })) {
        assert.deepEqual(item, { n: 1 });
        break;
      }
    },
  ));

test("axios ends a call when its signal does, and tells of closed ports", () =>
  withServer([() => undefined], async ({ client }) => {
    const axios = client({ fetch: axiosFetch(), timeoutMs: 30, retry: { maxRetries: 0 } });
    await assert.rejects(axios.request({ method: "GET", path: "/" }), { name: "TimeoutError" });
    const options = { baseUrl: "http://127.0.0.1:1" };
    await assert.rejects(axios.request({ method: "GET", path: "/", options }), {
      name: "ConnectionError",
    });
  }));
