/** The five charts that say how a service is. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { seriesQuery } from "@/api/queries";
import type { Change, Finding, Service } from "@/api/types";
import { metricTitle, metricValue } from "@/lib/format";
import { RANGES, toMs, type Range } from "@/lib/time";
import { Chart, type Marker } from "@/ui/Chart";
import { Panel } from "@/ui/Panel";
import { Skeleton } from "@/ui/States";

const METRICS = ["request_rate", "request_error_ratio", "request_duration_p95_ms", "process_cpu_ratio", "process_resident_memory_bytes", "log_rate"];
type Props = { service: Service; range: Range; findings: readonly Finding[]; changes: readonly Change[] };

export function ServiceCharts(props: Props) {
  return <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">{METRICS.map((name) => <One key={name} name={name} {...props} />)}</div>;
}

function One({ name, service, range, findings, changes }: Props & { name: string }) {
  // The range is sent as a start only, rounded, so that the key of the query stands still between refetches.
  const step = Math.max(5_000, RANGES[range] / 60);
  const from = new Date(Math.floor((Date.now() - RANGES[range]) / step) * step).toISOString();
  const { data } = useQuery({ ...seriesQuery({ service: service.name, name, from, points: 240 }), refetchInterval: range === "5m" || range === "15m" ? 5_000 : 30_000, throwOnError: false });
  const lines = useMemo(() => (data?.series ?? []).map((s) => ({ label: s.labels?.instance ?? metricTitle(name), points: s.points })), [data, name]);
  const finding = findings.find((f) => f.subject.type === "metric" && f.subject.name === name);
  const markers = useMemo(() => {
    const all: Marker[] = changes.map((c) => ({ at: toMs(c.at), label: c.to ?? c.kind, tone: "accent" }));
    if (finding) all.push({ at: toMs(finding.started_at), label: "began", tone: "bad" });
    return all;
  }, [changes, finding]);
  const now = lines[0]?.points.at(-1)?.[1];
  return (
    <Panel title={metricTitle(name)} actions={<span className={`num text-sm font-semibold ${finding ? "text-bad" : ""}`}>{metricValue(name, now)}</span>} className={finding ? "border-bad/60" : undefined}>
      {data ? <Chart label={`${metricTitle(name)} of ${service.name}`} metric={name} lines={lines} band={finding?.expected} markers={markers} height={140} /> : <Skeleton className="h-35 w-full" />}
    </Panel>
  );
}
