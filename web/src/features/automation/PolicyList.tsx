/** Rules or guards as written: what is asked, why, and what follows. */
import clsx from "clsx";
import type { PolicyRule } from "@/api/types";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";

export function PolicyList({ title, hint, items, numbered }: { title: string; hint: string; items: readonly PolicyRule[]; numbered?: boolean }) {
  return (
    <Panel flush title={title} hint={hint}>
      <ol>
        {items.map((r, i) => (
          <li key={r.name} className={clsx("grid gap-x-2 border-b px-4 py-2.5 last:border-b-0", numbered ? "grid-cols-[1.5rem_minmax(0,1fr)_auto]" : "grid-cols-[minmax(0,1fr)_auto]")}>
            {numbered && <span aria-hidden className="num text-sm text-faint">{i + 1}</span>}
            <span className="min-w-0">
              <span className="block text-sm font-medium">{r.name}{!r.enabled && <span className="ml-2 rounded bg-raised px-1.5 text-xs text-soft">off</span>}</span>
              {r.why && <span className="block text-sm text-soft">{r.why}</span>}
              <code className="block font-mono text-xs text-soft wrap-anywhere">{r.condition}</code>
              <span className="block text-xs text-faint">{r.file}</span>
            </span>
            <span><Status kind="verdict" value={r.verdict} /></span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
