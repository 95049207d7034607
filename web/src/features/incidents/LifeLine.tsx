/** From the first bad signal to the end, with how long each stage took. */
import clsx from "clsx";
import { Check } from "lucide-react";
import type { Incident, Run } from "@/api/types";
import { useNow } from "@/lib/clock";
import { words } from "@/lib/format";
import { lifeLine } from "@/lib/life";
import { duration } from "@/lib/time";
import { Time } from "@/ui/Time";

export function LifeLine({ incident, runs }: { incident: Incident; runs: readonly Run[] }) {
  const stages = lifeLine(incident, useNow(), runs);
  return (
    <ol aria-label="Life of the incident" className="flex flex-col gap-y-1 rounded-xl border bg-panel px-4 py-3 shadow-(--shadow) sm:flex-row">
      {stages.map((s, i) => (
        <li key={s.name} aria-current={s.state === "current" ? "step" : undefined} className={clsx("flex gap-3 sm:block", i < stages.length - 1 && "sm:flex-1")}>
          <div className="flex items-center gap-2">
            <span className={clsx("flex size-5 shrink-0 items-center justify-center rounded-full border-2", s.state === "done" ? "border-ok bg-ok-soft text-ok" : s.state === "current" ? "border-accent" : "border-line border-dashed")}>
              {s.state === "done" ? <Check aria-hidden className="size-3" strokeWidth={3} /> : s.state === "current" ? <span className="pulse size-2 rounded-full bg-accent-solid" /> : null}
            </span>
            {i < stages.length - 1 && <span aria-hidden className={clsx("mr-2 hidden h-0.5 flex-1 rounded sm:block", s.state === "done" ? "bg-ok/50" : "bg-line")} />}
          </div>
          <div className="sm:mt-1.5 sm:pr-3">
            <p className={clsx("text-sm font-medium", s.state === "ahead" && "text-faint")}>{words(s.name)}</p>
            <p className="num text-xs text-faint">{s.at === null ? "not yet" : <Time at={s.at} as="clock" />}{s.ms !== null && <span className={s.state === "current" ? "text-accent" : undefined}> · {duration(s.ms)}</span>}</p>
          </div>
        </li>
      ))}
    </ol>
  );
}
