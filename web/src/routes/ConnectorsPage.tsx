/** Connectors: OpenAPI documents as TypeScript packages. Samples, one's own document, what was made lately. */
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { PackagePlus } from "lucide-react";
import { useState } from "react";
import { useCreateConnector } from "@/api/actions";
import { useRefusal } from "@/api/may";
import { connectorSamplesQuery, connectorsQuery, sampleTextQuery } from "@/api/queries";
import type { ConnectorOptions } from "@/api/types";
import { Command } from "@/features/connectors/Command";
import { ConnectorTabs } from "@/features/connectors/ConnectorTabs";
import { OptionsForm } from "@/features/connectors/OptionsForm";
import { Recent } from "@/features/connectors/Recent";
import { Samples } from "@/features/connectors/Samples";
import { SourceField } from "@/features/connectors/SourceField";
import { connectCommand } from "@/lib/connector-command";
import { NO_SOURCE, readSource, rememberSource, type Source, type SourceDraft } from "@/lib/connector-source";
import { Button } from "@/ui/Button";
import { PageHead } from "@/ui/Panel";

const route = getRouteApi("/app/connectors");

export function ConnectorsPage() {
  const { sample } = route.useSearch();
  const navigate = useNavigate();
  const { data: samples } = useSuspenseQuery(connectorSamplesQuery);
  const { data: recent } = useSuspenseQuery(connectorsQuery);
  const opened = useQuery({ ...sampleTextQuery(sample ?? ""), enabled: sample !== undefined, throwOnError: false });
  const [written, setWritten] = useState<SourceDraft | null>(null);
  const [options, setOptions] = useState<ConnectorOptions>({ license: "MIT" });
  const create = useCreateConnector();
  const refused = useRefusal("create_connector", "make packages");

  // A sample that was opened stands there until something is written.
  const [of, setOf] = useState(sample);
  if (of !== sample) { setOf(sample); setWritten(null); }
  const draft = written ?? (sample && opened.data !== undefined ? { ...NO_SOURCE, text: opened.data, file: `${sample}.yaml` } : NO_SOURCE);
  const read = readSource(draft);
  const make = (source: Source) => {
    create.mutate({ source, options }, { onSuccess: ({ id }) => { rememberSource(id, source); void navigate({ to: "/connectors/$id", params: { id }, search: {} }); } });
  };
  const making = create.isPending && "sample" in create.variables.source ? (create.variables.source.sample ?? null) : null;
  const detail = (create.error as { detail?: string } | null)?.detail;
  return (
    <>
      <PageHead title="Connectors" lead="An OpenAPI document goes in; a TypeScript package comes out that you would have written yourself." />
      <ConnectorTabs at="/connectors" />
      <Samples samples={samples} open={sample} making={making} refused={refused} onMake={(name) => { make({ sample: name }); }} />
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1.6fr)_minmax(0,1fr)]">
        <SourceField title="Your document" value={draft} onChange={setWritten}>
          <OptionsForm value={options} onChange={setOptions} />
          <div className="flex flex-wrap items-center gap-3 border-t px-4 py-3">
            <Button look="primary" icon={PackagePlus} busy={create.isPending} disabledReason={refused ?? ("lacks" in read ? read.lacks : null)} onClick={() => { if ("source" in read) make(read.source); }}>Make package</Button>
            {create.error && <p role="alert" className="min-w-0 flex-1 text-sm text-bad wrap-anywhere">{detail ?? create.error.message}</p>}
          </div>
          <Command text={connectCommand("source" in read ? read.source : { text: "" }, options)} />
        </SourceField>
        <Recent items={recent} />
      </div>
    </>
  );
}
