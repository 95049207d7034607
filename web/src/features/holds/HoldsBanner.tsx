/** What is held right now: everything, a service, a workflow; said above the runs it stops. */
import { useQuery } from "@tanstack/react-query";
import { CirclePause } from "lucide-react";
import { holdsQuery } from "@/api/queries";
import type { Hold } from "@/api/types";
import { workflowId } from "@/lib/purpose";
import { Button } from "@/ui/Button";
import { Time } from "@/ui/Time";

/** What a hold is of: everything, or a service or workflow by name. */
export type Held = { scope: Hold["scope"]; name?: string };
export const heldOf = (h: Hold): Held => (h.scope === "all" ? { scope: "all" } : { scope: h.scope, name: h.name });
export const holdTitle = ({ scope, name = "?" }: Held): string => (scope === "all" ? "Every run is paused" : scope === "service" ? `Runs on ${name} are paused` : `Runs of ${name} are paused`);

/** With `of` given, only what holds that run. */
export function HoldsBanner({ of, onOpen }: { of?: { service?: string | null; workflow: string }; onOpen: () => void }) {
  const { data } = useQuery({ ...holdsQuery, throwOnError: false });
  const holds = (data?.items ?? []).filter((h) => !of || h.scope === "all" || (h.scope === "service" ? h.name === of.service : h.name === workflowId(of.workflow)));
  if (holds.length === 0) return null;
  return (
    <div role="status" className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-xl border border-warn/40 bg-warn-soft px-4 py-2.5 text-sm text-warn">
      <CirclePause aria-hidden className="size-5 shrink-0" />
      <ul className="min-w-0 flex-1 space-y-0.5">
        {holds.map((h) => <li key={holdTitle(heldOf(h))}><strong>{holdTitle(heldOf(h))}.</strong> “{h.reason}” – {h.by}, <Time at={h.at} /></li>)}
      </ul>
      <Button small onClick={onOpen}>Look and release</Button>
    </div>
  );
}
