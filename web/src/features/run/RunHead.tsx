/** What runs, where it stands, where it came from. */
import { Link } from "@tanstack/react-router";
import { ArrowLeft, CirclePause, CornerLeftUp, Hourglass, OctagonX } from "lucide-react";
import type { ReactNode } from "react";
import type { RunDetail } from "@/api/types";
import { useNow } from "@/lib/clock";
import { words } from "@/lib/format";
import { purposeWords, standsStill, workflowTitle } from "@/lib/purpose";
import { duration, toMs } from "@/lib/time";
import { Id } from "@/ui/Id";
import { PageHead } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

const strip = "mt-3 flex items-start gap-2 rounded-lg px-3 py-2 text-sm font-medium";

type Props = { run: RunDetail; /** The instant that is looked at; none for now. */ until: number | null; asked: boolean; actions: ReactNode };

export function RunHead({ run, until, asked, actions }: Props) {
  const clock = useNow();
  const now = until ?? clock;
  // What a run waits for is known of now only.
  const still = until === null ? standsStill(run) : null;
  const Still = run.held_by ? CirclePause : Hourglass;
  return (
    <>
      <Link to="/automation/runs" search={{}} className="mb-2 inline-flex min-h-6 items-center gap-1 text-xs text-faint hover:text-ink"><ArrowLeft aria-hidden className="size-3.5" />Runs</Link>
      <PageHead title={workflowTitle(run.workflow)} actions={actions}
        lead={(
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <Status kind="run" value={run.status} />
            {run.service && <Link to="/systems/$name" params={{ name: run.service }} search={{}} className="font-medium text-accent hover:underline">{run.service}</Link>}
            <span>{run.purpose.type === "incident" ? <>{words(run.purpose.class)}, <Link to="/incidents/$id" params={{ id: run.purpose.incident }} search={{}} className="text-accent underline">its incident</Link></> : purposeWords(run.purpose)}</span>
            {run.parent && <Link to="/automation/runs/$id" params={{ id: run.parent }} search={{}} className="inline-flex items-center gap-1 text-accent underline"><CornerLeftUp aria-hidden className="size-3.5" />the run that started it</Link>}
            <span className="text-faint">started <Time at={run.started_at} />, <span className="num">{run.ended_at ? `took ${duration(toMs(run.ended_at) - toMs(run.started_at))}` : `${duration(Math.max(0, now - toMs(run.started_at)))} ${until === null ? "so far" : "by then"}`}</span></span>
            <Id value={run.id} />
          </span>
        )}
      >
        {run.error && <p className={`${strip} bg-bad-soft text-bad`}><OctagonX aria-hidden className="mt-0.5 size-4 shrink-0" /><span className="wrap-anywhere first-letter:uppercase">{run.error}{run.undone && !run.error.includes("undone") ? " – what it did was undone" : ""}</span></p>}
        {still && !(run.held_by ? run.held_by.startsWith("hold:") : asked) && <p className={`${strip} ${run.held_by ? "bg-warn-soft text-warn" : "bg-accent-soft text-accent"}`}><Still aria-hidden className="mt-0.5 size-4 shrink-0" /><span className="wrap-anywhere first-letter:uppercase">{still}</span></p>}
      </PageHead>
    </>
  );
}
