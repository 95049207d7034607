/** How far a package is, while it is being made; and why there is none when it failed. */
import { CircleX } from "lucide-react";
import type { Connector } from "@/api/types";
import { percent } from "@/lib/format";

export function Making({ connector: c }: { connector: Connector }) {
  if (c.state === "failed") {
    return <div role="alert" className="mb-5 flex items-start gap-2.5 rounded-xl border bg-panel p-4"><CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" /><div className="min-w-0"><p className="text-sm font-semibold text-bad">No package was made</p><p className="mt-0.5 text-sm text-soft wrap-anywhere">{c.error ?? c.stage}</p></div></div>;
  }
  if (c.state === "ready") return null;
  return (
    <div className="mb-5 rounded-xl border bg-panel p-4">
      <p role="status" className="mb-2 text-sm">{c.stage}</p>
      <div role="progressbar" aria-label="Progress of the package" aria-valuenow={Math.round(c.progress * 100)} aria-valuetext={percent(c.progress)} className="h-1.5 overflow-hidden rounded-full bg-raised"><div className="h-full rounded-full bg-accent-solid transition-[width] duration-300" style={{ width: `${String(Math.max(3, c.progress * 100))}%` }} /></div>
    </div>
  );
}
