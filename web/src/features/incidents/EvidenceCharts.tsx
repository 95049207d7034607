/** Metrics of the evidence as charts on one axis of time: what was seen, what was expected, and what happened meanwhile. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { seriesQuery } from "@/api/queries";
import type { Incident, Run } from "@/api/types";
import { carries, charted, excursion, moments, spanOf, type MetricEvidence, type Moment, type Span } from "@/lib/evidence";
import { metricTitle, metricValue, plural, tie } from "@/lib/format";
import { useNarrow } from "@/lib/narrow";
import { bringIntoView } from "@/lib/scroll";
import { clock, duration, ticks } from "@/lib/time";
import { Button } from "@/ui/Button";
import { Chart } from "@/ui/Chart";
import { ErrorView, Skeleton } from "@/ui/States";
import { MomentLane, TimeAxis } from "@/ui/TimeLane";

const FEW = 5;
const LINES_MAX = 8;
const HEIGHT = 104;
/** Text on the left, plot on the right; on a phone below each other. */
const GRID = "sm:grid sm:grid-cols-[11.5rem_minmax(0,1fr)] sm:gap-x-3";

type Props = { incident: Incident; runs: readonly Run[]; /** The piece that the address names. */ open: string | undefined };

export function EvidenceCharts({ incident, runs, open }: Props) {
  const [all, setAll] = useState(false);
  const narrow = useNarrow();
  const key = useId();
  const charts = useMemo(() => charted(incident), [incident]);
  const span = useMemo(() => spanOf(charts), [charts]);
  const marks = useMemo(() => moments(incident, runs), [incident, runs]);
  const times = useMemo(() => ticks(span.from, span.to, narrow ? 4 : 6), [span, narrow]);
  const stack = useMemo(() => ({ key, ticks: times.map((t) => t.at) }), [key, times]);
  if (charts.length === 0) return null;
  const shown = all || charts.findIndex((c) => c.id === open) >= FEW ? charts : charts.slice(0, FEW);
  return (
    <div className="border-b px-4 pt-3 pb-2 last:border-b-0">
      <p className="sr-only">Between the charts: {marks.map((m) => `${m.label} at ${clock(m.at)}`).join(", ")}.</p>
      <div className={GRID}><span /><MomentLane moments={marks} span={span} widthPx={narrow ? 250 : 400} /></div>
      <ul aria-label="Charts">{shown.map((c) => <ChartRow key={c.id} piece={c} span={span} marks={marks} stack={stack} chosen={c.id === open} />)}</ul>
      <div className={GRID}><p className="hidden text-xs text-faint sm:block">{times.length > 0 && "local time"}</p><TimeAxis ticks={times} span={span} /></div>
      <p aria-hidden className="mt-1.5 flex flex-wrap gap-x-4 gap-y-1 text-xs text-faint">
        <span className="inline-flex items-center gap-1.5"><svg className="h-3 w-4"><rect width="16" height="12" style={{ fill: "var(--band)" }} /><path d="M0,0.5 H16 M0,11.5 H16" style={{ stroke: "var(--band-edge)" }} /></svg>expected</span>
        <span className="inline-flex items-center gap-1.5"><svg className="size-2"><circle cx="4" cy="4" r="3" className="fill-bad" /></svg>outside</span>
        {charts.length > shown.length && <Button small look="ghost" className="ml-auto" onClick={() => { setAll(true); }}>Show all {plural(charts.length, "chart")}</Button>}
      </p>
    </div>
  );
}

type RowProps = { piece: MetricEvidence; span: Span; marks: readonly Moment[]; stack: { key: string; ticks: readonly number[] }; chosen: boolean };

function ChartRow({ piece: { id, service, title, body }, span, marks, stack, chosen }: RowProps) {
  const ref = useRef<HTMLLIElement>(null);
  useEffect(() => { if (chosen && ref.current) bringIntoView(ref.current); }, [chosen]);
  const { data, error } = useQuery({ ...seriesQuery({ service, name: body.name, instance: body.labels.instance, from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString() }), throwOnError: false });
  const series = useMemo(() => (data?.series ?? []).filter((s) => carries(s.labels, body.labels)), [data, body.labels]);
  const lines = useMemo(() => series.slice(0, LINES_MAX).map((s) => ({ label: s.labels.instance ?? s.service, points: s.points })), [series]);
  const outside = useMemo(() => lines.map((l) => excursion(l.points, body.expected)).filter((e) => e !== null).toSorted((a, b) => b.ms - a.ms)[0], [lines, body.expected]);
  const say = (n: number | null | undefined) => metricValue(body.name, n);
  const name = `${metricTitle(body.name)} of ${service}`;
  return (
    <li ref={ref} data-evidence={id} aria-current={chosen || undefined} className={clsx("-mx-2 scroll-mt-20 rounded-lg px-2 py-1.5", GRID, chosen && "bg-accent-soft/50")}>
      <div className="min-w-0 text-xs">
        <p className="text-sm leading-5 wrap-anywhere"><Link to="/systems/$name" params={{ name: service }} search={{}} className="font-medium hover:underline">{service}</Link> <span className="text-soft">{metricTitle(body.name)}</span>{body.labels.instance && <span className="text-faint"> {body.labels.instance}</span>}</p>
        <p className="flex flex-wrap gap-x-2">{body.observed != null && <span className="text-faint">seen <strong className="num text-bad">{say(body.observed)}</strong></span>}{body.expected && <span className="text-faint">expected <span className="num text-ok">{say(body.expected.low)} – {say(body.expected.high)}</span></span>}</p>
        <p className="mt-0.5 leading-4 text-faint">{outside ? <>outside for <span className="num">{duration(outside.ms)}</span> since <span className="num">{clock(outside.from)}</span>, furthest {say(outside.worst.value)}</> : tie(title)}</p>
        {series.length > LINES_MAX && <p className="text-faint">and {plural(series.length - LINES_MAX, "series", "series")} more</p>}
      </div>
      <div className="min-w-0">{error ? <ErrorView error={error} /> : data ? <Chart label={name} metric={body.name} lines={lines} band={body.expected} markers={marks} height={HEIGHT} span={span} stack={stack} /> : <Skeleton className="h-26 w-full" />}</div>
    </li>
  );
}
