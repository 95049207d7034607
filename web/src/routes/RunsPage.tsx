/** Every run of a workflow, newest first; the filters are the address. */
import { useQuery, useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { CirclePause, Workflow } from "lucide-react";
import { useState } from "react";
import { runsQuery, servicesQuery, workflowsQuery } from "@/api/queries";
import { AutomationTabs } from "@/features/automation/AutomationTabs";
import { HoldsBanner } from "@/features/holds/HoldsBanner";
import { HoldsDialog } from "@/features/holds/HoldsDialog";
import { BulkBar } from "@/features/runs/BulkBar";
import { RunFilters } from "@/features/runs/RunFilters";
import { RunTable } from "@/features/runs/RunTable";
import { filterWords, isFiltered, runFilter, type RunSearch } from "@/lib/run-filter";
import { useSelection } from "@/lib/selection";
import { Button } from "@/ui/Button";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

const route = getRouteApi("/app/automation/runs");

export function RunsPage() {
  const search = route.useSearch();
  const { filter } = route.useLoaderDeps();
  const navigate = useNavigate();
  const list = useSuspenseInfiniteQuery(runsQuery(filter));
  const { data: services } = useQuery(servicesQuery);
  const { data: workflows } = useQuery({ ...workflowsQuery, throwOnError: false });
  const [holding, setHolding] = useState(false);
  const items = list.data.pages.flatMap((p) => p.items);
  const selection = useSelection(items.map((r) => r.id), JSON.stringify(search));
  const filtered = isFiltered(search);
  const names = { services: (services ?? []).map((s) => s.name), workflows: (workflows ?? []).map((w) => w.id) };
  const go = (next: RunSearch) => void navigate({ to: "/automation/runs", search: next, replace: true });
  return (
    <>
      <PageHead title="Automation" lead="Durable runs of workflows, with every step on record." actions={<Button icon={CirclePause} onClick={() => { setHolding(true); }}>Pause as a whole…</Button>} />
      <AutomationTabs />
      <HoldsBanner onOpen={() => { setHolding(true); }} />
      <RunFilters search={search} {...names} onChange={(change) => { go({ ...search, ...change }); }} onClear={() => { go({}); }} />
      <Panel flush>
        {items.length > 0 ? (
          <>
            <BulkBar shown={items} chosen={selection.chosen} all={selection.all} more={list.hasNextPage} filter={runFilter(search, Date.now())} about={filterWords(search)} onAll={selection.setAll} onShown={selection.setShown} />
            <RunTable items={items} chosen={selection.chosen} all={selection.all} onChoose={selection.toggle} />
          </>
        ) : (
          <Empty icon={Workflow} title={filtered ? "No run fits these filters" : "Nothing ran yet"} action={filtered ? <Button onClick={() => { go({}); }}>Clear the filters</Button> : undefined}>
            {filtered ? "Take one away, or look at all of them." : "A run starts when a decision says so, on a schedule or an event, or when a person starts a workflow. Every step it takes is written down before it counts."}
          </Empty>
        )}
      </Panel>
      {list.hasNextPage && <div className="mt-4 text-center"><Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show more</Button></div>}
      {holding && <HoldsDialog {...names} onClose={() => { setHolding(false); }} />}
    </>
  );
}
