/** What the detectors said. */
import type { ReactNode } from "react";
import type { FindingView } from "@/api/types";
import { percent, tie, words } from "@/lib/format";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function Findings({ items, actions }: { items: readonly FindingView[]; actions: (item: FindingView) => ReactNode }) {
  return (
    <Panel flush title="Findings" hint={`${String(items.filter((f) => f.state === "firing").length)} of ${String(items.length)} still firing`}>
      <ul>
        {items.map((f) => (
          <li key={f.id} id={f.id} className="grid grid-cols-[auto_minmax(0,1fr)_auto] gap-x-3 border-b px-4 py-2.5 last:border-b-0">
            <span><Status kind="severity" value={f.severity} iconOnly /></span>
            <div className="min-w-0">
              <p className="text-sm wrap-anywhere">{tie(f.summary)}</p>
              {f.feedback && <p className="mt-0.5 text-xs text-soft">{f.feedback.judgement === "anomaly" ? "Worth saying" : "Not an anomaly"}, said {f.feedback.by.type === "user" || f.feedback.by.type === "token" ? f.feedback.by.name : "somebody"} <Time at={f.feedback.at} />{f.feedback.note && `: ${f.feedback.note}`}</p>}
              <p className="mt-0.5 flex flex-wrap gap-x-3 text-xs text-faint"><span>{words(f.kind)}</span><span>{f.instance ?? f.service}</span><span>{percent(f.score)} sure it is not normal</span><Time at={f.detected_at} as="clock" /></p>
            </div>
            <span className="flex flex-col items-end gap-1"><Status kind="finding" value={f.state} /><span className="flex flex-wrap justify-end gap-1">{actions(f)}</span></span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
