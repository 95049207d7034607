/** Stored signals once more under other settings: what would have been said, and what would not. */
import { useState } from "react";
import { useReplay } from "@/api/actions";
import type { AllowedAction, Finding } from "@/api/types";
import { changedSettings, settingWords } from "@/lib/detection-settings";
import { count, plural, tie, words } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Segmented, Switch, TextField } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

const HOUR = 3_600_000;
const SPANS = [["1", "1 hour"], ["6", "6 hours"], ["24", "1 day"]] as const;

export function Replay({ settings, actions }: { settings: Record<string, unknown>; actions: readonly AllowedAction[] }) {
  const [hours, setHours] = useState<(typeof SPANS)[number][0]>("1");
  const [texts, setTexts] = useState<Record<string, string | boolean>>({});
  const replay = useReplay();
  const offered = actions.find((a) => a.name === "replay");
  const { changes, fault } = changedSettings(settings, texts);
  const start = () => {
    const to = Date.now();
    replay.mutate({ from: new Date(to - Number(hours) * HOUR).toISOString(), to: new Date(to).toISOString(), settings: changes });
  };
  return (
    <Panel title="Replay under other settings" hint="stored metrics, log lines and spans; nothing is changed">
      <form className="space-y-4" onSubmit={(e) => { e.preventDefault(); start(); }}>
        <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
          {Object.entries(settings).filter(([name]) => !name.startsWith("max_")).map(([name, value]) => (typeof value === "boolean" ? (
            <Switch key={name} label={settingWords(name)} checked={(texts[name] as boolean | undefined) ?? value} onChange={(on) => { setTexts((old) => ({ ...old, [name]: on })); }} />
          ) : (
            <TextField key={name} label={settingWords(name)} inputMode="decimal" value={(texts[name] as string | undefined) ?? String(value)} onChange={(e) => { setTexts((old) => ({ ...old, [name]: e.target.value })); }} />
          )))}
        </div>
        <div className="flex flex-wrap items-center gap-3">
          <Segmented label="How far back" value={hours} options={SPANS} onChange={setHours} />
          <Button type="submit" look="primary" busy={replay.isPending} disabledReason={offered && !offered.allowed ? (offered.reason ?? "not allowed now") : fault} onClick={start}>Replay</Button>
          <span className="text-xs text-faint">{Object.keys(changes).length > 0 ? `${plural(Object.keys(changes).length, "setting")} changed` : "no setting changed yet: both sides will agree"}</span>
        </div>
      </form>
      <div role="status" className="mt-4">
        {replay.error && <p className="text-sm text-bad">{replay.error.message}. {(replay.error as { detail?: string }).detail}</p>}
        {replay.data && (
          <>
            <p className="text-sm text-soft">{plural(replay.data.signals, "signal")} from <Time at={replay.data.from} as="clock" /> to <Time at={replay.data.to} as="clock" />: {plural(replay.data.both.length, "finding")} under both settings, {count(replay.data.only_then.length)} only under the changed ones, {count(replay.data.only_now.length)} no longer.{replay.data.cut && " Time ran out before the end; ask for a shorter time."}</p>
            <Side title="Only under the changed settings" items={replay.data.only_then} />
            <Side title="No longer said" items={replay.data.only_now} />
          </>
        )}
      </div>
    </Panel>
  );
}

function Side({ title, items }: { title: string; items: readonly Finding[] }) {
  if (items.length === 0) return null;
  return (
    <section className="mt-3">
      <h3 className="text-xs font-semibold text-soft">{title}</h3>
      <ul className="mt-1 space-y-1">
        {items.slice(0, 50).map((f) => <li key={f.id} className="flex min-w-0 items-baseline gap-2 text-sm"><Status kind="severity" value={f.severity} iconOnly /><span className="min-w-0 wrap-anywhere">{f.service}: {tie(f.summary)} <span className="text-xs text-faint">{words(f.kind)} <Time at={f.detected_at} as="clock" /></span></span></li>)}
      </ul>
      {items.length > 50 && <p className="mt-1 text-xs text-faint">and {count(items.length - 50)} more</p>}
    </section>
  );
}
