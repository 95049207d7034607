/** One incident: where it stands, why it happened, what was decided and done. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { incidentQuery } from "@/api/queries";
import { ActionBar } from "@/features/actions/ActionBar";
import { DecisionCard } from "@/features/decisions/DecisionCard";
import { WhyPanel } from "@/features/decisions/WhyPanel";
import { CausalPath } from "@/features/incidents/CausalPath";
import { Causes } from "@/features/incidents/Causes";
import { EvidenceList } from "@/features/incidents/EvidenceList";
import { ExplanationPanel } from "@/features/incidents/Explanation";
import { Grouping } from "@/features/incidents/Grouping";
import { IncidentHead } from "@/features/incidents/IncidentHead";
import { LifeLine } from "@/features/incidents/LifeLine";
import { RunCard } from "@/features/incidents/RunCard";
import { Similar } from "@/features/incidents/Similar";
import { tie } from "@/lib/format";
import { Panel } from "@/ui/Panel";
import { Timeline } from "@/ui/Timeline";

const route = getRouteApi("/app/incidents/$id");

export function IncidentPage() {
  const { id } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const { data } = useSuspenseQuery(incidentQuery(id));
  const { incident, findings, decisions, runs, explanation, allowed_actions } = data;
  // Asking the model is offered where its answer stands, corrections of the group where the group does.
  const named = (...names: string[]) => allowed_actions.filter((a) => names.includes(a.name));
  const [explain, regroup] = [named("explain"), named("merge", "split")];
  const actions = allowed_actions.filter((a) => !explain.includes(a) && !regroup.includes(a));
  const latest = decisions.at(-1);
  const recommendation = incident.recommendations.find((r) => r.id === latest?.recommendation) ?? incident.recommendations.at(-1);
  const show = (change: { why?: string; evidence?: string; cause?: string }) => void navigate({ to: "/incidents/$id", params: { id }, search: { ...search, ...change }, replace: true, resetScroll: false });
  const why = search.why ? (decisions.find((d) => d.id === search.why) ?? latest) : undefined;
  return (
    <>
      <IncidentHead incident={incident} actions={<ActionBar actions={actions} context={recommendation?.title ?? incident.title} />} />
      <LifeLine incident={incident} runs={runs} />
      {/* On a narrow screen what was decided comes first, then why it happened, then the story. */}
      <div className="mt-5 grid items-start gap-5 xl:grid-cols-[minmax(0,1.6fr)_minmax(0,1fr)] xl:grid-rows-[auto_1fr]">
        <div className="min-w-0 space-y-5 empty:hidden xl:col-start-2">
          {latest && <DecisionCard decision={latest} recommendation={recommendation} onWhy={() => { show({ why: latest.id }); }} />}
          {runs.toReversed().map((run) => <RunCard key={run.id} run={run} />)}
        </div>
        <div className="min-w-0 space-y-5 xl:col-start-1 xl:row-span-2 xl:row-start-1">
          <Causes incident={incident} onEvidence={(evidence) => { show({ evidence }); }} />
          <CausalPath incident={incident} chosen={search.cause} onChoose={(cause) => { show({ cause }); }} onEvidence={(evidence) => { show({ evidence }); }} />
          <ExplanationPanel explanation={explanation} refusal={explain.find((a) => !a.allowed)?.reason ?? null} actions={<ActionBar small actions={explain} context={incident.title} />} onEvidence={(evidence) => { show({ evidence }); }} />
          <EvidenceList incident={incident} runs={runs} open={search.evidence} onOpen={(evidence) => { show({ evidence }); }} />
          <Similar incident={incident} open={search.evidence} />
          <Grouping incident={incident} findings={findings} allowed={regroup} actions={(f) => <ActionBar small actions={f.allowed_actions} context={tie(f.summary)} />} />
        </div>
        <Panel title="Timeline" className="xl:col-start-2"><Timeline items={incident.timeline} /></Panel>
      </div>
      {why && <WhyPanel decision={why} onClose={() => { show({ why: undefined }); }} />}
    </>
  );
}
