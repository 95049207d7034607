/** Objectives with their error budgets: what is left, and each pair of windows that would raise a finding. */
import { Link } from "@tanstack/react-router";
import { Target } from "lucide-react";
import type { ObjectiveStatus } from "@/api/types";
import { budgetWords, measures, promised, speed } from "@/lib/objectives";
import { duration } from "@/lib/time";
import { Meter } from "@/ui/Bits";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";
import { Status } from "@/ui/Status";

export function Objectives({ items }: { items: readonly ObjectiveStatus[] }) {
  if (items.length === 0) {
    return (
      <Panel>
        <Empty icon={Target} title="No objective is set">
          Write what a service promises as an <a className="text-accent underline" href="https://github.com/OpenSLO/OpenSLO" rel="noreferrer" target="_blank">OpenSLO</a> file and name it in <code className="font-mono text-xs">rules.objectives</code> of the configuration.
        </Empty>
      </Panel>
    );
  }
  return <div className="grid items-start gap-5 lg:grid-cols-2">{items.map((s) => <Objective key={s.objective.name} status={s} />)}</div>;
}

function Objective({ status }: { status: ObjectiveStatus }) {
  const { objective: o, budget_left: left } = status;
  return (
    <Panel title={o.title} hint={measures(o)} actions={<Link className="text-sm text-soft hover:underline" to="/systems/$name" params={{ name: o.service }} search={{}}>{o.service}</Link>}>
      <div className="flex flex-wrap items-baseline gap-x-6 gap-y-1">
        <p><span className="num text-2xl font-semibold">{status.met == null ? "No data" : promised(status.met)}</span> <span className="text-sm text-soft">{status.met == null ? "yet" : "good"}, {promised(o.target)} promised over {duration(o.window_ms)}</span></p>
      </div>
      <div className="mt-3">
        <p className="mb-1 text-sm text-soft">{budgetWords(status)}</p>
        {left != null && <Meter value={left} label="Error budget left" tone={left > 0.25 ? "ok" : "accent"} />}
      </div>
      <div className="mt-4 overflow-x-auto">
        <table className="w-full text-sm">
          <thead><tr className="text-left text-xs text-faint">{["Speaks when spent", "over", "now", "and over", "now"].map((h, n) => <th key={n} scope="col" className="py-1 pr-4 font-medium">{h}</th>)}</tr></thead>
          <tbody>
            {o.burns.map((b, n) => {
              const [long, short] = status.burning[n] ?? [null, null];
              const over = (long ?? 0) >= b.rate && (short ?? 0) >= b.rate;
              return (
                <tr key={n} className="border-t">
                  <th scope="row" className="num py-1.5 pr-4 text-left font-medium"><span className="flex items-center gap-2">{speed(b.rate)} <Status kind="severity" value={b.severity} /></span></th>
                  <td className="num py-1.5 pr-4 text-soft">{duration(b.long_ms)}</td>
                  <td className={over ? "num py-1.5 pr-4 font-semibold text-bad" : "num py-1.5 pr-4"}>{speed(long)}</td>
                  <td className="num py-1.5 pr-4 text-soft">{duration(b.short_ms)}</td>
                  <td className={over ? "num py-1.5 font-semibold text-bad" : "num py-1.5"}>{speed(short)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
