/** Every incident, newest first; the filters are the address. */
import { useSuspenseInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Siren } from "lucide-react";
import { incidentsQuery, servicesQuery, type IncidentFilter } from "@/api/queries";
import { words } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Segmented, Select } from "@/ui/Field";
import { IncidentRow } from "@/ui/IncidentRow";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

const route = getRouteApi("/app/incidents");
const STATUSES = [["", "All"], ["active", "Not over"], ["open", "Open"], ["acknowledged", "Acknowledged"], ["mitigating", "Mitigating"], ["verifying", "Verifying"], ["resolved", "Resolved"]] as const;
const PRIORITIES = [["", "Any priority"], ["p1", "P1: drop everything"], ["p2", "P2: now"], ["p3", "P3: today"], ["p4", "P4: when there is time"]] as const;
const SEVERITIES = ["critical", "high", "medium", "low"];

export function IncidentsPage() {
  const filter = route.useSearch();
  const navigate = useNavigate();
  const list = useSuspenseInfiniteQuery(incidentsQuery(filter));
  const { data: services } = useQuery(servicesQuery);
  const items = list.data.pages.flatMap((p) => p.items);
  const set = (change: IncidentFilter) => void navigate({ to: "/incidents", search: { ...filter, ...change }, replace: true });
  const filtered = Boolean(filter.status ?? filter.service ?? filter.severity ?? filter.priority);
  return (
    <>
      <PageHead title="Incidents" lead="Findings that belong together, with their causes and what was done." />
      <div className="mb-4 flex flex-wrap items-center gap-2">
        <Segmented label="Status" value={filter.status ?? ""} options={STATUSES} onChange={(status) => { set({ status: status || undefined }); }} />
        <Select hideLabel label="Priority" value={filter.priority ?? ""} onChange={(e) => { set({ priority: e.target.value || undefined }); }} options={PRIORITIES} />
        <Select hideLabel label="Severity" value={filter.severity ?? ""} onChange={(e) => { set({ severity: e.target.value || undefined }); }} options={[["", "Any severity"], ...SEVERITIES.map((s) => [s, words(s)] as const)]} />
        <Select hideLabel label="Service" value={filter.service ?? ""} onChange={(e) => { set({ service: e.target.value || undefined }); }} options={[["", "Any service"], ...(services ?? []).map((s) => [s.name, s.name] as const)]} />
        {filtered && <Button look="ghost" onClick={() => { set({ status: undefined, service: undefined, severity: undefined, priority: undefined }); }}>Clear</Button>}
      </div>
      <Panel flush>
        {items.length > 0 ? <ul>{items.map((i) => <IncidentRow key={i.id} incident={i} />)}</ul> : (
          <Empty icon={Siren} title={filtered ? "No incident fits these filters" : "No incident yet"} action={filtered ? <Button onClick={() => { set({ status: undefined, service: undefined, severity: undefined, priority: undefined }); }}>Clear the filters</Button> : undefined}>
            {filtered ? "Take one away, or look at all of them." : "When signals leave their learned bands, findings are grouped here by call graph, time and likeness."}
          </Empty>
        )}
      </Panel>
      {list.hasNextPage && <div className="mt-4 text-center"><Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show more</Button></div>}
    </>
  );
}
