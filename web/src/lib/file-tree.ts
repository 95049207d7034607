/** Files of a package as the rows of a tree: folders first, names in order, what is closed left out. */
import type { ConnectorFile } from "@/api/types";

export type TreeRow = { path: string; name: string; depth: number; /** Its place among those beside it, from 1, and how many they are. */ position: number; of: number } & ({ kind: "file"; file: ConnectorFile } | { kind: "folder"; open: boolean; files: number });

type Folder = { folders: Map<string, Folder>; files: ConnectorFile[] };

function gather(files: readonly ConnectorFile[]): Folder {
  const root: Folder = { folders: new Map(), files: [] };
  for (const file of files) {
    let at = root;
    for (const part of file.path.split("/").slice(0, -1)) {
      const next = at.folders.get(part) ?? { folders: new Map<string, Folder>(), files: [] };
      at.folders.set(part, next);
      at = next;
    }
    at.files.push(file);
  }
  return root;
}

const sum = (f: Folder): number => f.files.length + [...f.folders.values()].reduce((n, sub) => n + sum(sub), 0);
const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);

export function treeRows(files: readonly ConnectorFile[], closed: ReadonlySet<string>): TreeRow[] {
  const rows: TreeRow[] = [];
  const walk = (folder: Folder, base: string, depth: number) => {
    const folders = [...folder.folders].sort(([a], [b]) => a.localeCompare(b, "en"));
    const own = [...folder.files].sort((a, b) => a.path.localeCompare(b.path, "en"));
    const of = folders.length + own.length;
    for (const [i, [name, sub]] of folders.entries()) {
      const path = base + name;
      const open = !closed.has(path);
      rows.push({ kind: "folder", path, name, depth, position: i + 1, of, open, files: sum(sub) });
      if (open) walk(sub, `${path}/`, depth + 1);
    }
    for (const [i, file] of own.entries()) rows.push({ kind: "file", path: file.path, name: nameOf(file.path), depth, position: folders.length + i + 1, of, file });
  };
  walk(gather(files), "", 0);
  return rows;
}

/** What a key does to the row that one stands on. */
export type Move = { to: number } | { toggle: string } | { choose: string } | null;

export function moveInTree(rows: readonly TreeRow[], at: number, key: string): Move {
  const row = rows[at];
  if (!row) return rows.length > 0 ? { to: 0 } : null;
  const parent = () => rows.findLastIndex((r, i) => i < at && r.depth < row.depth);
  switch (key) {
    case "ArrowDown": return { to: Math.min(rows.length - 1, at + 1) };
    case "ArrowUp": return { to: Math.max(0, at - 1) };
    case "Home": return { to: 0 };
    case "End": return { to: rows.length - 1 };
    case "ArrowRight": return row.kind === "file" ? null : row.open ? { to: Math.min(rows.length - 1, at + 1) } : { toggle: row.path };
    case "ArrowLeft": return row.kind === "folder" && row.open ? { toggle: row.path } : { to: Math.max(0, parent()) };
    case "Enter": case " ": return row.kind === "file" ? { choose: row.path } : { toggle: row.path };
    default: {
      if (key.length !== 1) return null;
      // A letter goes to the next name that begins with it.
      const next = [...rows.keys()].map((i) => (at + 1 + i) % rows.length).find((i) => rows[i]?.name.toLowerCase().startsWith(key.toLowerCase()));
      return next === undefined ? null : { to: next };
    }
  }
}

/** The file that one wants to see first. */
export const firstFile = (files: readonly ConnectorFile[]): string | undefined =>
  (files.find((f) => f.path === "README.md") ?? files.find((f) => f.path.endsWith("client.ts")) ?? files[0])?.path;
