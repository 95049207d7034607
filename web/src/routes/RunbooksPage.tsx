/** What Homeostat knows how to do. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { BookOpen } from "lucide-react";
import { runbooksQuery } from "@/api/queries";
import { AutomationTabs } from "@/features/automation/AutomationTabs";
import { TrackRecord } from "@/features/automation/TrackRecord";
import { words } from "@/lib/format";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

export function RunbooksPage() {
  const { data: runbooks } = useSuspenseQuery(runbooksQuery);
  return (
    <>
      <PageHead title="Automation" lead="Knowledge pages that carry a workflow, with the record they earned." />
      <AutomationTabs />
      {runbooks.length === 0 && <Panel><Empty icon={BookOpen} title="No runbook yet">A runbook is a Markdown file with a workflow inside. Put it into the folder of runbooks; it is read at once.</Empty></Panel>}
      <ul className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
        {runbooks.map((r) => (
          <li key={r.name} data-row className="relative flex flex-col rounded-xl border bg-panel p-4 shadow-(--shadow) hover:border-line-strong">
            <h2 className="font-semibold"><Link to="/automation/runbooks/$name" params={{ name: r.name }} className="before:absolute before:inset-0">{r.title}</Link></h2>
            <p className="mt-1 flex-1 text-sm text-soft">{r.summary}</p>
            {r.handles.length > 0 && <p className="mt-3 flex flex-wrap gap-1">{r.handles.map((h) => <span key={h} className="rounded bg-raised px-1.5 py-0.5 text-xs text-soft">{words(h)}</span>)}</p>}
            <TrackRecord tracks={r.track} brief />
          </li>
        ))}
      </ul>
    </>
  );
}
