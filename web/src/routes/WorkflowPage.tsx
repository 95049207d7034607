/** One workflow document: written, checked and drawn at once; tried; with its versions. */
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { workflowQuery } from "@/api/queries";
import { WorkflowEditor } from "./WorkflowEditor";

const route = getRouteApi("/app/automation/workflows/$id");

export function WorkflowPage() {
  const { id } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const { data } = useSuspenseQuery(workflowQuery(id));
  return <WorkflowEditor key={id} document={data} source={data.source} search={search} onSearch={(next) => void navigate({ to: "/automation/workflows/$id", params: { id }, search: next, replace: true, resetScroll: false })} />;
}

const fresh = getRouteApi("/app/automation/new-workflow");

/** A document that is not saved yet: from the template, or a copy of another one. */
export function NewWorkflowPage() {
  const { from, ...search } = fresh.useSearch();
  const navigate = useNavigate();
  const { data: original, isPending } = useQuery({ ...workflowQuery(from ?? ""), enabled: from !== undefined });
  if (from !== undefined && isPending) return null;
  return <WorkflowEditor key={from ?? ""} document={null} copied={original} source="" search={search} onSearch={(next) => void navigate({ to: "/automation/new-workflow", search: { from, ...next }, replace: true, resetScroll: false })} />;
}
