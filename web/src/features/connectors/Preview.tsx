/** A file of a package, highlighted. */
import { useQuery } from "@tanstack/react-query";
import { connectorFileQuery } from "@/api/queries";
import type { ConnectorFile } from "@/api/types";
import { bytes } from "@/lib/format";
import { CodeEditor, type EditorProps } from "@/ui/CodeEditor";
import { CopyButton } from "@/ui/CopyButton";
import { ErrorView, Skeleton } from "@/ui/States";

const LANGUAGES: Record<string, EditorProps["language"]> = { typescript: "typescript", javascript: "typescript", markdown: "markdown", json: "yaml" };

export function Preview({ connector, file }: { connector: string; file: ConnectorFile }) {
  const { data, error, refetch } = useQuery({ ...connectorFileQuery(connector, file.path), throwOnError: false });
  return (
    <div className="flex min-h-0 min-w-0 flex-col">
      <header className="flex min-h-11 items-center gap-3 border-b px-4 py-1.5">
        <h3 className="min-w-0 truncate font-mono text-xs font-medium">{file.path}</h3>
        <span className="num text-xs text-faint">{bytes(file.bytes)}</span>
        {data !== undefined && <span className="ml-auto"><CopyButton label="Copy" text={data} /></span>}
      </header>
      {error ? <div className="p-4"><ErrorView error={error} retry={() => void refetch()} /></div>
        : data === undefined ? <Skeleton className="m-4 h-64" />
        : <CodeEditor key={file.path} readOnly label={file.path} value={data} language={LANGUAGES[file.language] ?? "text"} className="h-[60vh] min-h-80 w-full lg:h-[calc(100dvh-21rem)]" />}
    </div>
  );
}
