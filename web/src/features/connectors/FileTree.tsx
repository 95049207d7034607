/** Files as a tree: keys as the ARIA pattern of trees has them, and only the rows in view are drawn. */
import clsx from "clsx";
import { Braces, ChevronRight, File, FileCode2, FileText, Folder, FolderOpen, type LucideIcon } from "lucide-react";
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent } from "react";
import type { ConnectorFile } from "@/api/types";
import { moveInTree, treeRows, type TreeRow } from "@/lib/file-tree";
import { bytes } from "@/lib/format";

const ROW = 28;
const AHEAD = 12;
/** With more files, folders begin closed. */
const OPEN_MAX = 300;
const ICONS: Record<string, LucideIcon> = { typescript: FileCode2, javascript: FileCode2, json: Braces, markdown: FileText };

const parentsOf = (path: string) => path.split("/").slice(0, -1).map((_, i, all) => all.slice(0, i + 1).join("/"));

type Props = { files: readonly ConnectorFile[]; chosen: string | undefined; onChoose: (path: string) => void; className?: string };

export function FileTree({ files, chosen, onChoose, className }: Props) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [closed, setClosed] = useState<ReadonlySet<string>>(() => {
    const all = files.length > OPEN_MAX ? files.flatMap((f) => parentsOf(f.path).filter((p) => p.includes("/"))) : [];
    return new Set(all.filter((p) => !chosen?.startsWith(`${p}/`)));
  });
  const [cursor, setCursor] = useState(chosen);
  const [view, setView] = useState({ top: 0, height: 480 });
  const rows = useMemo(() => treeRows(files, closed), [files, closed]);
  const at = Math.max(0, rows.findIndex((r) => r.path === cursor));
  const first = Math.max(0, Math.floor(view.top / ROW) - AHEAD);
  const shown = rows.slice(first, first + Math.ceil(view.height / ROW) + 2 * AHEAD);

  useEffect(() => {
    const e = box.current;
    if (!e) return;
    const watch = new ResizeObserver(() => { setView({ top: e.scrollTop, height: e.clientHeight }); });
    watch.observe(e);
    return () => { watch.disconnect(); };
  }, []);
  useEffect(() => {
    const e = box.current;
    if (!e) return;
    if (at * ROW < e.scrollTop) e.scrollTop = at * ROW;
    else if ((at + 1) * ROW > e.scrollTop + e.clientHeight) e.scrollTop = (at + 1) * ROW - e.clientHeight;
  }, [at]);

  const toggle = (path: string) => { setClosed((old) => { const next = new Set(old); if (!next.delete(path)) next.add(path); return next; }); };
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const move = moveInTree(rows, at, e.key);
    if (!move) return;
    e.preventDefault();
    e.stopPropagation();
    if ("to" in move) setCursor(rows[move.to]?.path);
    else if ("toggle" in move) toggle(move.toggle);
    else onChoose(move.choose);
  };
  const onClick = (e: MouseEvent) => {
    const path = (e.target as Element).closest<HTMLElement>("[data-path]")?.dataset.path;
    const row = rows.find((r) => r.path === path);
    if (!row) return;
    setCursor(row.path);
    if (row.kind === "folder") toggle(row.path);
    else onChoose(row.path);
  };
  return (
    <div ref={box} role="tree" tabIndex={0} aria-label="Files of the package" aria-activedescendant={`${id}${String(at)}`} onKeyDown={onKeyDown} onClick={onClick} onScroll={() => { setView((v) => ({ ...v, top: box.current?.scrollTop ?? 0 })); }} className={clsx("group/tree overflow-auto outline-none", className)}>
      <div role="presentation" style={{ height: rows.length * ROW }}>
        <div role="presentation" style={{ transform: `translateY(${String(first * ROW)}px)` }}>
          {shown.map((row, i) => <Row key={row.path} id={`${id}${String(first + i)}`} row={row} chosen={row.path === chosen} at={first + i === at} />)}
        </div>
      </div>
    </div>
  );
}

function Row({ id, row, chosen, at }: { id: string; row: TreeRow; chosen: boolean; at: boolean }) {
  const folder = row.kind === "folder";
  const Icon = folder ? (row.open ? FolderOpen : Folder) : (ICONS[row.file.language] ?? File);
  return (
    <div
      id={id} role="treeitem" data-path={row.path} tabIndex={-1} aria-level={row.depth + 1} aria-posinset={row.position} aria-setsize={row.of} aria-selected={chosen} aria-expanded={folder ? row.open : undefined}
      className={clsx("flex cursor-pointer items-center gap-1.5 pr-3 text-sm whitespace-nowrap hover:bg-raised", chosen ? "bg-accent-soft font-medium text-accent" : "text-soft", at && "group-focus-visible/tree:outline-2 group-focus-visible/tree:-outline-offset-2 group-focus-visible/tree:outline-accent")}
      style={{ height: ROW, paddingLeft: 10 + row.depth * 16 }}
    >
      {folder ? <ChevronRight aria-hidden className={clsx("size-3.5 shrink-0 text-faint transition-transform", row.open && "rotate-90")} /> : <span className="w-3.5 shrink-0" />}
      <Icon aria-hidden className="size-4 shrink-0 text-faint" />
      <span className="min-w-0 flex-1 truncate">{row.name}</span>
      <span className="num text-xs font-normal text-faint">{folder ? (row.open ? "" : row.files) : bytes(row.file.bytes)}</span>
    </div>
  );
}
