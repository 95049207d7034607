/** One service: its charts, instances, findings, changes, logs and neighbours. */
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { logsQuery, serviceQuery } from "@/api/queries";
import { useInfiniteQuery } from "@tanstack/react-query";
import { mapQuery } from "@/api/queries";
import { ServiceCharts } from "@/features/systems/ServiceCharts";
import { Changes, FiringFindings, Instances, Neighbours } from "@/features/systems/ServicePanels";
import type { Range } from "@/lib/time";
import { Segmented } from "@/ui/Field";
import { LogLines } from "@/ui/LogLines";
import { PageHead, Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";

const route = getRouteApi("/app/systems/$name");

export function ServicePage() {
  const { name } = route.useParams();
  const { range = "15m" } = route.useSearch();
  const navigate = useNavigate();
  const { data } = useSuspenseQuery(serviceQuery(name));
  const { data: map } = useQuery(mapQuery);
  const logs = useInfiniteQuery({ ...logsQuery({ service: name }), refetchInterval: 5_000, throwOnError: false });
  const { service: s } = data;
  const incident = map?.nodes.find((n) => n.name === name)?.incident;
  const facts = [s.owner && `owned by ${s.owner}`, `${s.tier ?? "standard"} tier`, s.version && `release ${s.version}`, s.config_revision && `configuration ${s.config_revision}`].filter(Boolean).join(" · ");
  return (
    <>
      <Link to="/systems" search={{}} className="mb-2 inline-flex min-h-6 items-center gap-1 text-xs text-faint hover:text-ink"><ArrowLeft aria-hidden className="size-3.5" />Systems</Link>
      <PageHead title={s.name}
        lead={<span className="flex flex-wrap items-center gap-x-3 gap-y-1"><Status kind="health" value={s.health ?? "unknown"} /><span>{facts}</span>{incident && <Link to="/incidents/$id" params={{ id: incident }} search={{}} className="font-medium text-accent underline">Open incident</Link>}</span>}
        actions={<Segmented label="Range" value={range} options={[["5m", "5 min"], ["15m", "15 min"], ["1h", "1 h"], ["6h", "6 h"], ["24h", "24 h"]]} onChange={(r: Range) => void navigate({ to: "/systems/$name", params: { name }, search: { range: r }, replace: true })} />} />
      <div className="space-y-5">
        {data.findings.length > 0 && <FiringFindings items={data.findings} />}
        <ServiceCharts service={s} range={range} findings={data.findings} changes={data.changes} />
        <div className="grid items-start gap-5 lg:grid-cols-2"><Instances items={s.instances ?? []} /><Neighbours detail={data} /></div>
        <Changes items={data.changes} />
        <Panel flush title="Newest logs" actions={<Link to="/logs" search={{ service: name }} className="inline-flex min-h-6 items-center text-xs font-medium text-accent hover:underline">Open in Logs</Link>}>
          <div className="py-2"><LogLines service={false} items={(logs.data?.pages[0]?.items ?? []).slice(0, 25)} /></div>
        </Panel>
      </div>
    </>
  );
}
