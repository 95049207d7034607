/** A run that asks a person: what, who may answer, until when; and the two buttons. */
import { Link } from "@tanstack/react-router";
import { UserRound } from "lucide-react";
import type { ReactNode } from "react";
import type { Approval } from "@/api/workflow-types";
import { useNow } from "@/lib/clock";
import { words } from "@/lib/format";
import { duration, toMs } from "@/lib/time";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

const who = (a: Approval) => (a.people.length > 0 ? a.people.join(" or ") : `a${/^[aeiou]/.test(a.role) ? "n" : ""} ${a.role}`);

/** Who is asked and how long there is left. */
export function ApprovalFacts({ approval: a }: { approval: Approval }) {
  const now = useNow();
  if (a.state !== "pending") {
    return <>{a.decided_by ? `${words(a.state)} by ${a.decided_by}` : words(a.state)}{a.decided_at && <>, <Time at={a.decided_at} /></>}{a.note && <> – “{a.note}”</>}</>;
  }
  const left = a.until ? toMs(a.until) - now : null;
  return <>asks {who(a)}, since <Time at={a.asked_at} />{left !== null && <span className={left < 120_000 ? "font-medium text-bad" : ""}> · {left > 0 ? `${duration(left)} left` : "time is up"}</span>}</>;
}

/** Inside a run: there is nothing else to look at first. */
export function ApprovalCard({ approval: a, actions }: { approval: Approval; actions: ReactNode }) {
  return (
    <section aria-label="Approval" className="mb-4 flex flex-wrap items-start gap-x-4 gap-y-3 rounded-xl border border-accent/50 bg-accent-soft px-4 py-3">
      <UserRound aria-hidden className="mt-0.5 size-5 shrink-0 text-accent" />
      <div className="min-w-0 flex-1 basis-64">
        <p className="font-semibold">{a.title}</p>
        {a.detail && <p className="text-sm whitespace-pre-line text-soft">{a.detail}</p>}
        <p className="mt-0.5 text-xs text-soft"><ApprovalFacts approval={a} /></p>
      </div>
      <span className="flex gap-2">{actions}</span>
    </section>
  );
}

/** In the list. */
export function ApprovalRow({ approval: a, actions }: { approval: Approval; actions: ReactNode }) {
  return (
    <li data-row data-approval={a.id} className="flex flex-wrap items-start gap-x-4 gap-y-2 border-b px-4 py-3 last:border-b-0">
      <span className="min-w-0 flex-1 basis-72">
        <Link to="/automation/runs/$id" params={{ id: a.run }} search={{ step: a.step }} className="text-sm font-medium hover:underline">{a.title}</Link>
        {a.detail && <span className="block text-sm whitespace-pre-line text-soft">{a.detail}</span>}
        <span className="mt-0.5 block text-xs text-faint">{words(a.workflow)}{a.service ? ` · ${a.service}` : ""} · <ApprovalFacts approval={a} /></span>
      </span>
      {a.state === "pending" ? <span className="flex gap-2">{actions}</span> : <Status kind="approval" value={a.state} />}
    </li>
  );
}
