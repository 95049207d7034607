/** Rows of one height, of which only those in view are drawn. */
import clsx from "clsx";
import { useEffect, useRef, useState, type ReactNode } from "react";

type Props<T> = { label: string; items: readonly T[]; rowHeight: number; maxRows: number; render: (item: T, index: number) => ReactNode; /** Brought into view when it changes. */ focus?: number; className?: string };
const AHEAD = 15;

export function VirtualList<T>({ label, items, rowHeight, maxRows, render, focus, className }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const height = Math.min(maxRows, items.length) * rowHeight;
  const first = Math.max(0, Math.floor(top / rowHeight) - AHEAD);
  const shown = items.slice(first, first + Math.ceil(height / rowHeight) + 2 * AHEAD);
  useEffect(() => {
    const e = box.current;
    if (!e || focus === undefined || focus < 0) return;
    const at = focus * rowHeight;
    if (at < e.scrollTop) e.scrollTop = at;
    else if (at + rowHeight > e.scrollTop + e.clientHeight) e.scrollTop = at + rowHeight - e.clientHeight;
  }, [focus, rowHeight]);
  return (
    // A box that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div ref={box} role="region" aria-label={label} tabIndex={0} onScroll={() => { setTop(box.current?.scrollTop ?? 0); }} className={clsx("overflow-auto", className)} style={{ maxHeight: maxRows * rowHeight + 16 }}>
      <div style={{ height: items.length * rowHeight }}>
        <div style={{ transform: `translateY(${String(first * rowHeight)}px)` }}>{shown.map((item, i) => render(item, first + i))}</div>
      </div>
    </div>
  );
}
