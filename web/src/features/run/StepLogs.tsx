/** What the service wrote while a step worked on it. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { logsQuery } from "@/api/queries";
import type { StepItem } from "@/api/types";
import { toMs } from "@/lib/time";
import { LogLines } from "@/ui/LogLines";
import { ErrorView, Skeleton } from "@/ui/States";

/** The moment around a step, because the cause of a failure is often written just before. */
const AROUND_MS = 2_000;
const SHOWN = 100;

export function StepLogs({ service, step }: { service: string | null; step: StepItem }) {
  const [open, setOpen] = useState(false);
  const from = new Date(toMs(step.started_at) - AROUND_MS).toISOString();
  const to = step.ended_at ? new Date(toMs(step.ended_at) + AROUND_MS).toISOString() : undefined;
  const lines = useInfiniteQuery({ ...logsQuery({ service: service ?? undefined, from, to }), enabled: open && service !== null, throwOnError: false });
  if (service === null) return null;
  const items = lines.data?.pages[0]?.items ?? [];
  return (
    <details className="border-t" open={open} onToggle={(e) => { setOpen(e.currentTarget.open); }}>
      <summary className="min-h-6 px-4 py-3 text-xs font-medium text-soft">Logs of {service} while it ran</summary>
      {!open ? null : lines.error ? <div className="p-4"><ErrorView error={lines.error} retry={() => void lines.refetch()} /></div>
        : lines.isPending ? <Skeleton className="m-4 h-24" />
        : items.length === 0 ? <p className="px-4 pb-3 text-sm text-soft">{service} wrote nothing in that time.</p> : (
          <>
            {/* A box that scrolls must be reachable by keyboard. */}
            {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
            <div role="region" aria-label="Logs" tabIndex={0} className="max-h-72 overflow-auto pb-2"><LogLines service={false} items={items.slice(0, SHOWN)} /></div>
            <Link to="/logs" search={{ service }} className="inline-flex min-h-6 items-center px-4 pb-3 text-xs font-medium text-accent hover:underline">Open in Logs</Link>
          </>
        )}
    </details>
  );
}
