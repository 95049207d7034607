/**
 * The contract of the server (docs/reference/openapi.json, generated from it) as a check: which operation a request is,
 * whether the request fits it, and whether an answer does. Stricter than JSON Schema is: a field that the contract does
 * not name is a fault too, for the screens would come to rely on it.
 */
import { readFileSync } from "node:fs";

type Schema = {
  $ref?: string; type?: string | string[]; properties?: Record<string, Schema>; required?: string[]; items?: Schema; enum?: unknown[]; minimum?: number; maximum?: number; format?: string;
  allOf?: Schema[]; oneOf?: Schema[]; anyOf?: Schema[]; additionalProperties?: Schema | boolean;
};
type Content = { content?: Record<string, { schema?: Schema }> };
export type Operation = { operationId: string; "x-required-role": string; parameters?: { name: string; in: string; required?: boolean; schema: Schema }[]; requestBody?: Content; responses: Record<string, Content> };

const DOCUMENT = JSON.parse(readFileSync(new URL("../../docs/reference/openapi.json", import.meta.url), "utf8")) as { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, Schema> } };

export const OPERATIONS = Object.entries(DOCUMENT.paths).flatMap(([path, methods]) => Object.entries(methods).filter(([, o]) => "operationId" in o).map(([method, operation]) => ({ path, parts: path.split("/").filter(Boolean), method: method.toUpperCase(), operation })));

/** The operation that a request asks for: a path with a fixed word goes before one with a parameter there. */
export function operationOf(method: string, parts: readonly string[]): Operation | undefined {
  const fitting = OPERATIONS.filter((o) => o.method === method && o.parts.length === parts.length && o.parts.every((p, i) => p.startsWith("{") || p === parts[i]));
  const free = (o: (typeof OPERATIONS)[number]) => o.parts.filter((p) => p.startsWith("{")).length;
  return fitting.sort((a, b) => free(a) - free(b))[0]?.operation;
}

const named = (s: Schema): Schema => (s.$ref ? (DOCUMENT.components.schemas[s.$ref.split("/").at(-1)!] ?? {}) : s);
const kindOf = (v: unknown) => (v === null ? "null" : Array.isArray(v) ? "array" : Number.isInteger(v) ? "integer" : typeof v);

/** Fields that a schema names, over all its parts; none when it takes any. */
function fieldsOf(given: Schema): Set<string> | null {
  const s = named(given);
  if (s.additionalProperties !== undefined && s.additionalProperties !== false) return null;
  const parts = [...(s.allOf ?? []), ...(s.oneOf ?? []), ...(s.anyOf ?? [])].filter((p) => named(p).type !== "null").map(fieldsOf);
  if (parts.includes(null) || (parts.length === 0 && !s.properties)) return null;
  return new Set([...Object.keys(s.properties ?? {}), ...parts.flatMap((p) => [...p!])]);
}

/** What does not fit, each with where it is; `whole`: fields that are not named are faults. */
function faults(value: unknown, given: Schema, at: string, whole = true): string[] {
  const s = named(given);
  if (s.allOf || s.oneOf || s.anyOf) {
    const found = (s.allOf ?? []).flatMap((part) => faults(value, part, at, false));
    const ways = (s.oneOf ?? s.anyOf)?.map((part) => faults(value, part, at, whole && !s.allOf)).sort((a, b) => a.length - b.length);
    return [...found, ...(ways?.[0] ?? []), ...(whole && s.allOf ? unknown(value, s, at) : [])];
  }
  if (s.enum && !s.enum.includes(value)) return [`${at} is ${JSON.stringify(value)}, not one of ${s.enum.map(String).join(", ")}`];
  // The generator writes `object` without fields for a value of any kind.
  const types = s.type === undefined ? [] : [s.type].flat();
  if (types.includes("object") && !s.properties && s.additionalProperties === undefined) return [];
  const kind = kindOf(value);
  if (types.length > 0 && !types.includes(kind) && !(kind === "integer" && types.includes("number"))) return [`${at} is ${kind}, not ${types.join(" or ")}`];
  if (typeof value === "number" && (value < (s.minimum ?? -Infinity) || value > (s.maximum ?? Infinity))) return [`${at} is ${String(value)}, out of its range`];
  if (typeof value === "string" && s.format === "date-time" && Number.isNaN(Date.parse(value))) return [`${at} is ${JSON.stringify(value)}, not a time`];
  if (Array.isArray(value)) return s.items ? value.flatMap((v, i) => faults(v, s.items!, `${at}/${String(i)}`)) : [];
  if (kind !== "object") return [];
  const object = value as Record<string, unknown>;
  const extra = s.additionalProperties;
  return [
    ...(s.required ?? []).filter((name) => object[name] === undefined).map((name) => `${at}/${name} is missing`),
    ...Object.entries(s.properties ?? {}).flatMap(([name, part]) => (object[name] === undefined ? [] : faults(object[name], part, `${at}/${name}`))),
    ...(typeof extra === "object" ? Object.entries(object).filter(([name]) => !s.properties?.[name]).flatMap(([name, v]) => faults(v, extra, `${at}/${name}`)) : []),
    ...(whole ? unknown(value, s, at) : []),
  ];
}

function unknown(value: unknown, s: Schema, at: string): string[] {
  const fields = fieldsOf(s);
  return fields === null || kindOf(value) !== "object" ? [] : Object.entries(value as object).filter(([name, v]) => v !== undefined && !fields.has(name)).map(([name]) => `${at}/${name} is not in the contract`);
}

const bodyOf = (c: Content | undefined) => Object.values(c?.content ?? {})[0]?.schema;

/** What is wrong with a request: parameters and body. */
export function askFaults(o: Operation, query: URLSearchParams, body: unknown): string[] {
  const known = new Map((o.parameters ?? []).filter((p) => p.in === "query").map((p) => [p.name, p]));
  const schema = bodyOf(o.requestBody);
  return [
    ...[...query.keys()].filter((name) => !known.has(name)).map((name) => `parameter ${name} is not in the contract`),
    ...[...known.values()].filter((p) => p.required && !query.has(p.name)).map((p) => `parameter ${p.name} is missing`),
    ...[...known.values()].flatMap((p) => { const v = query.get(p.name); const choices = v === null ? undefined : choicesOf(p.schema); return choices && !choices.includes(v) ? [`parameter ${p.name} is ${v!}, not one of ${choices.join(", ")}`] : []; }),
    ...(schema ? faults(body, schema, "body") : Object.keys(body as object).length > 0 ? ["a body is not in the contract"] : []),
  ];
}

const choicesOf = (given: Schema): unknown[] | undefined => { const s = named(given); return s.enum ?? (s.oneOf ?? s.anyOf)?.map(choicesOf).find(Boolean); };

/** What is wrong with an answer; `undefined` is one without a body. */
export function answerFaults(o: Operation, answer: unknown): string[] {
  const [status, content] = Object.entries(o.responses).find(([code]) => code.startsWith("2")) ?? ["200", {}];
  const schema = bodyOf(content);
  if (answer === undefined) return schema ? [`nothing was answered; ${status} has a body`] : [];
  return schema ? faults(answer, schema, "answer") : ["a body was answered, the contract has none"];
}
/** What is wrong with the media type of an answer that is no JSON. */
export function typeFaults(o: Operation, type: string): string[] {
  const known = Object.entries(o.responses).filter(([code]) => code.startsWith("2")).flatMap(([, c]) => Object.keys(c.content ?? {}));
  return known.includes(type.split(";")[0]!) ? [] : [`the mock answers with ${type}, the contract of ${o.operationId} has ${known.join(", ")}`];
}
/** The status of an answer that is no refusal. */
export const statusOf = (o: Operation): number => Number(Object.keys(o.responses).find((code) => code.startsWith("2")) ?? 200);
