/** What both screens of a workflow are made of: the one of a document that is there, and the one of a new document. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { ArrowLeft, Copy, Lock, Save, Undo2 } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { schemaQuery, servicesQuery, validationQuery } from "@/api/queries";
import type { FlowGraph, WorkflowDetail } from "@/api/types";
import { ActionBar } from "@/features/actions/ActionBar";
import { EditorPane } from "@/features/editor/EditorPane";
import { HistoryPanel, type Compare } from "@/features/editor/HistoryPanel";
import { SaveDialog } from "@/features/editor/SaveDialog";
import { TryPanel } from "@/features/editor/TryPanel";
import { useDraft } from "@/lib/draft";
import { useLate } from "@/lib/late";
import { ORIGINS } from "@/lib/origins";
import { inputFields, setHead, TEMPLATE } from "@/lib/workflow-head";
import { Button, buttonClass } from "@/ui/Button";
import { Segmented } from "@/ui/Field";
import { PageHead, Panel } from "@/ui/Panel";
import { Skeleton } from "@/ui/States";

export type EditorSearch = Compare & { tab?: "try" | "history" };
type Props = { document: WorkflowDetail | null; copied?: WorkflowDetail; source: string; search: EditorSearch; onSearch: (search: EditorSearch) => void };

const FlowDiagram = lazy(() => import("@/ui/FlowDiagram"));
const TABS = [["edit", "Edit"], ["try", "Try"], ["history", "History"]] as const;
const TYPING_MS = 300;
const NOTHING: FlowGraph = { nodes: [], edges: [] };

const copyOf = (d: WorkflowDetail) => setHead(setHead(setHead(d.source, "namespace", "mine"), "name", `${d.name}-copy`), "version", "0.1.0");

export function WorkflowEditor({ document: doc, copied, source, search, onSearch }: Props) {
  const navigate = useNavigate();
  const start = useMemo(() => (doc ? source : copied ? copyOf(copied) : TEMPLATE), [doc, source, copied]);
  const draft = useDraft(doc?.id ?? `new:${copied?.id ?? ""}`, start);
  /** The text that is about to be saved. */
  const [saving, setSaving] = useState<string | null>(null);
  const late = useLate(draft.text, TYPING_MS);
  const check = useQuery({ ...validationQuery(late), throwOnError: false });
  const { data: schema } = useQuery({ ...schemaQuery, throwOnError: false });
  const { data: services } = useQuery(servicesQuery);
  // While the text is broken, the diagram stays what it was last.
  const [graph, setGraph] = useState<FlowGraph>(NOTHING);
  if (check.data?.graph && check.data.graph !== graph) setGraph(check.data.graph);
  const fields = useMemo(() => inputFields(draft.text), [draft.text]);
  const checking = late !== draft.text || check.isPlaceholderData || check.isPending;
  const valid = !checking && check.data?.valid === true;
  const update = doc?.allowed_actions.find((a) => a.name === "update");
  const fixed = update && !update.allowed ? (update.reason ?? "not allowed now") : null;
  const saveBlocked = fixed ?? (doc && !draft.dirty ? "nothing was changed" : checking ? "it is being checked" : valid ? null : "mend the problems first");
  const { tab = "edit", ...compare } = search;
  const title = doc?.title ?? (copied ? `Copy of ${copied.title}` : "New workflow");
  const save = () => { if (!saveBlocked) setSaving(draft.text); };
  const onSaved = (id: string, text: string) => {
    if (doc) { draft.set(text); setSaving(null); }
    // What is new goes on in the screen of its document. The dialog stays until that is there: what is typed here now would be lost.
    else draft.drop();
    void navigate({ to: "/automation/workflows/$id", params: { id }, search: {} });
  };
  return (
    <>
      <Link to="/automation/workflows" className="mb-2 inline-flex min-h-6 items-center gap-1 text-xs text-faint hover:text-ink"><ArrowLeft aria-hidden className="size-3.5" />Workflows</Link>
      <PageHead title={title}
        lead={<span className="flex flex-wrap items-center gap-x-3 gap-y-1">{doc ? <><code className="font-mono text-xs">{doc.id}</code><span className="num">{doc.version}</span>{doc.origin !== "own" && <span className="inline-flex items-center gap-1"><Lock aria-hidden className="size-3.5" />{ORIGINS[doc.origin]}</span>}</> : <span>Not saved yet.</span>}{draft.dirty && <span className="rounded-full bg-warn-soft px-2 text-xs font-medium text-warn">{draft.found ? "draft from an earlier visit" : "not saved"}</span>}</span>}
        actions={<>
          {doc && <Link to="/automation/runs" search={{ workflow: doc.id }} className={buttonClass("ghost")}>Its runs</Link>}
          {draft.dirty && <Button look="ghost" icon={Undo2} onClick={draft.drop}>Throw the draft away</Button>}
          {doc && <Link to="/automation/new-workflow" search={{ from: doc.id }} className={buttonClass("secondary")}><Copy aria-hidden className="size-4" />Save a copy…</Link>}
          {doc && <ActionBar actions={doc.allowed_actions.filter((a) => a.name === "delete")} context={`${doc.title}, ${String(doc.versions)} versions`} onDone={() => void navigate({ to: "/automation/workflows" })} />}
          <Button look="primary" icon={Save} disabledReason={saveBlocked} onClick={save}>Save…</Button>
        </>} />
      <div className="mb-4"><Segmented label="Side of the workflow" value={tab} options={doc ? TABS : TABS.slice(0, 2)} onChange={(t) => { onSearch({ ...compare, tab: t === "edit" ? undefined : t }); }} /></div>
      {tab === "edit" && (
        <div className="grid gap-5 lg:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]">
          <Panel flush className="overflow-hidden lg:h-[calc(100dvh-16rem)] lg:min-h-[28rem] lg:[&>div]:h-full">
            <EditorPane text={draft.text} readOnly={fixed !== null} schema={schema} validation={check.data} checking={checking} failed={check.error?.message ?? null} onChange={draft.set} onSave={save} />
          </Panel>
          <Panel flush title="Diagram" hint={check.data && !check.data.graph ? "as it was before the text broke" : undefined} className="lg:h-[calc(100dvh-16rem)] lg:min-h-[28rem] lg:overflow-auto">
            {graph.nodes.length > 0 ? <Suspense fallback={<Skeleton className="m-4 h-96" />}><FlowDiagram graph={graph} label={title} /></Suspense> : <p className="p-4 text-sm text-soft">It is drawn once the text can be read.</p>}
          </Panel>
        </div>
      )}
      {tab === "try" && <TryPanel key={fields.map((f) => f.name).join()} id={doc?.id ?? null} text={draft.text} dirty={draft.dirty} valid={valid} fields={fields} services={(services ?? []).map((s) => s.name)} run={doc?.allowed_actions.find((a) => a.name === "run")} onStarted={(run) => void navigate({ to: "/automation/runs/$id", params: { id: run }, search: {} })} />}
      {tab === "history" && doc && <HistoryPanel id={doc.id} draft={draft.dirty ? draft.text : null} compare={compare} blocked={fixed} onCompare={(c) => { onSearch({ tab, ...c }); }} onTake={(text) => { draft.set(text); onSearch({}); }} />}
      {saving !== null && <SaveDialog text={saving} id={doc?.id ?? null} newest={doc?.version ?? null} onClose={() => { setSaving(null); }} onSaved={onSaved} />}
    </>
  );
}
