/** The life line of an incident: which stages it went through, when, and how long each took. */
import { toMs } from "./time";

export type Stage = { name: string; at: number | null; ms: number | null; state: "done" | "current" | "ahead" };

type Life = {
  status: string;
  started_at: string;
  opened_at: string;
  acknowledged_at?: string | null;
  resolved_at?: string | null;
  timeline: readonly { at: string; kind: string; text: string }[];
};

const ORDER = ["open", "acknowledged", "mitigating", "verifying", "resolved"];

/** The run that works on it, as far as its steps tell when checking began. */
type Work = { started_at: string; steps: readonly { call?: string | null; kind: string; started_at: string }[] };

/** When the status became `name`, as the timeline tells it. */
function entered(life: Life, name: string): number | null {
  const entry = life.timeline.find((e) => e.kind === "status" && e.text.toLowerCase().includes(name));
  return entry ? toMs(entry.at) : null;
}

/** Stages in order. Acknowledged shows only when it happened; a stage that was skipped on the way is left out. */
export function lifeLine(life: Life, now: number, runs: readonly Work[] = []): Stage[] {
  const run = runs.at(-1);
  const check = run?.steps.findLast((s) => (s.call ?? s.kind).startsWith("verify"));
  const verifying = life.status === "verifying" || life.status === "resolved" ? check?.started_at : undefined;
  const resolved = life.resolved_at ? toMs(life.resolved_at) : null;
  const times: [string, number | null][] = [
    ["started", toMs(life.started_at)],
    ["open", toMs(life.opened_at)],
    ["acknowledged", life.acknowledged_at ? toMs(life.acknowledged_at) : null],
    ["mitigating", entered(life, "mitigating") ?? (run ? toMs(run.started_at) : null)],
    ["verifying", entered(life, "verifying") ?? (verifying ? toMs(verifying) : null)],
    ["resolved", resolved],
  ];
  const current = ORDER.indexOf(life.status);
  const shown = times.filter(([name, at]) => at !== null || (name !== "acknowledged" && ORDER.indexOf(name) >= current));
  const reached = shown.filter((s): s is [string, number] => s[1] !== null).sort((a, b) => a[1] - b[1]);
  const ahead = shown.filter((s) => s[1] === null && s[0] !== life.status);
  const stages: Stage[] = reached.map(([name, at], i) => {
    const next = reached[i + 1]?.[1];
    const last = i === reached.length - 1;
    return {
      name,
      at,
      ms: next !== undefined ? next - at : resolved === null ? Math.max(0, now - at) : null,
      state: last && resolved === null ? "current" : "done",
    };
  });
  return [...stages, ...ahead.map(([name]): Stage => ({ name, at: null, ms: null, state: "ahead" }))];
}
