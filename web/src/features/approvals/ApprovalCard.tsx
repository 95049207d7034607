/** A run that asks a person: what, who may answer, until when; and the two buttons. */
import { Link } from "@tanstack/react-router";
import { UserRound } from "lucide-react";
import type { ReactNode } from "react";
import type { ApprovalItem } from "@/api/types";
import { useNow } from "@/lib/clock";
import { words } from "@/lib/format";
import { workflowTitle } from "@/lib/purpose";
import { duration, toMs } from "@/lib/time";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

const who = (a: ApprovalItem) => `${a.persons.length > 0 ? a.persons.join(" or ") : `a${/^[aeiou]/.test(a.role) ? "n" : ""} ${a.role}`}${a.not ? ` other than ${a.not}` : ""}`;

/** Who is asked and how long there is left. */
export function ApprovalFacts({ approval: a }: { approval: ApprovalItem }) {
  const now = useNow();
  if (a.state !== "pending") {
    return <>{a.by ? `${words(a.state)} by ${a.by}` : words(a.state)}{a.answered_at && <>, <Time at={a.answered_at} /></>}{a.note && <> – “{a.note}”</>}</>;
  }
  const left = a.expires_at ? toMs(a.expires_at) - now : null;
  return <>asks {who(a)}, since <Time at={a.asked_at} />{left !== null && <span className={left < 120_000 ? "font-medium text-bad" : ""}> · {left > 0 ? `${duration(left)} left` : "time is up"}</span>}</>;
}

/** Inside a run: there is nothing else to look at first. */
export function ApprovalCard({ approval: a, actions }: { approval: ApprovalItem; actions: ReactNode }) {
  return (
    <section aria-label="Approval" className="mb-4 flex flex-wrap items-start gap-x-4 gap-y-3 rounded-xl border border-accent/50 bg-accent-soft px-4 py-3">
      <UserRound aria-hidden className="mt-0.5 size-5 shrink-0 text-accent" />
      <div className="min-w-0 flex-1 basis-64">
        <p className="font-semibold whitespace-pre-line wrap-anywhere">{a.message}</p>
        <p className="mt-0.5 text-xs text-soft"><ApprovalFacts approval={a} /></p>
      </div>
      <span className="flex gap-2">{actions}</span>
    </section>
  );
}

/** In the list. */
export function ApprovalRow({ approval: a, actions }: { approval: ApprovalItem; actions: ReactNode }) {
  return (
    <li data-row data-approval={a.id} className="flex flex-wrap items-start gap-x-4 gap-y-2 border-b px-4 py-3 last:border-b-0">
      <span className="min-w-0 flex-1 basis-72">
        <Link to="/automation/runs/$id" params={{ id: a.run }} search={{}} className="text-sm font-medium whitespace-pre-line wrap-anywhere hover:underline">{a.message}</Link>
        <span className="mt-0.5 block text-xs text-faint">{workflowTitle(a.workflow)}{a.service ? ` · ${a.service}` : ""} · <ApprovalFacts approval={a} /></span>
      </span>
      {a.state === "pending" ? <span className="flex gap-2">{actions}</span> : <Status kind="approval" value={a.state} />}
    </li>
  );
}
