/** How detection is doing: what it said, how good that was by people's word, where it drifts, and yesterday again under other settings. */
import { useSuspenseInfiniteQuery, useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Radar } from "lucide-react";
import { detectionQuery, findingsQuery } from "@/api/queries";
import { ActionBar } from "@/features/actions/ActionBar";
import { DetectionTabs } from "@/features/detection/DetectionTabs";
import { Drifting } from "@/features/detection/Drifting";
import { Quality } from "@/features/detection/Quality";
import { Replay } from "@/features/detection/Replay";
import { Findings } from "@/features/incidents/Findings";
import { count, percent, tie } from "@/lib/format";
import { Sparkline } from "@/ui/Bits";
import { Button } from "@/ui/Button";
import { Segmented } from "@/ui/Field";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

const route = getRouteApi("/app/detection");

export function DetectionPage() {
  const { hours } = route.useLoaderDeps();
  const navigate = useNavigate();
  const { data } = useSuspenseQuery({ ...detectionQuery(hours), refetchInterval: 30_000 });
  const found = useSuspenseInfiniteQuery(findingsQuery);
  const findings = found.data.pages.flatMap((p) => p.items);
  const sum = (of: (d: (typeof data.detectors)[number]) => number) => data.detectors.reduce((n, d) => n + of(d), 0);
  const [raised, confirmed, dismissed] = [sum((d) => d.raised), sum((d) => d.confirmed), sum((d) => d.dismissed)];
  const judged = confirmed + dismissed;
  return (
    <>
      <PageHead
        title="Detection" lead="What the detectors said, how often people agreed, and where what they learned holds no longer."
        actions={<Segmented label="Window" value={String(hours)} options={[["24", "1 day"], ["168", "7 days"], ["720", "30 days"]]} onChange={(h) => void navigate({ to: "/detection", search: h === "168" ? {} : { hours: Number(h) }, replace: true })} />}
      />
      <DetectionTabs />
      <dl className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Figure name="Findings" value={count(raised)}><Sparkline bars values={data.days.map((d) => d.raised)} label={`Findings of each day: ${data.days.map((d) => String(d.raised)).join(", ")}`} /></Figure>
        <Figure name="Precision by your word" value={judged > 0 ? percent(confirmed / judged) : "not known"}>{judged > 0 ? `${count(confirmed)} of ${count(judged)} judged were worth saying` : "Judge findings below; it is counted from then on."}</Figure>
        <Figure name="Series watched" value={count(data.series)}>{`${count(data.drifting.length)} outside their band too often`}</Figure>
        <Figure name="Called normal" value={count(data.dismissed)}>not said again for thirty days while no further out</Figure>
      </dl>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Quality detectors={data.detectors} />
        <Drifting items={data.drifting} />
        <div className="xl:col-span-2"><Replay settings={data.settings} actions={data.allowed_actions} /></div>
        <div className="xl:col-span-2">
          {findings.length > 0 ? <Findings items={findings} actions={(f) => <ActionBar small actions={f.allowed_actions} context={tie(f.summary)} />} /> : <Panel title="Findings"><Empty icon={Radar} title="Nothing was found yet">A finding appears here as soon as a detector says that something is not as it should be.</Empty></Panel>}
          {found.hasNextPage && <div className="mt-4 text-center"><Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>Show more</Button></div>}
        </div>
      </div>
    </>
  );
}

function Figure({ name, value, children }: { name: string; value: string; children: React.ReactNode }) {
  return (
    <div className="min-w-0 rounded-xl border bg-panel p-4 shadow-(--shadow)">
      <dt className="text-xs text-faint">{name}</dt>
      <dd className="num mt-1 text-xl font-semibold tracking-tight">{value}</dd>
      <dd className="mt-1 text-xs text-faint">{children}</dd>
    </div>
  );
}
