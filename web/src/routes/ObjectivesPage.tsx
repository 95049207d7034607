/** What services promise, what is left of each error budget, and how fast it is spent. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { objectivesQuery } from "@/api/queries";
import { DetectionTabs } from "@/features/detection/DetectionTabs";
import { Objectives } from "@/features/detection/Objectives";
import { PageHead } from "@/ui/Panel";

export function ObjectivesPage() {
  const { data } = useSuspenseQuery({ ...objectivesQuery, refetchInterval: 15_000 });
  return (
    <>
      <PageHead title="Detection" lead="What services promise, and how fast their error budgets are spent." />
      <DetectionTabs />
      <Objectives items={data.items} />
    </>
  );
}
