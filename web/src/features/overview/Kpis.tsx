/** The numbers that say how well the loop works, each with the recent events behind it. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTicks } from "@/api/stream";
import { seriesQuery } from "@/api/queries";
import type { Overview } from "@/api/types";
import { count, percent, rate as perSecond } from "@/lib/format";
import { duration, toMs } from "@/lib/time";
import { Meter, Sparkline } from "@/ui/Bits";

function Kpi({ name, value, hint, children }: { name: string; value: string; hint: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col bg-panel px-4 py-3">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="num mt-0.5 text-lg leading-7 font-semibold tracking-tight">{value}</dd>
      <dd className="mt-1 flex h-7 items-center">{children}</dd>
      <dd className="mt-1 truncate text-xs text-faint">{hint}</dd>
    </div>
  );
}

export function Kpis({ overview }: { overview: Overview }) {
  const { kpis, recent, incidents } = overview;
  const ticks = useTicks();
  const { data: traffic } = useQuery({ ...seriesQuery({ name: "request_rate", points: 60 }), throwOnError: false });
  const past = (traffic?.series.toSorted((a, b) => (b.points.at(-1)?.[1] ?? 0) - (a.points.at(-1)?.[1] ?? 0))[0]?.points ?? []).map((p) => p[1] ?? 0);
  const rate = ticks.length > 30 ? ticks.map((t) => t.request_rate) : [...past, ...ticks.map((t) => t.request_rate)].slice(-60);
  const oldestFirst = recent.toReversed();
  const resolved = oldestFirst.filter((i) => i.resolved_at);
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-xl border bg-line shadow-(--shadow) md:grid-cols-3 xl:grid-cols-6">
      <Kpi name="Requests" value={perSecond(rate.at(-1))} hint={`${count(kpis.signals_per_s)} signals/s`}><Sparkline values={rate} label="Requests a second, last minutes" /></Kpi>
      <Kpi name="Time to detect" value={duration(kpis.mttd_ms)} hint="mean, from first signal"><Sparkline bars values={oldestFirst.map((i) => toMs(i.opened_at) - toMs(i.started_at))} label="Time to detect of recent incidents" /></Kpi>
      <Kpi name="Time to repair" value={duration(kpis.mttr_ms)} hint="mean, verified"><Sparkline bars values={resolved.map((i) => Math.min(600_000, toMs(i.resolved_at ?? "") - toMs(i.started_at)))} label="Time to repair of recent incidents" /></Kpi>
      <Kpi name="Fixed with no person" value={percent(kpis.auto_resolved_ratio)} hint="of those resolved"><Meter value={kpis.auto_resolved_ratio ?? 0} label="Fixed with no person" /></Kpi>
      <Kpi name="Fixes that held" value={percent(kpis.verified_ratio)} hint="verified on telemetry"><Meter value={kpis.verified_ratio ?? 0} label="Fixes that held" tone="ok" /></Kpi>
      <Kpi name="Resolved in 24 h" value={count(incidents.resolved_24h)} hint={`${count(incidents.open)} open now`}><Meter value={incidents.resolved_24h / Math.max(1, incidents.resolved_24h + incidents.open)} label="Resolved of all" tone="neutral" /></Kpi>
    </dl>
  );
}
