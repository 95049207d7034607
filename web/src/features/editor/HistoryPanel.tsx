/** The versions of a workflow, and what differs between any two of them. */
import { useQuery } from "@tanstack/react-query";
import { GitCompareArrows, RotateCcw } from "lucide-react";
import { versionsQuery } from "@/api/queries";
import { Button } from "@/ui/Button";
import { CodeDiff } from "@/ui/CodeEditor";
import { Segmented, Select } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { Empty, ErrorView, Skeleton } from "@/ui/States";
import { Time } from "@/ui/Time";

export type Compare = { left?: string; right?: string; layout?: "unified" | "side" };
type Props = { id: string; draft: string | null; compare: Compare; blocked: string | null; onCompare: (c: Compare) => void; onTake: (source: string) => void };
const DRAFT = "draft";

export function HistoryPanel({ id, draft, compare, blocked, onCompare, onTake }: Props) {
  const { data: versions, error } = useQuery({ ...versionsQuery(id), throwOnError: false });
  // A draft that was saved or thrown away meanwhile is one that nobody chose.
  const chosen = (which: string | undefined) => (which === DRAFT && draft === null ? undefined : which);
  const right = chosen(compare.right) ?? (draft === null ? versions?.[0]?.version : DRAFT);
  const left = chosen(compare.left) ?? versions?.find((v) => v.version !== right)?.version ?? right;
  if (error) return <ErrorView error={error} />;
  if (!versions) return <Skeleton className="h-64 w-full" />;
  // Two texts beside each other need room; who asks for it gets it.
  const sideBySide = compare.layout ? compare.layout === "side" : window.matchMedia("(min-width: 48rem)").matches;
  const textOf = (which: string | undefined) => (which === DRAFT ? draft : (versions.find((v) => v.version === which)?.source ?? null));
  const [before, after] = [textOf(left), textOf(right)];
  const options = [...(draft === null ? [] : [[DRAFT, "your draft"] as const]), ...versions.map((v) => [v.version, v.current ? `${v.version} (newest)` : v.version] as const)];
  return (
    <div className="grid items-start gap-5 lg:grid-cols-[17rem_minmax(0,1fr)]">
      <Panel flush title="Versions">
        <ol>
          {versions.map((v) => (
            <li key={v.version} className={`flex items-center gap-2 border-b px-4 py-2 last:border-b-0 ${v.version === right ? "bg-accent-soft/60" : ""}`}>
              <button type="button" onClick={() => { onCompare({ ...compare, left: versions[versions.indexOf(v) + 1]?.version ?? v.version, right: v.version }); }} className="min-w-0 flex-1 text-left">
                <span className="num text-sm font-medium">{v.version}{v.current && <span className="ml-2 rounded-full bg-ok-soft px-1.5 text-xs font-medium text-ok">newest</span>}</span>
                <span className="block text-xs text-faint">{v.by ?? "shipped"}{v.at && <> <Time at={v.at} /></>}</span>
              </button>
            </li>
          ))}
        </ol>
      </Panel>
      <Panel flush title="What changed" actions={<Segmented label="Layout" value={sideBySide ? "side" : "unified"} options={[["side", "Side by side"], ["unified", "In one"]]} onChange={(l) => { onCompare({ ...compare, layout: l }); }} />}>
        {versions.length < 2 && draft === null ? <Empty icon={GitCompareArrows} title="There is one version">Each time it is saved, a version is added; what changed between any two shows here.</Empty> : (
          <div className="p-4">
            <div className="mb-3 flex flex-wrap items-end gap-2">
              <Select label="From" value={left ?? ""} onChange={(e) => { onCompare({ ...compare, left: e.target.value }); }} options={options} />
              <Select label="To" value={right ?? ""} onChange={(e) => { onCompare({ ...compare, left, right: e.target.value }); }} options={options} />
              <span className="ml-auto"><Button small icon={RotateCcw} disabledReason={blocked ?? (right === DRAFT ? "this is your draft already" : null)} onClick={() => { if (after !== null) onTake(after); }}>Take {right === DRAFT ? "it" : right} into the editor</Button></span>
            </div>
            {before === null || after === null ? <p className="text-sm text-soft">One of these versions is not there any more. Choose another.</p>
              : before === after ? <p className="text-sm text-soft">They are the same.</p>
              : <CodeDiff key={`${left ?? ""}${right ?? ""}${String(sideBySide)}`} label={`${left ?? ""} and ${right ?? ""}`} before={before} after={after} sideBySide={sideBySide} />}
          </div>
        )}
      </Panel>
    </div>
  );
}
