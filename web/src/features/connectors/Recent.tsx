/** Packages that were made since the server started; the newest ones are kept. */
import { Link } from "@tanstack/react-router";
import { PackageOpen } from "lucide-react";
import type { ConnectorSummary } from "@/api/types";
import { plural } from "@/lib/format";
import { duration } from "@/lib/time";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function Recent({ items }: { items: readonly ConnectorSummary[] }) {
  return (
    <Panel flush title="Recent packages" hint={items.length > 0 ? "the newest 16 are kept" : undefined}>
      {items.length === 0 ? <Empty icon={PackageOpen} title="None yet">Make one of a sample, or of your own document. Packages live in memory: take them as a zip.</Empty> : (
        <ul aria-label="Recent packages">
          {items.map((c) => (
            <li key={c.id} data-row className="relative flex items-center gap-x-3 border-b px-4 py-2.5 last:border-b-0 hover:bg-raised/60">
              <span className="min-w-0 flex-1">
                <Link to="/connectors/$id" params={{ id: c.id }} search={{}} className="block truncate text-sm font-medium before:absolute before:inset-0 focus-visible:outline-none focus-visible:before:outline-2 focus-visible:before:-outline-offset-2 focus-visible:before:outline-accent">{c.package || c.title || "Reading a document"}</Link>
                <span className="num block truncate text-xs text-faint">{c.state === "ready" ? `${c.title} ${c.version} · ${plural(c.operations, "operation")} · ${duration(c.took_ms)}` : (c.error ?? c.stage)}</span>
                <span className="block text-xs text-faint"><Time at={c.created_at} /> by {c.by}</span>
              </span>
              <Status kind="connector" value={c.state} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
