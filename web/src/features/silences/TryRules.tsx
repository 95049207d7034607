/** A triage file is tried on what happened: which incidents there would have been. Changes nothing. */
import { ArrowRight, CircleX, FlaskConical } from "lucide-react";
import { useState } from "react";
import { useTestTriage } from "@/api/actions";
import { useRefusal } from "@/api/may";
import type { Rehearsal } from "@/api/types";
import { count, plural, tie } from "@/lib/format";
import { Button } from "@/ui/Button";
import { CodeEditor } from "@/ui/CodeEditor";
import { Segmented } from "@/ui/Field";
import { Panel } from "@/ui/Panel";

const SPANS = [["24", "1 day"], ["168", "7 days"], ["720", "30 days"]] as const;
const START = `# Rules in force are left out.
mute:
  - name: nightly-backup
    why: The backup fills the disk of the worker each night.
    when: service == 'worker' && hour < 4
`;

export function TryRules() {
  const [source, setSource] = useState(START);
  const [hours, setHours] = useState<(typeof SPANS)[number][0]>("24");
  const refused = useRefusal("test_triage", "try rules");
  const test = useTestTriage();
  const detail = (test.error as { detail?: string } | null)?.detail;
  return (
    <Panel flush title="Try other rules" hint="on findings that were stored; nothing is changed">
      <CodeEditor label="Triage file" value={source} onChange={setSource} className="h-72 w-full overflow-hidden" />
      <div className="flex flex-wrap items-center gap-3 border-t px-4 py-3">
        <Segmented label="How far back" value={hours} options={SPANS} onChange={setHours} />
        <Button look="primary" icon={FlaskConical} busy={test.isPending} disabledReason={refused ?? (source.trim() ? null : "write a rule")} onClick={() => { test.mutate({ source, since_hours: Number(hours) }); }}>Try</Button>
        <span className="text-xs text-faint">Esc, then Tab leaves the editor</span>
      </div>
      <div role="status" className="empty:hidden">
        {test.error && <p className="flex items-start gap-2 border-t px-4 py-3 text-sm text-bad"><CircleX aria-hidden className="mt-0.5 size-4 shrink-0" /><span className="whitespace-pre-wrap wrap-anywhere">{detail ?? test.error.message}</span></p>}
        {test.data && !test.error && <Result data={test.data} />}
      </div>
    </Panel>
  );
}

function Result({ data: d }: { data: Rehearsal }) {
  const fewer = d.incidents_before - d.incidents_after;
  return (
    <div className="border-t">
      <dl className="grid grid-cols-3 gap-x-4 px-4 py-3">
        <Figure name="Incidents" value={<><span className="text-faint">{count(d.incidents_before)}</span><ArrowRight aria-label="would be" className="size-4 text-faint" /><span className={fewer > 0 ? "text-ok" : fewer < 0 ? "text-warn" : ""}>{count(d.incidents_after)}</span></>} />
        <Figure name="Kept quiet" value={count(d.quieted)} />
        <Figure name="Findings looked at" value={count(d.findings)} />
      </dl>
      {d.changed.length === 0 ? <p className="border-t px-4 py-3 text-sm text-soft">Every finding would be where it was.</p> : (
        <>
          <p className="border-t px-4 pt-3 text-xs font-medium text-faint">{plural(d.changed.length, "finding")} would be in other company; incidents are numbered from the first</p>
          <ul aria-label="What would change" className="max-h-96 overflow-auto">
            {d.changed.map((c) => (
              <li key={c.finding} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 border-b px-4 py-2 last:border-b-0">
                <p className="text-sm wrap-anywhere">{c.service}: {tie(c.summary)}</p>
                <p className="num flex items-center gap-1.5 text-xs"><Place n={c.was} /><ArrowRight aria-label="would be" className="size-3.5 text-faint" /><Place n={c.becomes} /></p>
                {c.why && <p className="col-span-2 text-xs text-faint wrap-anywhere">{tie(c.why)}</p>}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

const Place = ({ n }: { n: number | null | undefined }) => (n == null ? <span className="text-warn">no incident</span> : <span className="rounded bg-raised px-1.5 py-0.5 font-medium">incident {count(n)}</span>);

function Figure({ name, value }: { name: string; value: React.ReactNode }) {
  return <div className="min-w-0"><dt className="text-xs text-faint">{name}</dt><dd className="num mt-0.5 flex items-center gap-1.5 text-lg font-semibold">{value}</dd></div>;
}
