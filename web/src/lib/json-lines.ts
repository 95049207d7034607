/** Any JSON as the lines of a tree that can be folded. Pure; what is folded is not walked, so that size costs nothing until it is opened. */
export type JsonLine = { path: string; depth: number; name: string | null; open: boolean | null; text: string; kind: "string" | "number" | "other" | "fold" | "end"; /** Length of a text that is shown cut. */ cut?: number };

const LONG = 400;
/** Folded until asked for: what is deep or has many parts. */
const startsOpen = (depth: number, size: number) => depth === 0 || (depth < 3 && size <= 24);

/** `toggled` holds the paths whose fold is not as it starts. */
export function jsonLines(value: unknown, toggled: ReadonlySet<string>): JsonLine[] {
  const lines: JsonLine[] = [];
  walk(lines, value, "", null, 0, toggled);
  return lines;
}

function walk(lines: JsonLine[], value: unknown, path: string, name: string | null, depth: number, toggled: ReadonlySet<string>) {
  if (typeof value !== "object" || value === null) {
    lines.push(leaf(value, path, name, depth, toggled));
    return;
  }
  const list = Array.isArray(value);
  const entries: [string | null, unknown][] = list ? value.map((v) => [null, v]) : Object.entries(value);
  const [opens, closes] = list ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) {
    lines.push({ path, depth, name, open: null, text: `${opens}${closes}`, kind: "other" });
    return;
  }
  const open = startsOpen(depth, entries.length) !== toggled.has(path);
  const size = `${entries.length.toLocaleString("en-US")} ${list ? (entries.length === 1 ? "item" : "items") : entries.length === 1 ? "field" : "fields"}`;
  lines.push({ path, depth, name, open, text: open ? opens : `${opens} ${size} ${closes}`, kind: "fold" });
  if (!open) return;
  entries.forEach(([key, v], i) => { walk(lines, v, `${path}/${key ?? String(i)}`, key, depth + 1, toggled); });
  lines.push({ path: `${path}/`, depth, name: null, open: null, text: closes, kind: "end" });
}

function leaf(value: unknown, path: string, name: string | null, depth: number, toggled: ReadonlySet<string>): JsonLine {
  const base = { path, depth, name, open: null };
  if (typeof value !== "string") return { ...base, text: String(JSON.stringify(value) ?? "null"), kind: typeof value === "number" ? "number" : "other" };
  const cut = value.length > LONG && !toggled.has(path) ? value.length : undefined;
  return { ...base, text: JSON.stringify(cut ? value.slice(0, LONG) : value), kind: "string", ...(cut ? { cut } : {}) };
}

/** The text for a clipboard or an editor. */
export const pretty = (value: unknown): string => JSON.stringify(value ?? null, null, 2);

/** Parses what a person typed; gives the sentence to show when it is not JSON. */
export function parseJson(text: string): { value: unknown } | { error: string } {
  if (text.trim() === "") return { value: undefined };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (e) {
    return { error: `This is not JSON: ${e instanceof Error ? e.message : String(e)}` };
  }
}
