/** What the detectors and other systems said. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { FindingView } from "@/api/types";
import { percent, tie, words } from "@/lib/format";
import { conditionFor } from "@/lib/silence";
import { buttonClass } from "@/ui/Button";
import { FindingSubject, Quieted } from "@/ui/FindingNotes";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export const firingHint = (items: readonly FindingView[]) => `${String(items.filter((f) => f.state === "firing").length)} of ${String(items.length)} still firing`;

export function Findings({ items, actions }: { items: readonly FindingView[]; actions: (item: FindingView) => ReactNode }) {
  return (
    <Panel flush title="Findings" hint={firingHint(items)}>
      <ul>{items.map((f) => <FindingRow key={f.id} finding={f} actions={actions(f)} />)}</ul>
    </Panel>
  );
}

type Props = { finding: FindingView; actions: ReactNode; /** Why it is part of what it is shown in. */ why?: string; /** A box to choose it with. */ box?: ReactNode; chosen?: boolean };

export function FindingRow({ finding: f, actions, why, box, chosen }: Props) {
  return (
    <li id={f.id} className={`grid grid-cols-[auto_minmax(0,1fr)_auto] gap-x-3 border-b px-4 py-2.5 last:border-b-0 ${chosen ? "bg-accent-soft/50" : ""}`}>
      <span className="flex items-start gap-2">{box}<Status kind="severity" value={f.severity} iconOnly /></span>
      <p className="min-w-0 text-sm wrap-anywhere">{tie(f.summary)}</p>
      <span className="text-right"><Status kind="finding" value={f.state} /></span>
      <div className="col-span-2 col-start-2 min-w-0">
        {why && <p className="mt-0.5 text-xs text-soft wrap-anywhere"><span className="text-faint">Here because</span> {tie(why)}</p>}
        <Quieted reason={f.quieted} />
        {f.feedback && <p className="mt-0.5 text-xs text-soft">{f.feedback.judgement === "anomaly" ? "Worth saying" : "Not an anomaly"}, said {f.feedback.by.type === "user" || f.feedback.by.type === "token" ? f.feedback.by.name : "somebody"} <Time at={f.feedback.at} />{f.feedback.note && `: ${f.feedback.note}`}</p>}
        <p className="mt-0.5 flex flex-wrap gap-x-3 text-xs text-faint"><span>{words(f.kind)}</span><span>{f.instance ?? f.service}</span><FindingSubject subject={f.subject} />{f.subject.type !== "alert" && <span>{percent(f.score)} sure it is not normal</span>}<Time at={f.detected_at} as="clock" /></p>
      </div>
      <span className="col-span-2 col-start-2 -mx-2 flex flex-wrap gap-1 pt-0.5">{actions}{f.state === "firing" && <Link to="/detection/silences" search={{ silence: conditionFor(f) }} className={buttonClass("ghost", true)}>Silence such…</Link>}</span>
    </li>
  );
}
