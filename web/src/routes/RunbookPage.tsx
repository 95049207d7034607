/** One runbook: the page, the workflow, the record, and a way to start it by hand. */
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowLeft, Play } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useRefusal } from "@/api/may";
import { runbookQuery, servicesQuery, workflowQuery } from "@/api/queries";
import { StartRun } from "@/features/automation/StartRun";
import { TrackRecord } from "@/features/automation/TrackRecord";
import { percent, words } from "@/lib/format";
import { readable } from "@/lib/page";
import { Facts } from "@/ui/Bits";
import { Button } from "@/ui/Button";
import { PageHead, Panel } from "@/ui/Panel";
import { Skeleton } from "@/ui/States";

const Markdown = lazy(() => import("@/ui/Markdown"));
const FlowDiagram = lazy(() => import("@/ui/FlowDiagram"));
const route = getRouteApi("/app/automation/runbooks/$name");

export function RunbookPage() {
  const { name } = route.useParams();
  const { data } = useSuspenseQuery(runbookQuery(name));
  const r = data.summary;
  // A runbook is started by its own name, and its workflow is known by it.
  const { data: document } = useQuery({ ...workflowQuery(name), throwOnError: false });
  const { data: services } = useQuery(servicesQuery);
  const navigate = useNavigate();
  const [starting, setStarting] = useState(false);
  const blocked = useRefusal("create_run", "start runs");
  return (
    <>
      <Link to="/automation/runbooks" className="mb-2 inline-flex min-h-6 items-center gap-1 text-xs text-faint hover:text-ink"><ArrowLeft aria-hidden className="size-3.5" />Runbooks</Link>
      <PageHead title={r.title} lead={r.summary} actions={<Button icon={Play} disabledReason={blocked} onClick={() => { setStarting(true); }}>Start by hand</Button>} />
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)]">
        <Panel title="Page"><Suspense fallback={<Skeleton className="h-64 w-full" />}><Markdown text={readable(data.markdown)} /></Suspense></Panel>
        <div className="space-y-5">
          <Panel title="Workflow" actions={document && <Link to="/automation/workflows/$id" params={{ id: document.id }} search={{}} className="inline-flex min-h-6 items-center text-xs font-medium text-accent hover:underline">Open the document</Link>}><Suspense fallback={<Skeleton className="h-64 w-full" />}>{document ? <FlowDiagram graph={document.graph} /> : <Skeleton className="h-64 w-full" />}</Suspense>
            <details className="mt-4 border-t pt-2"><summary className="min-h-6 text-xs font-medium text-soft">As YAML</summary>
              {/* A box that scrolls must be reachable by keyboard. */}
              {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
              <pre tabIndex={0} className="mt-2 max-h-96 overflow-auto rounded-lg border bg-raised p-3 font-mono text-xs">{data.workflow}</pre></details>
          </Panel>
          <Panel title="Track record" hint="moves the confidence of the next decision"><TrackRecord tracks={r.track} /></Panel>
          <Panel title="Details"><Facts items={[["For", r.handles.map(words).join(", ")], ["Calls", <span key="c" className="font-mono text-xs">{r.actions.join(", ")}</span>], ["Touches", r.blast_radius ? `one ${r.blast_radius}` : "nothing"], ["Owner", r.owner ?? "–"], ["Prior", `${percent(r.prior)}: ${r.prior_reason}`]]} /></Panel>
        </div>
      </div>
      {starting && <StartRun runbook={r.name} title={r.title} services={(services ?? []).map((s) => s.name)} onClose={() => { setStarting(false); }} onStarted={(id) => void navigate({ to: "/automation/runs/$id", params: { id }, search: {} })} />}
    </>
  );
}
