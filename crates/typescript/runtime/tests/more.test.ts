import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { bearer, environment } from "../src/auth.js";
import {
  authorizationUrl,
  clientCredentials,
  exchangeCode,
  OAuthError,
  pkce,
  refreshing,
} from "../src/oauth.js";
import {
  cursorPages,
  linkedPages,
  numberedPages,
  offsetPages,
  PagePromise,
  type Pages,
} from "../src/pagination.js";
import { rateLimited } from "../src/rate-limit.js";
import { delayMs, retryAfterMs } from "../src/retry.js";
import { eventStream, jsonLines, serverSentEvents } from "../src/stream.js";
import { path, queryString, styled } from "../src/url.js";
import { SignatureError, verifyHmac, verifyStandardWebhook } from "../src/webhooks.js";
import { type Answer, reply, withServer } from "./support.js";

const get = { method: "GET", path: "/things" };

async function all(
  pages: Pages,
  bodies: readonly unknown[],
  headers: Record<string, string>[] = [],
) {
  const urls: string[] = [];
  const items: unknown[] = [];
  await withServer(
    bodies.map((body, index) => reply(200, body, headers[index] ?? {})),
    async ({ client, received }) => {
      const call = { ...get, query: { limit: 2 }, pages };
      for await (const item of new PagePromise<unknown, unknown>(client(), call)) items.push(item);
      urls.push(...received.map(({ url }) => url.replace("/things?", "")));
    },
  );
  return { items, urls };
}

test("pages by cursor", async () => {
  const pages = cursorPages({ items: "data", parameter: "after", next: "paging.next.after" });
  const bodies = [
    { data: [1, 2], paging: { next: { after: "c" } } },
    { data: [3], paging: {} },
  ];
  assert.deepEqual(await all(pages, bodies), {
    items: [1, 2, 3],
    urls: ["limit=2", "limit=2&after=c"],
  });
});

test("pages by the last item", async () => {
  const pages = cursorPages({
    items: "data",
    parameter: "starting_after",
    last: "id",
    more: "has_more",
  });
  const bodies = [
    { data: [{ id: "a" }, { id: "b" }], has_more: true },
    { data: [{ id: "c" }], has_more: false },
  ];
  const { urls } = await all(pages, bodies);
  assert.deepEqual(urls, ["limit=2", "limit=2&starting_after=b"]);
});

test("pages by number end with a page that is not full, or with the last number", async () => {
  const pages = numberedPages({ items: "", parameter: "page", size: "limit" });
  assert.deepEqual((await all(pages, [[1, 2], [3]])).urls, ["limit=2", "limit=2&page=2"]);
  const counted = numberedPages({ items: "rows", parameter: "page", pages: "meta.pages" });
  const bodies = [
    { rows: [1], meta: { pages: 2 } },
    { rows: [2], meta: { pages: 2 } },
  ];
  assert.deepEqual((await all(counted, bodies)).items, [1, 2]);
});

test("pages by offset", async () => {
  const pages = offsetPages({ items: "rows", parameter: "offset", size: "limit", total: "total" });
  const bodies = [
    { rows: [1, 2], total: 4 },
    { rows: [3, 4], total: 4 },
  ];
  assert.deepEqual((await all(pages, bodies)).urls, ["limit=2", "limit=2&offset=2"]);
});

test("pages by link take only the query of the link", async () => {
  const bodies = [[1, 2], [3]];
  const link = '<https://evil.example/x?limit=2&cursor=n%20>; rel="next", <https://e/>; rel="last"';
  const { urls, items } = await all(linkedPages({ items: "" }), bodies, [{ link }]);
  assert.deepEqual(urls, ["limit=2", "limit=2&cursor=n%20"]);
  assert.deepEqual(items, [1, 2, 3]);
});

test("a page that leads to itself ends the list", async () => {
  const pages = cursorPages({ items: "data", parameter: "after", next: "next" });
  assert.deepEqual((await all(pages, [{ data: [1], next: "same" }])).items, [1, 1]);
});

test("a list is awaited, walked by page, and gathered up to a limit", () =>
  withServer(
    [reply(200, { data: [1, 2], next: "b" }), reply(200, { data: [3, 4], next: "c" })],
    async ({ client }) => {
      const pages = cursorPages({ items: "data", parameter: "after", next: "next" });
      const list = new PagePromise<{ data: number[] }, number>(client(), { ...get, pages });
      assert.deepEqual((await list).data, [1, 2]);
      assert.deepEqual(await list.toArray(3), [1, 2, 3]);
    },
  ));

function chunks(type: string, parts: readonly string[]): Answer {
  return (_, response) => {
    response.writeHead(200, { "content-type": type });
    for (const part of parts) response.write(part);
    response.end();
  };
}

test("server-sent events, however they are cut", () =>
  withServer(
    [
      chunks("text/event-stream", [
        'data: {"a"',
        ":1}\r",
        "\n\r\nevent: x\ndata: two\ndata: lines\n\n: hi\n\ndata: [DONE]\n\n",
      ]),
    ],
    async ({ client, url }) => {
      const items: unknown[] = [];
      for await (const item of eventStream<unknown, never>(client(), get)) items.push(item);
      assert.deepEqual(items, [{ a: 1 }, "two\nlines"]);
      const names: string[] = [];
      for await (const event of serverSentEvents(await fetch(url))) names.push(event.event);
      assert.deepEqual(names, ["message", "x", "message"]);
    },
  ));

test("lines of JSON; leaving the loop ends the connection", () =>
  withServer(
    [chunks("application/x-ndjson", ['{"a":1}\n{"a"', ':2}\n\n{"a":3}'])],
    async ({ client }) => {
      const items: unknown[] = [];
      for await (const item of jsonLines<{ a: number }, never>(client(), get)) items.push(item.a);
      assert.deepEqual(items, [1, 2, 3]);
      for await (const item of await jsonLines<{ a: number }, never>(client(), get)) {
        assert.equal(item.a, 1);
        break;
      }
    },
  ));

test("a stream that cannot be opened is an error like any other", () =>
  withServer([reply(401, {})], async ({ client }) => {
    await assert.rejects(eventStream(client(), get).withResponse(), { status: 401 });
  }));

test("one token for many requests; a refused one is renewed and the request made again", () => {
  let tokens = 0;
  let refused = 0;
  const answer: Answer = (request, response) => {
    if (request.url === "/token") {
      tokens++;
      reply(200, { access_token: `t${tokens}`, expires_in: 3600 })(request, response);
    } else if (request.headers.authorization === "Bearer t1" && refused++ > 1) {
      reply(401, {})(request, response);
    } else reply(200, { by: request.headers.authorization })(request, response);
  };
  return withServer([answer], async ({ client, url, received }) => {
    const source = clientCredentials({
      tokenUrl: `${url}/token`,
      clientId: "id",
      clientSecret: "s:t",
      scopes: ["a", "b"],
    });
    const calls = client({}, { oauth: bearer(source) });
    await Promise.all([calls.request(get), calls.request(get)]);
    assert.equal(tokens, 1);
    assert.equal(received[0]?.body.toString(), "grant_type=client_credentials&scope=a+b");
    assert.equal(
      received[0]?.headers.authorization,
      `Basic ${Buffer.from("id:s%3At").toString("base64")}`,
    );
    assert.deepEqual(await calls.request(get), { by: "Bearer t2" });
    assert.equal(tokens, 2);
  });
});

test("a login with a code, and the refresh after it", () =>
  withServer(
    [
      reply(200, { access_token: "a", refresh_token: "r" }),
      reply(200, { access_token: "b", refresh_token: "r2" }),
      reply(400, { error: "invalid_grant" }),
    ],
    async ({ url, received }) => {
      const client = { tokenUrl: url, clientId: "id" };
      const { verifier, challenge } = await pkce();
      const login = new URL(
        authorizationUrl({
          authorizationUrl: "https://a/auth?x=1",
          clientId: "id",
          redirectUri: "https://me/",
          state: "s",
          challenge,
        }),
      );
      assert.equal(login.searchParams.get("code_challenge"), challenge);
      const tokens = await exchangeCode(client, {
        code: "c",
        redirectUri: "https://me/",
        verifier,
      });
      assert.match(received[0]?.body.toString() ?? "", new RegExp(`code_verifier=${verifier}`));
      const stored: unknown[] = [];
      const source = refreshing({
        ...client,
        refreshToken: tokens.refresh_token ?? "",
        accessToken: tokens.access_token,
        onTokens: (each) => void stored.push(each.refresh_token),
      });
      assert.equal(await source.token(), "a");
      assert.equal(await source.token("a"), "b");
      assert.deepEqual(stored, ["r2"]);
      await assert.rejects(source.token("b"), OAuthError);
      assert.match(received[2]?.body.toString() ?? "", /refresh_token=r2/);
    },
  ));

test("styles of path parameters are those of RFC 6570", () => {
  const object = { r: 100, g: 200 };
  assert.equal(path`/${styled("label", "c", false, ["a", "b"])}`, "/.a,b");
  assert.equal(path`/${styled("label", "c", true, ["a", "b"])}`, "/.a.b");
  assert.equal(path`/${styled("matrix", "c", false, object)}`, "/;c=r,100,g,200");
  assert.equal(path`/${styled("matrix", "c", true, object)}`, "/;r=100;g=200");
  assert.equal(path`/${styled("simple", "c", true, object)}`, "/r=100,g=200");
  assert.equal(path`/${[1, 2]}`, "/1,2");
  assert.equal(queryString({ a: object }), "?r=100&g=200");
  assert.equal(queryString({ a: object }, { a: "csv" }), "?a=r,100,g,200");
  assert.equal(queryString({ a: "x/y?z" }, { a: "reserved" }), "?a=x/y?z");
  assert.equal(queryString({ at: new Date(0) }), "?at=1970-01-01T00%3A00%3A00.000Z");
});

test("waits double, are scattered, and follow the service", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const header = (value: string): Headers => new Headers({ "retry-after": value });
  assert.equal(retryAfterMs(header("2"), now), 2000);
  assert.equal(retryAfterMs(header("Thu, 01 Jan 2026 00:00:05 GMT"), now), 5000);
  assert.equal(retryAfterMs(header("soon"), now), undefined);
  for (let attempt = 0; attempt < 10; attempt++) {
    const delay = delayMs(attempt, undefined, {}) ?? 0;
    const ceiling = Math.min(30_000, 500 * 2 ** attempt);
    assert.ok(delay >= ceiling / 2 && delay <= ceiling);
  }
});

test("no more at once than allowed, and no more in a period", async () => {
  let running = 0;
  let most = 0;
  const send: typeof fetch = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return new Response();
  };
  const limited = rateLimited({ concurrency: 2 }, send);
  await Promise.all(Array.from({ length: 9 }, () => limited("http://localhost")));
  assert.equal(most, 2);
  const began = Date.now();
  const paced = rateLimited({ requests: 2, periodMs: 40 }, send);
  await Promise.all(Array.from({ length: 5 }, () => paced("http://localhost")));
  assert.ok(Date.now() - began >= 75);
});

test("signatures of webhooks", async () => {
  const payload = '{"type":"x"}';
  const time = String(Math.floor(Date.now() / 1000));
  const secret = "whsec_c2VjcmV0";
  const standard = createHmac("sha256", "secret").update(`m1.${time}.${payload}`).digest("base64");
  const headers = {
    "webhook-id": "m1",
    "webhook-timestamp": time,
    "webhook-signature": `v1,bad v1,${standard}`,
  };
  await verifyStandardWebhook({ payload, headers, secret });
  await assert.rejects(verifyStandardWebhook({ payload: "x", headers, secret }), SignatureError);
  const old = { ...headers, "webhook-timestamp": "1" };
  await assert.rejects(verifyStandardWebhook({ payload, headers: old, secret }), SignatureError);

  const stripe = createHmac("sha256", "s").update(`${time}.${payload}`).digest("hex");
  const stripeHeaders = new Headers({ "Stripe-Signature": `t=${time},v1=${stripe}` });
  await verifyHmac({ payload, headers: stripeHeaders, secret: "s", header: "stripe-signature" });
  const github = createHmac("sha256", "s").update(payload).digest("hex");
  const call = {
    payload,
    headers: { "x-hub-signature-256": `sha256=${github}` },
    header: "X-Hub-Signature-256",
  };
  await verifyHmac({ ...call, secret: "s" });
  await assert.rejects(verifyHmac({ ...call, secret: "other" }), SignatureError);
});

test("the environment is read where there is one", () => {
  assert.equal(environment("PATH"), process.env["PATH"]);
  assert.equal(environment("THIS_IS_NOT_SET"), undefined);
});
