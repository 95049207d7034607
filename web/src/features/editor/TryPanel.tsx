/** Tries a workflow: what it would do, and a real run of what is saved. */
import { FlaskConical, Play, ShieldQuestion } from "lucide-react";
import { useState } from "react";
import { usePlanRun, useStartRun } from "@/api/actions";
import { ApiError } from "@/api/client";
import type { AllowedAction, RunPlan } from "@/api/types";
import { plural } from "@/lib/format";
import type { InputField } from "@/lib/workflow-head";
import { Button } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { JsonTree } from "@/ui/JsonTree";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";
import { InputForm, missing, startOf } from "./InputForm";

type Props = { id: string | null; text: string; dirty: boolean; valid: boolean; fields: readonly InputField[]; services: readonly string[]; run: AllowedAction | undefined; onStarted: (run: string) => void };

export function TryPanel({ id, text, dirty, valid, fields, services, run, onStarted }: Props) {
  const [input, setInput] = useState<{ value: Record<string, unknown>; error: string | null }>(() => ({ value: startOf(fields), error: null }));
  const [asking, setAsking] = useState(false);
  const plan = usePlanRun();
  const start = useStartRun();
  const unfit = input.error ?? missing(fields, input.value);
  const planBlocked = !valid ? "mend the problems of the document first" : unfit;
  const runBlocked = id === null || dirty ? "save it first: a run needs a saved version" : run && !run.allowed ? (run.reason ?? "not allowed now") : planBlocked;
  const error = plan.error;
  return (
    <div className="grid items-start gap-5 lg:grid-cols-[minmax(18rem,1fr)_minmax(0,1.6fr)]">
      <Panel title="Input">
        <InputForm fields={fields} suggestions={{ service: services }} value={input.value} onChange={(value, e) => { setInput({ value, error: e }); }} />
        {input.error && <p role="alert" className="mt-2 text-xs text-bad">{input.error}</p>}
        <div className="mt-4 flex flex-wrap gap-2 border-t pt-4">
          <Button look="primary" icon={ShieldQuestion} busy={plan.isPending} disabledReason={planBlocked} onClick={() => { plan.mutate({ ...(id !== null && !dirty ? { workflow: id } : { source: text }), input: input.value }); }}>What would it do?</Button>
          <Button icon={Play} disabledReason={runBlocked} onClick={() => { setAsking(true); }}>Run it</Button>
        </div>
      </Panel>
      <Panel flush title="Dry run" hint="nothing is done, nothing is sent">
        {error ? <p role="alert" className="p-4 text-sm text-bad">{error.message}. {error instanceof ApiError ? error.detail : ""}</p>
          : plan.data ? <PlanView plan={plan.data} />
          : <Empty icon={FlaskConical} title="What would it do?">Fill in the input and ask. Every call it would make is listed with its parameters, before anything happens.</Empty>}
      </Panel>
      {asking && (
        <Confirm title={`Run ${id ?? ""}?`} confirm="Run" busy={start.isPending} error={start.error ? `${start.error.message}. ${start.error instanceof ApiError ? start.error.detail : ""}` : null} onClose={() => { setAsking(false); }} onConfirm={() => { start.mutate({ workflow: id ?? "", input: input.value }, { onSuccess: (a) => { onStarted(a.id); } }); }}>
          <p>It runs now, as you, and really does what it says. It is recorded like any other run and can be paused, undone and looked at step by step.</p>
          <JsonTree label="Input of the run" value={input.value} empty="with no input" />
        </Confirm>
      )}
    </div>
  );
}

const UNKNOWN = "<depends on ";
/** What is not known before the run is not named as if it were a name. */
const wouldWords = (c: RunPlan["calls"][number]): string => (c.would.includes(UNKNOWN) ? `call ${c.function} with what an earlier step gives` : c.would);

function PlanView({ plan }: { plan: RunPlan }) {
  return (
    <>
      {plan.note && <p className="border-b px-4 py-2.5 text-sm text-soft">{plan.note}</p>}
      {plan.calls.length === 0 ? <p className="p-4 text-sm text-soft">It would call nothing.</p> : (
        <ol aria-label="Calls">
          {plan.calls.map((c, i) => (
            <li key={`${c.path}${String(i)}`} className="grid grid-cols-[1.75rem_minmax(0,1fr)_auto] gap-x-2 border-b px-4 py-2.5 last:border-b-0">
              <span aria-hidden className="num text-sm text-faint">{i + 1}</span>
              <span className="min-w-0">
                <span className={`block text-sm font-medium ${c.certain && c.would.startsWith("fail: ") ? "text-bad" : ""}`}>{wouldWords(c)}</span>
                <span className="block font-mono text-xs text-faint wrap-anywhere">{c.function} · {c.path}</span>
                <details className="mt-1"><summary className="min-h-6 w-fit text-xs text-soft">Parameters</summary><JsonTree label={`Parameters of ${c.path}`} value={c.parameters} /></details>
              </span>
              <span className={`h-fit rounded-full px-2 py-0.5 text-xs font-medium ${c.certain ? "bg-ok-soft text-ok" : "bg-raised text-soft"}`}>{c.certain ? "certain" : "depends"}</span>
            </li>
          ))}
        </ol>
      )}
      {plan.otherwise.length > 0 && <div className="border-t px-4 py-2.5"><p className="text-xs font-medium text-soft">Only when it goes otherwise ({plural(plan.otherwise.length, "call")})</p><ul className="mt-1 font-mono text-xs text-soft">{plan.otherwise.map((o) => <li key={o} className="wrap-anywhere">{o}</li>)}</ul></div>}
    </>
  );
}
