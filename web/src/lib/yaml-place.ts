/**
 * Where in a YAML text a position is: the path of keys and list places around it, and what is being written there. Reads
 * indentation and not a syntax tree, because a text that is being typed is wrong most of the time.
 */
export type Place = { path: (string | number)[]; writes: "key" | "value"; word: string; from: number; indent: number; siblings: string[] };

type Level = { indent: number; key: string | null; index: number };
const KEY = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s#{}[\],&*!|>'"%@`-][^#{}[\],]*?|-[^\s#{}[\],][^#{}[\],]*?))\s*:(?=\s|$)/;
const indentOf = (line: string) => line.length - line.trimStart().length;
const keyOf = (text: string): { key: string; length: number } | null => {
  const m = KEY.exec(text);
  return m ? { key: m[1] ?? m[2] ?? m[3] ?? "", length: m[0].length } : null;
};

/** Goes into a line: list places and its key. Gives what is left of it and the column where that begins. */
function enter(stack: Level[], line: string): { rest: string; column: number; keyed: boolean } {
  let column = indentOf(line);
  let rest = line.slice(column);
  while (/^-(\s|$)/.test(rest)) {
    while (stack.length > 0 && (stack.at(-1) as Level).indent > column) stack.pop();
    const top = stack.at(-1);
    if (top && top.indent === column && top.key === null) top.index += 1;
    else stack.push({ indent: column, key: null, index: 0 });
    const gap = /^-\s*/.exec(rest)?.[0].length ?? 1;
    column += gap;
    rest = rest.slice(gap);
  }
  const found = keyOf(rest);
  if (!found) return { rest, column, keyed: false };
  while (stack.length > 0 && (stack.at(-1) as Level).indent >= column) stack.pop();
  stack.push({ indent: column, key: found.key, index: 0 });
  const value = rest.slice(found.length);
  return { rest: value.trimStart(), column: column + found.length + indentOf(value), keyed: true };
}

const pathOf = (stack: readonly Level[]) => stack.map((l) => l.key ?? l.index);

export function yamlPlace(text: string, offset: number): Place {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const stack: Level[] = [];
  let block = -1;
  for (const line of text.slice(0, start).split("\n").slice(0, -1)) {
    const indent = indentOf(line);
    if (line.trim() === "" || (block >= 0 && indent > block)) continue;
    block = -1;
    if (line.trimStart().startsWith("#")) continue;
    const { rest } = enter(stack, line);
    if (/^[|>][+-]?\d?\s*(#.*)?$/.test(rest)) block = indent;
  }
  const head = text.slice(start, offset);
  const { rest, column, keyed } = enter(stack, head);
  const from = start + column;
  if (/^[{[]/.test(rest)) return inFlow(rest, from, stack);
  if (keyed) return { path: pathOf(stack), writes: "value", word: rest, from, indent: column, siblings: [] };
  // Not a key yet: it is written at this column, or is a plain item of a list.
  while (stack.length > 0 && (stack.at(-1) as Level).indent >= column) stack.pop();
  return { path: pathOf(stack), writes: "key", word: rest, from, indent: column, siblings: siblingsOf(text, start, column) };
}

/** Inside `{ a: 1, b: [ … ] }` of one line. */
function inFlow(rest: string, from: number, stack: readonly Level[]): Place {
  const levels: { list: boolean; key: string | null; index: number; keys: string[] }[] = [];
  let token = 0;
  for (let i = 0; i < rest.length; i += 1) {
    const c = rest[i];
    const top = levels.at(-1);
    if (c === "{" || c === "[") { levels.push({ list: c === "[", key: null, index: 0, keys: [] }); token = i + 1; }
    else if (c === "}" || c === "]") { levels.pop(); token = i + 1; }
    else if (c === "," && top) { top.key = null; top.index += 1; token = i + 1; }
    else if (c === ":" && top && !top.list && /\s|$/.test(rest[i + 1] ?? "")) { top.key = rest.slice(token, i).trim(); top.keys.push(top.key); token = i + 1; }
    else if (c === "'" || c === '"') { const end = rest.indexOf(c, i + 1); if (end < 0) break; i = end; }
  }
  const inner = levels.flatMap((l): (string | number)[] => (l.list ? [l.index] : l.key === null ? [] : [l.key]));
  const top = levels.at(-1);
  const written = rest.slice(token);
  const word = written.trimStart();
  const place = { path: [...pathOf(stack), ...inner], word, from: from + token + (written.length - word.length), indent: -1 };
  return top && !top.list && top.key === null ? { ...place, writes: "key", siblings: top.keys } : { ...place, writes: "value", siblings: [] };
}

/** Keys beside the one that is written at this column of the line that begins at `start`. */
function siblingsOf(text: string, start: number, column: number): string[] {
  const lines = text.split("\n");
  const at = text.slice(0, start).split("\n").length - 1;
  const found: string[] = [];
  /** A dash counts as indentation: `- a:` holds its key two columns in. */
  const look = (line: string): "go" | "stop" | "last" => {
    if (line.trim() === "") return "go";
    const dashes = /^\s*(?:-\s+)*/.exec(line)?.[0] ?? "";
    if (indentOf(line) > column) return "go";
    if (dashes.length < column) return "stop";
    const key = dashes.length === column ? keyOf(line.slice(column)) : null;
    if (key) found.push(key.key);
    return indentOf(line) < column ? "last" : "go";
  };
  const here = lines[at] ?? "";
  if (/^\s*-\s/.test(here) ? indentOf(here) >= column : true) for (let i = at - 1; i >= 0 && look(lines[i] ?? "") === "go"; i -= 1);
  for (let i = at + 1; i < lines.length; i += 1) {
    const line = lines[i] ?? "";
    if (/^\s*-(\s|$)/.test(line) && indentOf(line) < column) break;
    if (look(line) !== "go") break;
  }
  return found;
}
