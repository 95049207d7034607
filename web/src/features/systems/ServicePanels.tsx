/** What stands around the charts of a service. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Change, Finding, Instance, ServiceDetail } from "@/api/types";
import { percent, rate, tie, words } from "@/lib/format";
import { duration } from "@/lib/time";
import { Button } from "@/ui/Button";
import { FindingSubject, Quieted } from "@/ui/FindingNotes";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function FiringFindings({ items }: { items: readonly Finding[] }) {
  return (
    <Panel flush title="Firing findings">
      <ul>{items.map((f) => <li key={f.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b px-4 py-2.5 text-sm last:border-b-0"><Status kind="severity" value={f.severity} /><span className="min-w-0 flex-1 basis-60">{tie(f.summary)}<Quieted reason={f.quieted} /></span><span className="text-xs text-faint">{words(f.kind)} · <FindingSubject subject={f.subject} /> <Time at={f.detected_at} /></span></li>)}</ul>
    </Panel>
  );
}

export function Instances({ items }: { items: readonly Instance[] }) {
  return (
    <Panel flush title="Instances" hint={`${String(items.filter((i) => i.state === "running").length)} of ${String(items.length)} running`}>
      {items.length === 0 ? <Empty title="No instance is known">Instances show when a process host or a probe tells of them.</Empty> : (
        <ul>{items.map((i) => (
          <li key={i.name} className="flex flex-wrap items-center gap-x-3 gap-y-0.5 border-b px-4 py-2.5 text-sm last:border-b-0">
            <span className="font-medium">{i.name}</span><Status kind="instance" value={i.state} />
            <span className="ml-auto text-xs text-faint">{i.address && <span className="font-mono">{i.address}</span>}{i.pid && ` · pid ${String(i.pid)}`}{i.started_at && <> · started <Time at={i.started_at} /></>}{i.exits > 0 && <span className="text-warn"> · ended by itself {i.exits} ×</span>}</span>
          </li>
        ))}</ul>
      )}
    </Panel>
  );
}

export function Neighbours({ detail: { service, edges } }: { detail: ServiceDetail }) {
  const row = (name: string, e: ServiceDetail["edges"][number]) => (
    <li key={name} className="flex items-center gap-3 border-b px-4 py-2 text-sm last:border-b-0"><Link to="/systems/$name" params={{ name }} search={{}} className="font-medium text-accent hover:underline">{name}</Link><span className="num ml-auto text-xs text-soft">{rate(e.calls_per_s)} · <span className={e.error_ratio > 0.05 ? "font-semibold text-bad" : undefined}>{percent(e.error_ratio)} fail</span> · p95 {duration(e.p95_ms)}</span></li>
  );
  const callers = edges.filter((e) => e.to === service.name);
  const callees = edges.filter((e) => e.from === service.name);
  return (
    <Panel flush title="Calls">
      <h3 className="px-4 pt-2.5 text-xs font-medium text-faint">Called by</h3>
      <ul>{callers.length > 0 ? callers.map((e) => row(e.from, e)) : <li className="px-4 py-2 text-sm text-soft">none seen</li>}</ul>
      <h3 className="border-t px-4 pt-2.5 text-xs font-medium text-faint">Calls</h3>
      <ul>{callees.length > 0 ? callees.map((e) => row(e.to, e)) : <li className="px-4 py-2 text-sm text-soft">none seen</li>}</ul>
    </Panel>
  );
}

const FEW = 6;

export function Changes({ items }: { items: readonly Change[] }) {
  const [all, setAll] = useState(false);
  return (
    <Panel flush title="Changes" hint="deploys, configuration, scaling" actions={items.length > FEW && <Button small look="ghost" aria-expanded={all} onClick={() => { setAll(!all); }}>{all ? "Show fewer" : `Show all ${String(items.length)}`}</Button>}>
      {items.length === 0 ? <Empty title="No change on record">Deploys and edits show here, and speak for or against a cause.</Empty> : (
        <ul>{(all ? items : items.slice(0, FEW)).map((c) => <li key={c.id} className="flex flex-wrap items-center gap-x-3 gap-y-0.5 border-b px-4 py-2.5 text-sm last:border-b-0"><span className="rounded bg-raised px-1.5 text-xs font-medium text-soft">{words(c.kind)}</span><span className="min-w-0 flex-1 basis-52">{c.summary}</span><span className="text-xs text-faint">{c.actor} · <Time at={c.at} /></span></li>)}</ul>
      )}
    </Panel>
  );
}
