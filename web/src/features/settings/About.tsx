/** What runs here and how it is. */
import { useQuery } from "@tanstack/react-query";
import { statusQuery } from "@/api/queries";
import { Panel } from "@/ui/Panel";
import { ErrorView, Skeleton } from "@/ui/States";
import { Status } from "@/ui/Status";

export function About() {
  const { data: status, error } = useQuery({ ...statusQuery, throwOnError: false });
  if (error) return <ErrorView error={error} />;
  if (!status) return <Skeleton className="h-40 w-full" />;
  return (
    <div className="space-y-5">
      <Panel flush title="Components" hint={`Homeostat ${status.version}`} actions={<Status kind="component" value={status.state} />}>
        <ul>{status.components.map((c) => <li key={c.name} className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 gap-y-0.5 border-b px-4 py-2.5 text-sm last:border-b-0 sm:grid-cols-[14rem_7rem_minmax(0,1fr)]"><span className="font-medium wrap-anywhere">{c.name}</span><span><Status kind="component" value={c.state} /></span><span className="col-span-full text-soft wrap-anywhere sm:col-span-1">{c.reason}</span></li>)}</ul>
      </Panel>
      <Panel title="About"><p className="text-sm text-soft">Homeostat keeps what you run, running. Licensed under Apache 2.0. The <a className="text-accent underline" href="/docs">API documentation</a> and the <a className="text-accent underline" href="/api/v1/openapi.json">OpenAPI document</a> are served by this server.</p></Panel>
    </div>
  );
}
