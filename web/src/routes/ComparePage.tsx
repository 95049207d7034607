/** Two documents: what changed from one to the other, what that breaks, which version comes next. */
import { useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { GitCompareArrows } from "lucide-react";
import { useState } from "react";
import { useDiffConnectors } from "@/api/actions";
import { useRefusal } from "@/api/may";
import { connectorSamplesQuery, sampleTextQuery } from "@/api/queries";
import { Changes } from "@/features/connectors/Changes";
import { Command } from "@/features/connectors/Command";
import { ConnectorTabs } from "@/features/connectors/ConnectorTabs";
import { SourceField } from "@/features/connectors/SourceField";
import { diffCommand } from "@/lib/connector-command";
import { NO_SOURCE, readSource, type SourceDraft } from "@/lib/connector-source";
import { Button } from "@/ui/Button";
import { Select } from "@/ui/Field";
import { PageHead, Panel } from "@/ui/Panel";

type Side = "old" | "new";
type Place = { line: number; column: number };
const SIDES = [["old", "Before"], ["new", "After"]] as const;

export function ComparePage() {
  const client = useQueryClient();
  const { data: samples } = useSuspenseQuery(connectorSamplesQuery);
  const [drafts, setDrafts] = useState<Record<Side, SourceDraft>>({ old: NO_SOURCE, new: NO_SOURCE });
  const [goTo, setGoTo] = useState<Partial<Record<Side, Place>>>({});
  const diff = useDiffConnectors();
  const refused = useRefusal("diff_connectors", "compare documents");
  const set = (side: Side, draft: SourceDraft) => { setDrafts((old) => ({ ...old, [side]: draft })); };
  const open = async (side: Side, name: string) => { set(side, { ...NO_SOURCE, text: await client.fetchQuery(sampleTextQuery(name)), file: `${name}.yaml` }); };
  const [before, after] = [readSource(drafts.old), readSource(drafts.new)];
  const lacks = "lacks" in before ? `before: ${before.lacks}` : "lacks" in after ? `after: ${after.lacks}` : null;
  const detail = (diff.error as { detail?: string } | null)?.detail;
  return (
    <>
      <PageHead title="Connectors" lead="What changed from one document to the next, what it breaks, and which version it needs." />
      <ConnectorTabs at="/connectors/compare" />
      <div className="mb-5 grid gap-5 lg:grid-cols-2">
        {SIDES.map(([side, title]) => (
          <SourceField
            key={side} title={title} value={drafts[side]} onChange={(draft) => { set(side, draft); }} goTo={goTo[side] ?? null} height="h-72"
            more={<Select hideLabel label={`${title}: sample`} value="" options={[["", "Sample…"], ...samples.map((s) => [s.name, s.title] as const)]} onChange={(e) => { if (e.target.value) void open(side, e.target.value); }} />}
          />
        ))}
      </div>
      <Panel flush className="mb-5 overflow-hidden">
        <div className="flex flex-wrap items-center gap-3 px-4 py-3">
          <Button look="primary" icon={GitCompareArrows} busy={diff.isPending} disabledReason={refused ?? lacks} onClick={() => { if ("source" in before && "source" in after) diff.mutate({ old: before.source, new: after.source }); }}>Compare</Button>
          {diff.error && <p role="alert" className="min-w-0 flex-1 text-sm text-bad wrap-anywhere">{detail ?? diff.error.message}</p>}
        </div>
        {"source" in before && "source" in after && <Command text={diffCommand(before.source, after.source)} />}
      </Panel>
      {diff.data && !diff.error && <Changes diff={diff.data} onGo={(side, at) => { setGoTo((old) => ({ ...old, [side]: { line: at.line, column: at.column } })); }} />}
    </>
  );
}
