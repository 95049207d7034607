/** A server made of an API's description: it answers each operation with an example and refuses what breaks the contract. */

/** One operation, as far as a mock needs it. */
export interface MockRoute {
  readonly method: string;
  /** The path with its parameters in braces. */
  readonly path: string;
  /** Names in the query that must be there. */
  readonly query?: readonly string[];
  /** Headers that must be there. */
  readonly headers?: readonly string[];
  /** Content types of the body; a request without one is refused. */
  readonly body?: readonly string[];
  /** What is answered; the second one to those who ask for a stream. */
  readonly answers: readonly MockAnswer[];
}

/** An answer. */
export interface MockAnswer {
  readonly status: number;
  readonly type?: string;
  readonly body?: unknown;
}

/** A mock: hand its `fetch` to a client, or serve it with anything that answers a `Request`. */
export interface Mock {
  readonly fetch: typeof fetch;
  /** What was asked for, in order. */
  readonly requests: readonly Request[];
}

/**
 * Makes a mock. The header `x-mock-route: GET /pets/{petId}` picks a route where a path fits several, and
 * `x-mock-status: 404` makes it answer with a failure.
 */
export function mock(routes: readonly MockRoute[]): Mock {
  const compiled = routes.map((route) => ({ route, matches: matcher(route.path) }));
  // Where a fixed path and one with parameters both fit, the fixed one is meant.
  compiled.sort((a, b) => count(a.route.path) - count(b.route.path));
  const requests: Request[] = [];
  return {
    requests,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      requests.push(request.clone());
      const url = new URL(request.url);
      const wanted = request.headers.get("x-mock-route");
      const found = compiled.find(
        ({ route, matches }) =>
          route.method === request.method &&
          (wanted === null || wanted === `${route.method} ${route.path}`) &&
          matches(url),
      );
      if (found === undefined)
        return problem(404, [`no operation ${request.method} ${url.pathname}`]);
      const problems = await check(found.route, request);
      if (problems.length > 0) return problem(400, problems);
      const status = request.headers.get("x-mock-status");
      return status === null ? answer(found.route, request) : problem(Number(status), ["as asked"]);
    },
  };
}

/** How little a path says: fixed parts of its query count for it, parameters against it. */
function count(path: string): number {
  return path.split("{").length - path.split("=").length;
}

/** Matches the end of a path, because what comes before it is where the server is. */
function matcher(template: string): (url: URL) => boolean {
  const [path = "", query = ""] = (template.split("#")[0] ?? "").split("?");
  const fixed = [...new URLSearchParams(query)];
  const parts = path.replace(/^\//, "").split(/\{[^}]*\}/);
  // What is written in percent in the template stays as it is.
  const escaped = parts.map((part) =>
    encodeURI(part)
      .replaceAll("%25", "%")
      .replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
  );
  const pattern = new RegExp(`(?:^|/)${escaped.join("[^/]+")}/?$`, "i");
  return ({ pathname, searchParams }) =>
    pattern.test(pathname) &&
    fixed.every(([name, value]) => searchParams.getAll(name).includes(value));
}

async function check(route: MockRoute, request: Request): Promise<string[]> {
  const problems: string[] = [];
  const names = [...new URL(request.url).searchParams.keys()];
  for (const name of route.query ?? []) {
    const given = names.some((known) => known === name || known.startsWith(`${name}[`));
    if (!given) problems.push(`the query lacks ${name}`);
  }
  for (const name of route.headers ?? []) {
    if (!request.headers.has(name)) problems.push(`the header ${name} is missing`);
  }
  if (route.body !== undefined) {
    const type = essence(request.headers.get("content-type") ?? "");
    if (!route.body.some((known) => fits(type, essence(known)))) {
      problems.push(
        `the body is ${type === "" ? "missing" : type}, not ${route.body.join(" or ")}`,
      );
    } else if (!(await isReadable(type, request))) {
      problems.push(`the body is no ${type}`);
    }
  }
  return problems;
}

function essence(type: string): string {
  return (type.split(";")[0] ?? "").trim().toLowerCase();
}

function fits(type: string, known: string): boolean {
  const [family = "", kind] = known.split("/");
  return type === known || known === "*/*" || (kind === "*" && type.startsWith(`${family}/`));
}

async function isReadable(type: string, request: Request): Promise<boolean> {
  try {
    if (type.endsWith("json")) JSON.parse(await request.clone().text());
    else if (type === "multipart/form-data") await request.clone().formData();
    return true;
  } catch {
    return false;
  }
}

function answer(route: MockRoute, request: Request): Response {
  const accept = essence(request.headers.get("accept") ?? "");
  const asked = route.answers.find(({ type }) => type !== undefined && essence(type) === accept);
  const { status, type, body } = asked ?? route.answers[0] ?? { status: 200 };
  const empty = request.method === "HEAD" || body === undefined || [204, 205, 304].includes(status);
  return new Response(empty ? null : text(type ?? "", body), {
    status,
    headers: type === undefined ? {} : { "content-type": type },
  });
}

function text(type: string, body: unknown): string {
  if (essence(type) === "text/event-stream") return `data: ${JSON.stringify(body)}\n\n`;
  if (/json/.test(type)) return `${JSON.stringify(body)}\n`;
  return typeof body === "string" ? body : JSON.stringify(body);
}

function problem(status: number, problems: readonly string[]): Response {
  return Response.json({ status, detail: problems.join("; ") }, { status });
}
