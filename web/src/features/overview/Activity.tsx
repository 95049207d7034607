/** What the loop does, as it does it. */
import type { ActivityEntry } from "@/api/types";
import { Panel } from "@/ui/Panel";
import { Timeline } from "@/ui/Timeline";

export function Activity({ items }: { items: readonly ActivityEntry[] }) {
  const shown = items.slice(0, 18).map((e) => ({ ...e, context: e.incident_title }));
  return (
    <Panel title="Live activity" hint="newest first">
      {items.length > 0 ? <Timeline items={shown} /> : <p className="text-sm text-soft">Findings, diagnoses, decisions and runs show here as they happen.</p>}
    </Panel>
  );
}
