/** Every run of a workflow, newest first. */
import { useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Workflow } from "lucide-react";
import { runsQuery } from "@/api/queries";
import { AutomationTabs } from "@/features/automation/AutomationTabs";
import { RunTable } from "@/features/automation/RunTable";
import { Button } from "@/ui/Button";
import { Segmented } from "@/ui/Field";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

const route = getRouteApi("/app/automation/runs");
const STATUSES = [["", "All"], ["running", "Running"], ["waiting", "Waiting"], ["completed", "Completed"], ["faulted", "Faulted"], ["cancelled", "Cancelled"]] as const;

export function RunsPage() {
  const { status } = route.useSearch();
  const navigate = useNavigate();
  const list = useSuspenseInfiniteQuery(runsQuery({ status }));
  const items = list.data.pages.flatMap((p) => p.items);
  return (
    <>
      <PageHead title="Automation" lead="Durable runs of workflows, with every step on record." />
      <AutomationTabs />
      <div className="mb-4"><Segmented label="Status" value={status ?? ""} options={STATUSES} onChange={(s) => void navigate({ to: "/automation/runs", search: { status: s || undefined }, replace: true })} /></div>
      <Panel flush>{items.length > 0 ? <RunTable items={items} /> : <Empty icon={Workflow} title={status ? `No ${status} run` : "Nothing ran yet"}>A run starts when a decision says so, or when a person starts a runbook.</Empty>}</Panel>
      {list.hasNextPage && <div className="mt-4 text-center"><Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show more</Button></div>}
    </>
  );
}
