/**
 * What a JSON Schema says of a place in a document: which keys may stand there, which values, and what they mean. Where
 * variants compete (`oneOf`), what is already written decides among them.
 */
export type Schema = Record<string, unknown>;
export type KeyHelp = { name: string; doc: string; required: boolean; shape: "object" | "list" | "plain" };

const isSchema = (v: unknown): v is Schema => typeof v === "object" && v !== null && !Array.isArray(v);
const listOf = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
const MOST = 400;

function target(root: Schema, ref: string): unknown {
  if (!ref.startsWith("#/")) return undefined;
  return ref.slice(2).split("/").reduce<unknown>((at, part) => (isSchema(at) ? at[part.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined), root);
}

/** A schema with all that it refers to and is made of, as a flat list; variants that the value rules out are left out. */
function expand(root: Schema, schema: unknown, value: unknown, out: Schema[] = [], depth = 0): Schema[] {
  if (!isSchema(schema) || out.length > MOST || depth > 24) return out;
  if (out.includes(schema)) return out;
  out.push(schema);
  if (typeof schema.$ref === "string") expand(root, target(root, schema.$ref), value, out, depth + 1);
  for (const part of listOf(schema.allOf)) expand(root, part, value, out, depth + 1);
  for (const name of ["oneOf", "anyOf"]) for (const part of fitting(root, listOf(schema[name]), value)) expand(root, part, value, out, depth + 1);
  for (const name of ["then", "else"]) expand(root, schema[name], value, out, depth + 1);
  return out;
}

/** Of competing variants those that fit what is written best. */
function fitting(root: Schema, variants: readonly unknown[], value: unknown): unknown[] {
  if (!isSchema(value)) return variants.filter((v) => value === undefined || value === null || !ofOtherType(root, v, value));
  const scored = variants.map((v) => ({ v, score: score(root, v, value) })).filter((s) => s.score > -1);
  const best = Math.max(0, ...scored.map((s) => s.score));
  return scored.filter((s) => s.score === best).map((s) => s.v);
}

function ofOtherType(root: Schema, variant: unknown, value: unknown): boolean {
  const types = expand(root, variant, undefined).flatMap((s) => (typeof s.type === "string" ? [s.type] : []));
  if (types.length === 0) return false;
  const own = Array.isArray(value) ? "array" : typeof value;
  return !types.includes(own) && !(own === "number" && types.includes("integer"));
}

/** −1 when it cannot be this variant; else how many of its telling keys are there. */
function score(root: Schema, variant: unknown, value: Schema, depth = 0): number {
  if (!isSchema(variant) || depth > 12) return 0;
  let points = 0;
  const inner = (part: unknown): boolean => {
    const one = score(root, part, value, depth + 1);
    points += Math.max(0, one);
    return one >= 0;
  };
  if (typeof variant.type === "string" && variant.type !== "object") return -1;
  for (const name of listOf(variant.required)) if (typeof name === "string" && name in value) points += 2;
  for (const [name, schema] of Object.entries(isSchema(variant.properties) ? variant.properties : {})) {
    const constant = isSchema(schema) ? schema.const : undefined;
    const written = value[name];
    if (constant === undefined || typeof written !== "string" || written === "") continue;
    if (constant !== written) return -1;
    points += 3;
  }
  if (typeof variant.$ref === "string" && !inner(target(root, variant.$ref))) return -1;
  for (const part of listOf(variant.allOf)) if (!inner(part)) return -1;
  for (const name of ["oneOf", "anyOf"]) {
    const scores = listOf(variant[name]).map((part) => score(root, part, value, depth + 1));
    if (scores.length === 0) continue;
    const best = Math.max(...scores);
    if (best < 0) return -1;
    points += best;
  }
  return points;
}

/** The schemas that hold at a path, and the value that is written there. */
function descend(root: Schema, value: unknown, path: readonly (string | number)[]): { schemas: Schema[]; value: unknown } {
  let schemas = expand(root, root, value);
  let at = value;
  for (const part of path) {
    const next = typeof at === "object" && at !== null ? (at as Record<string | number, unknown>)[part] : undefined;
    const found: unknown[] = schemas.flatMap((s): unknown[] => {
      if (typeof part === "number") return isSchema(s.items) ? [s.items] : [];
      const own = isSchema(s.properties) ? s.properties[part] : undefined;
      return own !== undefined ? [own] : isSchema(s.additionalProperties) ? [s.additionalProperties] : [];
    });
    const all: Schema[] = [];
    for (const one of found) expand(root, one, next, all);
    schemas = all;
    at = next;
  }
  return { schemas, value: at };
}

const docOf = (schemas: readonly Schema[]): string => {
  const one = schemas.find((s) => typeof s.description === "string");
  return typeof one?.description === "string" ? one.description : "";
};

/** Keys that may be written in the mapping at a path. */
export function keysAt(root: Schema, value: unknown, path: readonly (string | number)[]): KeyHelp[] {
  // A word that is being written stands where its mapping will be: it rules nothing out.
  const there = path.reduce<unknown>((at, part) => (typeof at === "object" && at !== null ? (at as Record<string | number, unknown>)[part] : undefined), value);
  const { schemas } = descend(root, typeof there === "object" ? value : put(value, path, undefined), path);
  const required = new Set(schemas.flatMap((s) => listOf(s.required)));
  const found = new Map<string, KeyHelp>();
  for (const s of schemas) {
    if (!isSchema(s.properties)) continue;
    for (const [name, schema] of Object.entries(s.properties)) {
      if (found.has(name) || !isSchema(schema)) continue;
      const inner = expand(root, schema, undefined);
      const shape = inner.some((i) => i.type === "array") ? "list" : inner.some((i) => i.type === "object") && !inner.some((i) => i.type === "string") ? "object" : "plain";
      found.set(name, { name, doc: docOf(inner), required: required.has(name), shape });
    }
  }
  return [...found.values()];
}

/** Values that may be written at a path. */
export function valuesAt(root: Schema, value: unknown, path: readonly (string | number)[]): { value: string; doc: string }[] {
  // The value itself is being written and decides nothing yet; what stands beside it does not either for a telling key.
  const parent = descend(root, put(value, path, ""), path);
  const found = new Map<string, string>();
  for (const s of parent.schemas) {
    const all = [...(s.const !== undefined ? [s.const] : []), ...listOf(s.enum), ...listOf(s.examples), ...(s.type === "boolean" ? [true, false] : [])];
    for (const v of all) if (["string", "number", "boolean"].includes(typeof v) && !found.has(String(v))) found.set(String(v), docOf([s]));
  }
  return [...found].map(([v, doc]) => ({ value: v, doc }));
}

/** The value with something else at a path. */
function put(value: unknown, path: readonly (string | number)[], what: unknown): unknown {
  if (path.length === 0) return what;
  const [head, ...rest] = path;
  if (typeof value !== "object" || value === null || head === undefined) return value;
  const copy: Record<string | number, unknown> = Array.isArray(value) ? ([...(value as unknown[])] as unknown as Record<number, unknown>) : { ...value };
  copy[head] = put(copy[head], rest, what);
  return copy;
}

/** What a key at a path means. */
export function docAt(root: Schema, value: unknown, path: readonly (string | number)[]): string {
  return docOf(descend(root, value, path).schemas);
}
