/** The inside of one piece of evidence, by what it is. */
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import type { Evidence, Incident } from "@/api/types";
import { tie } from "@/lib/format";
import { duration, toMs } from "@/lib/time";
import { Card, Facts } from "@/ui/Bits";
import { Outward } from "@/ui/FindingNotes";
import { Marked } from "@/ui/LogLines";
import { Time } from "@/ui/Time";

export function EvidenceContent({ piece, incident }: { piece: Evidence; incident: Incident }) {
  const body = piece.body;
  switch (body.type) {
    case "logs": return (
      <div>
        <ul className="space-y-0.5 overflow-x-auto rounded-lg border bg-raised/50 p-2 font-mono text-xs leading-5">{body.samples.map((s, i) => <li key={i} className="wrap-anywhere"><Marked text={s} search={body.query} /></li>)}</ul>
        <Link to="/logs" search={{ service: piece.service, text: body.query || undefined }} className="mt-2 inline-flex min-h-6 items-center text-xs font-medium text-accent hover:underline">Search these lines in Logs</Link>
      </div>
    );
    case "change": return <Card><p className="font-medium">{body.summary}</p><p className="mt-1 text-xs text-faint">took effect <Time at={body.at} as="full" />, {duration(toMs(incident.started_at) - toMs(body.at))} before the trouble began</p></Card>;
    case "structure": return <CallPath path={body.path} />;
    case "timing": return <Timing order={body.order as [string, number][]} />;
    case "probe": return <Facts items={[["Address", <code key="a" className="font-mono text-xs">{body.target}</code>], ["Result", body.reason]]} />;
    case "process": return <Facts items={[["Instance", body.instance], ["What happened", body.detail]]} />;
    case "alert": return <Facts items={[["Alert", <Outward key="a" url={body.url}>{body.name}</Outward>], ["Sent by", body.source]]} />;
    case "objective": return <Facts items={[["Objective", body.name], ["Its error budget", tie(body.detail)]]} />;
    // These are shown in places of their own.
    case "metric": case "past_incident": return null;
  }
}

function CallPath({ path }: { path: readonly string[] }) {
  return (
    <ol className="flex flex-wrap items-center gap-2" aria-label="Call path from symptom to cause">
      {path.map((name, i) => (
        <li key={name} className="flex items-center gap-2">
          <Link to="/systems/$name" params={{ name }} search={{}} className={`rounded-md border px-2 py-1 text-sm hover:bg-raised ${i === path.length - 1 ? "border-bad font-semibold text-bad" : ""}`}>{name}{i === path.length - 1 && <span className="sr-only"> (cause)</span>}</Link>
          {i < path.length - 1 && <ArrowRight aria-hidden className="size-4 text-faint" />}
        </li>
      ))}
    </ol>
  );
}

function Timing({ order }: { order: readonly [string, number][] }) {
  // Those that departed in the same millisecond are first together.
  const start = Math.min(...order.map(([, ms]) => ms));
  const last = Math.max(1, ...order.map(([, ms]) => ms - start));
  return (
    <ol className="space-y-1 text-sm" aria-label="Who moved first">
      {order.map(([name, at]) => [name, at - start] as const).map(([name, ms]) => (
        <li key={name} className="grid grid-cols-[6rem_1fr_4rem] items-center gap-3">
          <span>{name}</span>
          <svg aria-hidden viewBox="0 0 100 6" preserveAspectRatio="none" className="h-1.5 w-full"><rect width="100" height="6" className="fill-raised" /><rect x={(ms / last) * 96} width="4" height="6" className={ms === 0 ? "fill-bad" : "fill-line-strong"} /></svg>
          <span className="num text-right text-xs text-faint">{ms === 0 ? "first" : `+ ${duration(ms)}`}</span>
        </li>
      ))}
    </ol>
  );
}
