/** Connectors of the mock: the shipped samples are real, packages are small, and reading takes its time. */
import { readdirSync, readFileSync } from "node:fs";
import { isMap, LineCounter, parseDocument, type Node } from "yaml";
import type { components } from "../src/api/schema";
import { id, iso } from "./ids";
import { packageName, packageOf, type Api, type Made } from "./packages";
import { Refusal } from "./refusal";

type S = components["schemas"];
type Options = Partial<S["ConnectorOptions"]>;
const FOLDER = new URL("../../connectors/samples/", import.meta.url);
const SAMPLES = new Map(readdirSync(FOLDER).filter((f) => f.endsWith(".yaml")).sort().map((f) => [f.slice(0, -5), readFileSync(new URL(f, FOLDER), "utf8")]));
const METHODS = new Set(["get", "put", "post", "delete", "patch", "head", "options"]);
const READ_MS = 500;
const MADE_MS = 1_300;
const KEPT = 16;

/** An answer that is no JSON. */
export class Plain {
  constructor(readonly type: string, readonly body: string | Uint8Array, readonly headers: Record<string, string> = {}) {}
}

type Read = { api: Api; diagnostics: S["ConnectorDiagnostic"][]; keys: Map<string, { line: number; column: number }> };
type Raw = { info?: { title?: string; version?: string; description?: string }; paths?: Record<string, Record<string, { operationId?: string; tags?: string[]; summary?: string }>>; components?: { schemas?: Record<string, unknown> } };

function readDocument(source: string, file: string): Read {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines });
  const raw = document.errors.length > 0 ? null : (document.toJS() as Raw | null);
  if (!raw?.paths) throw new Refusal("invalid_request", document.errors[0]?.message ?? "it has neither a version nor paths: is this an OpenAPI document?");
  const placeOf = (path: string[]) => {
    const at = (document.getIn(path, true) as Node | undefined)?.range?.[0] ?? 0;
    const { line, col } = lines.linePos(at);
    return { line, column: col };
  };
  const keys: Read["keys"] = new Map();
  const seen = new Map<string, number>();
  const diagnostics: Read["diagnostics"] = [];
  const operations = Object.entries(raw.paths).flatMap(([path, item]) => Object.entries(item).filter(([method]) => METHODS.has(method)).map(([method, o]) => {
    const at = placeOf(["paths", path, method]);
    const pointer = `/paths/${path.replaceAll("~", "~0").replaceAll("/", "~1")}/${method}`;
    keys.set(`${method.toUpperCase()} ${path}`, at);
    const operation = o.operationId ?? `${method} ${path}`;
    const before = seen.get(operation);
    if (before !== undefined) diagnostics.push({ severity: "error", code: "duplicate-operation-id", message: `operationId \`${operation}\` is used twice, first in line ${String(before)}`, suggestion: "give each operation an operationId of its own; the method is named by its path until then", file, pointer, ...placeOf(["paths", path, method, "operationId"]) });
    else seen.set(operation, at.line);
    if (!o.operationId) diagnostics.push({ severity: "warning", code: "no-operation-id", message: `${method.toUpperCase()} ${path} has no operationId`, suggestion: "name it; methods are named by it", file, pointer, ...at });
    if (!o.summary) diagnostics.push({ severity: "note", code: "no-summary", message: `${method.toUpperCase()} ${path} has no summary`, suggestion: null, file, pointer, ...at });
    return { id: operation, method, path, tag: o.tags?.[0] ?? "api", summary: o.summary ?? "" };
  }));
  const rank = ["error", "warning", "note"];
  diagnostics.sort((a, b) => rank.indexOf(a.severity) - rank.indexOf(b.severity));
  return { api: { title: raw.info?.title ?? "", version: raw.info?.version ?? "", operations, schemas: isMap(document.getIn(["components", "schemas"])) ? Object.keys(raw.components?.schemas ?? {}) : [] }, diagnostics, keys };
}

type Kept = { summary: S["ConnectorSummary"]; read: Read | null; why: string | null; files: Made[]; options: S["ConnectorOptions"]; at: number };

export class Connectors {
  private kept: Kept[] = [];
  private made = 0;
  private gone = new Set<string>();

  constructor() {
    const options: Options = { license: "Apache-2.0", name: "@shop/tally" };
    this.make({ sample: "billing" }, options, "admin", Date.now() - 3_600_000);
    this.make({ text: FAULTY, file: "warehouse.yaml" }, { license: "MIT" }, "ada", Date.now() - 240_000);
  }

  private document(source: S["ConnectorSource"]): { name: string; text: string } {
    if (source.sample) { const found = SAMPLES.get(source.sample); if (!found) throw new Refusal("invalid_request", "/source/sample: there is no such sample; see /connectors/samples"); return { name: `${source.sample}.yaml`, text: found }; }
    if (source.url) { const { hostname } = new URL(source.url); if (hostname !== "127.0.0.1" && hostname !== "localhost") throw new Refusal("invalid_request", `/source/url: ${hostname} is not this machine and not allowed; add it to connectors.allow_hosts`); return { name: source.url, text: SAMPLES.get("users")! }; }
    if (!source.text) throw new Refusal("invalid_request", "/source: send one of `text`, `url` and `sample`");
    return { name: source.file ?? "document", text: source.text };
  }

  private make(source: S["ConnectorSource"], options: Options, by: string, at: number): Kept {
    if (options.name && !/^(@[a-z0-9-_.]+\/)?[a-z0-9-_.]+$/.test(options.name)) throw new Refusal("invalid_request", `/options/name: "${options.name}" is no name of a package: take small letters, digits, \`-\`, \`_\` and \`.\``);
    const document = this.document(source);
    this.made += 1;
    let read: Read | null = null;
    let why: string | null = null;
    try { read = readDocument(document.text, document.name); } catch (e) { why = `${document.name}: ${e instanceof Refusal ? e.detail : String(e)}`; }
    const name = options.name ?? packageName(read?.api.title ?? "");
    const kept: Kept = {
      read, why, options: { name: null, version: null, author: null, license: "MIT", ...options }, at, files: read ? packageOf(read.api, name, options.version ?? "0.1.0", options.license ?? "MIT").sort((a, b) => a.path.localeCompare(b.path, "en")) : [],
      summary: { id: id("con", at, `${document.name}${String(this.made)}`), title: read?.api.title ?? "", version: read?.api.version ?? "", package: read ? name : "", state: "ready", stage: "the package is there", progress: 1, operations: read?.api.operations.length ?? 0, schemas: read?.api.schemas.length ?? 0, took_ms: 42, created_at: iso(at), by },
    };
    this.kept.unshift(kept);
    for (const old of this.kept.splice(KEPT)) this.gone.add(old.summary.id);
    return kept;
  }

  /** As it stands now. */
  private summary(k: Kept): S["ConnectorSummary"] {
    const since = Date.now() - k.at;
    if (since < READ_MS) return { ...k.summary, title: "", version: "", package: "", operations: 0, schemas: 0, took_ms: 0, state: "reading", stage: "The document is being read", progress: 0.2 };
    if (k.why) return { ...k.summary, state: "failed", stage: "no package was made", error: k.why };
    return since < MADE_MS ? { ...k.summary, package: "", took_ms: 0, state: "generating", stage: `${String(k.summary.operations)} operations are being written`, progress: 0.6 } : k.summary;
  }

  private view(k: Kept): S["Connector"] {
    const summary = this.summary(k);
    return { ...summary, options: k.options, diagnostics: summary.state === "ready" ? (k.read?.diagnostics ?? []) : [], files: summary.state === "ready" ? k.files.map((f) => ({ path: f.path, bytes: Buffer.byteLength(f.text), language: f.path.endsWith(".ts") ? "typescript" : f.path.endsWith(".json") ? "json" : f.path.endsWith(".md") ? "markdown" : "text" })) : [] };
  }

  private find(connector: string): Kept {
    const found = this.kept.find((k) => k.summary.id === connector);
    if (!found) throw new Refusal(this.gone.has(connector) ? "gone" : "not_found", this.gone.has(connector) ? "only the newest packages are kept, and this one is older; make it again from its document" : `there is no connector ${connector}`);
    return found;
  }

  read(parts: string[], q: URLSearchParams): unknown {
    const [, b, c] = parts;
    if (!b) return { items: this.kept.map((k) => this.summary(k)), next: null };
    if (b === "samples" && !c) return { items: [...SAMPLES].map(([name, source]) => { const { api } = readDocument(source, name); const { description } = (parseDocument(source).toJS() as Required<Raw>).info; return { name, title: api.title, version: api.version, operations: api.operations.length, description: description ?? "" }; }), next: null };
    if (b === "samples") { const source = SAMPLES.get(c!); if (!source) throw new Refusal("not_found", `there is no sample ${c!}`); return new Plain("application/yaml", source); }
    const kept = this.find(b);
    if (!c) return this.view(kept);
    if (this.summary(kept).state !== "ready") throw new Refusal("conflict", "it is still being made; ask again soon");
    // The end record of an archive is a whole archive without files.
    if (c === "package.zip") return new Plain("application/zip", Buffer.concat([Buffer.from("504b0506", "hex"), Buffer.alloc(18)]), { "content-disposition": `attachment; filename="${kept.summary.package.replace("/", "-").replace("@", "")}.zip"` });
    const file = kept.files.find((f) => f.path === q.get("path"));
    if (!file) throw new Refusal("not_found", `there is no file of this package ${q.get("path") ?? ""}`);
    return new Plain("text/plain; charset=utf-8", file.text);
  }

  change(parts: string[], body: Record<string, unknown>, by: string): unknown {
    if (parts[1] === "diff") return this.diff(body.old as S["ConnectorSource"], body.new as S["ConnectorSource"]);
    const kept = this.make(body.source as S["ConnectorSource"], (body.options as Options | undefined) ?? { license: "MIT" }, by, Date.now());
    return this.view(kept);
  }

  private diff(a: S["ConnectorSource"], b: S["ConnectorSource"]): S["ConnectorDiff"] {
    const [from, to] = [this.document(a), this.document(b)];
    const [old, now] = [readDocument(from.text, from.name), readDocument(to.text, to.name)];
    const title = (r: Read) => ({ title: r.api.title, version: r.api.version, operations: r.api.operations.length });
    const place = (r: Read, file: string, key: string) => ({ file, pointer: "", ...(r.keys.get(key) ?? { line: 1, column: 1 }) });
    const changes: S["ConnectorChange"][] = [
      ...[...old.keys.keys()].filter((k) => !now.keys.has(k)).map((k) => ({ code: "operation-removed", impact: "breaking", message: "The operation is gone", operation: k, place: "", old: place(old, from.name, k) })),
      ...[...now.keys.keys()].filter((k) => !old.keys.has(k)).map((k) => ({ code: "operation-added", impact: "addition", message: "The operation is new", operation: k, place: "", new: place(now, to.name, k) })),
      ...now.api.operations.flatMap((o) => {
        const key = `${o.method.toUpperCase()} ${o.path}`;
        const was = old.api.operations.find((x) => x.method === o.method && x.path === o.path);
        const at = { operation: key, old: place(old, from.name, key), new: place(now, to.name, key) };
        return !was ? [] : [...(was.id === o.id ? [] : [{ code: "operation-renamed", impact: "breaking", message: `The method \`${was.id}\` is named \`${o.id}\` now`, place: "operationId", ...at }]), ...(was.summary === o.summary ? [] : [{ code: "summary-changed", impact: "documentation", message: "The summary reads otherwise", place: "summary", ...at }])];
      }),
    ];
    const breaking = changes.filter((c) => c.impact === "breaking").length;
    return { step: breaking > 0 ? "major" : changes.some((c) => c.impact === "addition") ? "minor" : changes.length > 0 ? "patch" : "none", breaking, old: title(old), new: title(now), changes };
  }
}

/** A document with the faults that people make. */
const FAULTY = `openapi: 3.0.3
info: { title: Warehouse, version: 0.9.0 }
paths:
  /shelves:
    get:
      operationId: listShelves
      summary: Lists shelves
      responses: { '200': { description: All of them. } }
    post:
      operationId: listShelves
      responses: { '201': { description: Made. } }
  /shelves/{id}:
    get:
      responses: { '200': { description: It. } }
`;
