/** One connector: its files to look at and take along, its document with what was noticed in it. */
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import clsx from "clsx";
import { Download } from "lucide-react";
import { useCreateConnector } from "@/api/actions";
import { url } from "@/api/client";
import { useRefusal } from "@/api/may";
import { connectorQuery, sampleTextQuery } from "@/api/queries";
import { Command } from "@/features/connectors/Command";
import { ConnectorTabs } from "@/features/connectors/ConnectorTabs";
import { DocumentPane } from "@/features/connectors/DocumentPane";
import { FileTree } from "@/features/connectors/FileTree";
import { Making } from "@/features/connectors/Making";
import { Preview } from "@/features/connectors/Preview";
import { connectCommand } from "@/lib/connector-command";
import { recallSource, rememberSource, sourceName, type Source } from "@/lib/connector-source";
import { firstFile } from "@/lib/file-tree";
import { count, plural } from "@/lib/format";
import { duration } from "@/lib/time";
import { buttonClass } from "@/ui/Button";
import { PageHead, Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

const route = getRouteApi("/app/connectors/$id");

export function ConnectorPage() {
  const { id } = route.useParams();
  const { path, view } = route.useSearch();
  const navigate = useNavigate();
  const { data: c } = useSuspenseQuery(connectorQuery(id));
  const create = useCreateConnector();
  const refused = useRefusal("create_connector", "make packages");
  const source = recallSource(id);
  const sample = useQuery({ ...sampleTextQuery(source && "sample" in source ? source.sample : ""), enabled: source !== null && "sample" in source, throwOnError: false });
  const text = source === null ? null : "text" in source ? source.text : (sample.data ?? null);
  const file = c.files.find((f) => f.path === (path ?? firstFile(c.files)));
  const go = (search: { path?: string; view?: "document" }) => void navigate({ to: "/connectors/$id", params: { id }, search, replace: true, resetScroll: false });
  const makeAgain = (next: string) => {
    const again: Source = { text: next, ...(source ? { file: sourceName(source) } : {}) };
    create.mutate({ source: again, options: c.options }, { onSuccess: (made) => { rememberSource(made.id, again); void navigate({ to: "/connectors/$id", params: { id: made.id }, search: { view: "document" } }); } });
  };
  const shownDocument = view === "document" || c.state === "failed";
  return (
    <>
      <PageHead
        title={<span className="flex flex-wrap items-center gap-x-3 gap-y-1">{c.package || c.title || "A new package"}<Status kind="connector" value={c.state} /></span>}
        lead={<span className="num">{c.title && <>{c.title} {c.version} · {plural(c.operations, "operation")} · {plural(c.schemas, "schema")} · made in {duration(c.took_ms)} · </>}<Time at={c.created_at} /> by {c.by}</span>}
        actions={c.state === "ready" && <a href={url(`/connectors/${encodeURIComponent(id)}/package.zip`)} download className={buttonClass("primary")}><Download aria-hidden className="size-4" />Download zip</a>}
      />
      <ConnectorTabs at="/connectors" />
      <Making connector={c} />
      {(c.state === "ready" || c.state === "failed") && (
        <>
          {c.state === "ready" && (
            <nav aria-label="Parts" className="mb-4 inline-flex rounded-md border bg-raised p-0.5">
              <Part id={id} on={!shownDocument} search={{}}>Files <span className="num text-faint">{count(c.files.length)}</span></Part>
              <Part id={id} on={shownDocument} search={{ view: "document" }}>Document and diagnostics <span className="num text-faint">{count(c.diagnostics.length)}</span></Part>
            </nav>
          )}
          {shownDocument ? <DocumentPane key={`${id} ${String(text === null)}`} connector={c} text={text} busy={create.isPending} refused={refused} onMake={makeAgain} /> : (
            <Panel flush className="overflow-hidden">
              <div className="grid lg:grid-cols-[17rem_minmax(0,1fr)]">
                <FileTree key={id} files={c.files} chosen={file?.path} onChoose={(chosen) => { go({ path: chosen }); }} className="max-h-64 border-b py-2 lg:max-h-[calc(100dvh-18.25rem)] lg:border-r lg:border-b-0" />
                {file && <Preview connector={id} file={file} />}
              </div>
              {source && <Command text={connectCommand(source, c.options, c.package || undefined)} />}
            </Panel>
          )}
        </>
      )}
    </>
  );
}

function Part({ id, on, search, children }: { id: string; on: boolean; search: { view?: "document" }; children: React.ReactNode }) {
  return <Link to="/connectors/$id" params={{ id }} search={search} replace resetScroll={false} aria-current={on ? "page" : undefined} className={clsx("flex h-6.5 items-center gap-1.5 rounded-[5px] px-2.5 text-xs font-medium whitespace-nowrap", on ? "bg-panel text-ink shadow-(--shadow)" : "text-soft hover:text-ink")}>{children}</Link>;
}
