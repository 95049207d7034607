/** The first screen: is all well, who is needed, what is going on. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { overviewQuery } from "@/api/queries";
import { Activity } from "@/features/overview/Activity";
import { HealthHeadline } from "@/features/overview/HealthHeadline";
import { IncidentLists } from "@/features/overview/IncidentLists";
import { Kpis } from "@/features/overview/Kpis";

export function OverviewPage() {
  const { data: overview } = useSuspenseQuery(overviewQuery);
  return (
    <div className="space-y-5">
      <HealthHeadline overview={overview} />
      <Kpis overview={overview} />
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1.7fr)_minmax(0,1fr)]">
        <IncidentLists items={overview.recent} simulated={overview.simulated} />
        <Activity items={overview.timeline} />
      </div>
    </div>
  );
}
