/** What a language model says of the incident: plain text, set apart from the diagnosis, each claim with what it cites. */
import { Link } from "@tanstack/react-router";
import { BotMessageSquare } from "lucide-react";
import type { ReactNode } from "react";
import type { Citation, Explanation, ModelAnswer } from "@/api/types";
import { percent, plural } from "@/lib/format";
import { bringIntoView } from "@/lib/scroll";
import { duration } from "@/lib/time";
import { Panel } from "@/ui/Panel";
import { Time } from "@/ui/Time";

type Props = { explanation: Explanation | null | undefined; /** Why nothing can be asked now. */ refusal: string | null; actions: ReactNode; onEvidence: (id: string) => void };

export function ExplanationPanel({ explanation: e, refusal, actions, onEvidence }: Props) {
  const answer = e?.answer;
  return (
    <Panel title="Explanation" hint={answer ? "written by a language model, not by the diagnosis" : undefined} actions={actions}>
      {e && <Standing explanation={e} />}
      {!e && <p className="text-sm text-soft">{refusal ? `A language model could say in words what the evidence shows; ${refusal}. Nothing else depends on it.` : "No language model was asked about this incident. What it would say decides nothing."}</p>}
      {answer && <Answer answer={answer} onEvidence={onEvidence} />}
    </Panel>
  );
}

/** Where the newest question stands, when it is not simply answered. */
function Standing({ explanation: e }: { explanation: Explanation }) {
  const older = e.answer ? " What it said before is below." : "";
  if (e.state === "asked") return <p role="status" className="text-sm text-soft">The model is asked.{older}</p>;
  if (e.state === "deferred") return <p role="status" className="text-sm text-soft">The model cannot answer now: {e.reason}. It is asked again <Time at={e.retry_at ?? e.asked_at} />.{older}</p>;
  if (e.state === "failed") return <p role="status" className="text-sm wrap-anywhere text-warn">There is no explanation: {e.reason}.{older}</p>;
  return null;
}

function Answer({ answer: a, onEvidence }: { answer: ModelAnswer; onEvidence: (id: string) => void }) {
  const dropped = a.dropped.reduce((sum, d) => sum + d.count, 0);
  const chips = (labels: readonly string[]) => labels.flatMap((l) => a.citations.filter((c) => c.label === l)).map((c) => <Chip key={c.label} citation={c} onEvidence={onEvidence} />);
  return (
    <div className="mt-2 space-y-4 text-sm first:mt-0">
      {a.question && <p className="text-soft">Asked: <q className="wrap-anywhere">{a.question}</q></p>}
      {a.summary.length > 0 && <ul className="space-y-1.5" aria-label="What happened">{a.summary.map((c, i) => <Claim key={i} text={c.text}>{chips(c.evidence)}</Claim>)}</ul>}
      {a.hypotheses.length > 0 && (
        <section>
          <h3 className="mb-1 text-xs font-semibold text-faint">Why, as the model sees it</h3>
          <ol className="space-y-1.5">
            {a.hypotheses.map((h, i) => <Claim key={i} text={h.text}>{chips(h.evidence)}<span className="text-xs text-faint">says it is {percent(h.confidence)} sure{h.cause ? "" : "; not a cause of the diagnosis"}</span></Claim>)}
          </ol>
        </section>
      )}
      {a.next_checks.length > 0 && (
        <section>
          <h3 className="mb-1 text-xs font-semibold text-faint">Worth a look</h3>
          <ul className="space-y-1.5">{a.next_checks.map((c, i) => <Claim key={i} text={c.text}>{chips(c.evidence)}</Claim>)}</ul>
        </section>
      )}
      <p className="flex flex-wrap gap-x-3 gap-y-1 border-t pt-2 text-xs text-faint">
        <span className="inline-flex items-center gap-1"><BotMessageSquare aria-hidden className="size-3.5" />{a.provider} {a.model}</span>
        <Time at={a.at} />
        <span>{plural(dropped, "claim")} dropped{dropped > 0 && `: ${a.dropped.map((d) => `${String(d.count)} ${d.reason}`).join(", ")}`}</span>
        <span>{String(a.usage.tokens_in + a.usage.tokens_out)} tokens in {duration(a.usage.took_ms)}{a.usage.cost > 0 && `, cost ${a.usage.cost.toFixed(4)}`}</span>
      </p>
    </div>
  );
}

function Claim({ text, children }: { text: string; children: ReactNode }) {
  return <li className="wrap-anywhere">{text} <span className="inline-flex flex-wrap items-center gap-1 align-middle">{children}</span></li>;
}

const CHIP = "inline-flex min-h-6 items-center rounded border bg-raised px-1.5 text-xs font-medium";

function Chip({ citation: c, onEvidence }: { citation: Citation; onEvidence: (id: string) => void }) {
  const says = `${c.label}: ${c.title}`;
  const look = `${CHIP} text-accent hover:underline`;
  switch (c.kind) {
    case "evidence": return <button type="button" className={look} title={says} aria-label={says} onClick={() => { onEvidence(c.id); }}>{c.label}</button>;
    case "finding": return <button type="button" className={look} title={says} aria-label={says} onClick={() => { const found = document.getElementById(c.id); if (found) bringIntoView(found); }}>{c.label}</button>;
    case "incident": return <Link to="/incidents/$id" params={{ id: c.id }} search={{}} className={look} title={says} aria-label={says}>{c.label}</Link>;
    case "run": return <Link to="/automation/runs/$id" params={{ id: c.id }} search={{}} className={look} title={says} aria-label={says}>{c.label}</Link>;
    case "change": return <span className={`${CHIP} text-soft`} title={says}>{c.label}: {c.title}</span>;
  }
}
