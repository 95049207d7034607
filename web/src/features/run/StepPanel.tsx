/** One step: what went in, what came out, each attempt, the logs of its time, and what can be done. */
import { Link } from "@tanstack/react-router";
import { CornerDownRight, X } from "lucide-react";
import { useEffect, useRef, type ReactNode } from "react";
import type { StepItem, RunDetail } from "@/api/types";
import { useNow } from "@/lib/clock";
import { words } from "@/lib/format";
import { bringIntoView } from "@/lib/scroll";
import { duration, toMs } from "@/lib/time";
import { Facts } from "@/ui/Bits";
import { IconButton } from "@/ui/Button";
import { JsonTree } from "@/ui/JsonTree";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

type Props = { run: RunDetail; step: StepItem; actions: ReactNode; logs: ReactNode; onOpen: (n: number | undefined) => void };

const Part = ({ title, children }: { title: string; children: ReactNode }) => <section className="border-t px-4 py-3"><h3 className="mb-1.5 text-xs font-medium text-soft">{title}</h3>{children}</section>;

export function StepPanel({ run, step, actions, logs, onOpen }: Props) {
  const now = useNow();
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => { if (ref.current) bringIntoView(ref.current); }, [step.n]);
  const tries = run.steps.filter((s) => s.path === step.path && s.compensation === step.compensation);
  // The key of the call that started a run begins with the run that asked and the path of the task.
  const child = run.children.filter((c) => c.purpose.type === "subflow" && c.purpose.key.startsWith(`${run.id}${step.path}#`))[tries.indexOf(step)];
  // A task of a loop runs once a turn; a task that is tried again counts its attempts.
  const turns = new Set(tries.map((s) => s.attempt)).size < tries.length;
  const took = (s: StepItem) => duration((s.ended_at ? toMs(s.ended_at) : Math.max(now, toMs(s.started_at))) - toMs(s.started_at));
  return (
    <div ref={ref} data-testid="step" className="scroll-mt-16 max-lg:scroll-mb-16">
      <Panel flush title={<span className="flex items-center gap-2">{words(step.name)}{step.compensation && <span className="rounded bg-warn-soft px-1.5 text-xs font-medium text-warn">undoes</span>}</span>} actions={<><Status kind="step" value={step.status} /><IconButton label="Close the step" icon={X} onClick={() => { onOpen(undefined); }} /></>}>
        <div className="px-4 py-3">
          <Facts items={[
            [step.call ? "Calls" : "Does", <code key="c" className="font-mono text-xs">{step.call ?? step.kind}</code>],
            ["Started", <Time key="s" at={step.started_at} as="full" />],
            [step.ended_at ? "Took" : "So far", <span key="t" className="num">{took(step)}{step.attempt > 1 ? `, attempt ${String(step.attempt)}` : ""}</span>],
            ["In the document", <code key="p" className="font-mono text-xs">{step.path}</code>],
          ]} />
          {step.note && <p className="mt-2 text-sm font-medium text-warn">{step.note}</p>}
          {step.revised && <p className="mt-2 text-sm text-soft">The run went back to before this step and did it again.</p>}
          {child && <Link to="/automation/runs/$id" params={{ id: child.id }} search={{}} className="mt-2 inline-flex min-h-6 items-center gap-1 text-sm font-medium text-accent hover:underline"><CornerDownRight aria-hidden className="size-3.5" />Open the run it started</Link>}
          {step.allowed_actions.length > 0 && <div className="mt-3 flex flex-wrap gap-2">{actions}</div>}
        </div>
        {step.error && <Part title="Error"><p className="text-sm wrap-anywhere text-bad">{step.error}</p></Part>}
        <Part title="Input"><JsonTree key={`i${String(step.n)}`} label="Input" value={step.input} /></Part>
        <Part title="Output"><JsonTree key={`o${String(step.n)}`} label="Output" value={step.output} empty={step.ended_at ? "nothing" : "not yet"} /></Part>
        {tries.length > 1 && (
          <Part title={`${turns ? "Turns" : "Attempts"} (${String(tries.length)})`}>
            <ol className="rounded-lg border">
              {tries.map((s, i) => (
                <li key={s.n} className="border-b last:border-b-0">
                  <button type="button" aria-current={s.n === step.n ? "true" : undefined} onClick={() => { onOpen(s.n); }} className={`flex w-full items-center gap-3 px-3 py-1.5 text-left text-sm hover:bg-raised/60 ${s.n === step.n ? "bg-accent-soft/60" : ""}`}>
                    <Status kind="step" value={s.status} iconOnly />
                    <span className="min-w-0 flex-1 truncate">{s.error ?? (turns ? `turn ${String(i + 1)}` : `attempt ${String(s.attempt)}`)}</span>
                    <span className="num shrink-0 text-xs text-faint"><Time at={s.started_at} as="clock" /> · {took(s)}</span>
                  </button>
                </li>
              ))}
            </ol>
          </Part>
        )}
        {logs}
      </Panel>
    </div>
  );
}
