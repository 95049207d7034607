/** The steps of a run as a vertical line of states. */
import clsx from "clsx";
import type { ReactNode } from "react";
import type { Step } from "@/api/types";
import { useNow } from "@/lib/clock";
import { words } from "@/lib/format";
import { duration, toMs } from "@/lib/time";
import { Status } from "./Status";

type Props = { steps: readonly Step[]; open?: string; onOpen?: (key: string | undefined) => void; detail?: (step: Step) => ReactNode };

/** A step by its path and attempt: the same path runs again when it is tried again. */
export const stepKey = (s: Step) => `${s.path}#${String(s.attempt)}${s.compensation ? "c" : ""}`;

export function StepList({ steps, open, onOpen, detail }: Props) {
  const now = useNow();
  if (steps.length === 0) return <p className="text-sm text-soft">The first step is about to start.</p>;
  return (
    <ol>
      {steps.map((s, i) => {
        const key = stepKey(s);
        const took = duration((s.ended_at ? toMs(s.ended_at) : Math.max(now, toMs(s.started_at))) - toMs(s.started_at));
        const head = (
          <>
            <span className="min-w-0 flex-1 text-left">
              <span className="text-sm font-medium">{words(s.name)}</span>
              {s.compensation && <span className="ml-2 rounded bg-warn-soft px-1.5 text-xs font-medium text-warn">undoes</span>}
              {s.attempt > 1 && <span className="ml-2 text-xs text-warn">attempt {s.attempt}</span>}
              <span className="block font-mono text-xs text-faint wrap-anywhere">{s.call ?? s.kind}</span>
              {s.error && <span className="mt-0.5 block text-xs text-bad">{s.error}</span>}
            </span>
            <span className="num shrink-0 text-xs text-faint">{took}</span>
          </>
        );
        return (
          <li key={key} className="relative grid grid-cols-[1.5rem_minmax(0,1fr)] gap-x-2.5 pb-3 last:pb-0">
            {i < steps.length - 1 && <span aria-hidden className="absolute top-6 bottom-0 left-3 w-px bg-line" />}
            <span className={clsx("flex size-6 items-center justify-center rounded-full bg-raised", s.compensation && "bg-warn-soft")}><Status kind="step" value={s.status} iconOnly /></span>
            <div className="min-w-0">
              {onOpen ? <button type="button" aria-expanded={open === key} onClick={() => { onOpen(open === key ? undefined : key); }} className="flex w-full items-start gap-3 rounded-md text-left hover:text-accent">{head}</button> : <div className="flex items-start gap-3">{head}</div>}
              {open === key && detail?.(s)}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
