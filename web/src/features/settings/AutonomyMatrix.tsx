/** How far automation may go, per service and action. The most specific grant wins; of two alike, the more careful. */
import { useQuery } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useSaveAutonomy } from "@/api/actions";
import { useRefusal } from "@/api/may";
import { autonomyQuery, runbooksQuery, servicesQuery } from "@/api/queries";
import type { Autonomy, AutonomyGrant } from "@/api/types";
import { words } from "@/lib/format";
import { Button, IconButton } from "@/ui/Button";
import { Segmented, Select } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { ErrorView, Skeleton } from "@/ui/States";

const LEVELS: readonly Autonomy[] = ["observe", "propose", "approve", "auto"];
const MEANS: Record<Autonomy, string> = { observe: "look only", propose: "say what it would do", approve: "do it once a person agreed", auto: "do it" };

export function AutonomyMatrix() {
  const { data: saved, error } = useQuery({ ...autonomyQuery, throwOnError: false });
  const refused = useRefusal("update_autonomy", "change autonomy");
  const { data: services } = useQuery(servicesQuery);
  const { data: runbooks } = useQuery(runbooksQuery);
  const [draft, setDraft] = useState<AutonomyGrant[] | null>(null);
  const save = useSaveAutonomy();
  if (error) return <ErrorView error={error} />;
  if (!saved) return <Skeleton className="h-64 w-full" />;
  const grants = draft ?? saved;
  const change = (i: number, part: Partial<AutonomyGrant>) => { setDraft(grants.map((g, k) => (k === i ? { ...g, ...part } : g))); };
  const any = (what: string, names: readonly string[], current: string) => [["*", `Any ${what}`], ...[...new Set([...names, current])].filter((n) => n !== "*").toSorted().map((n) => [n, n] as const)] as const;
  const actions = (runbooks ?? []).flatMap((r) => r.actions);
  const twice = grants.some((g, i) => grants.findIndex((o) => o.service === g.service && o.action === g.action) !== i);
  const blocked = refused ?? (!draft ? "nothing was changed" : twice ? "two grants are for the same service and action" : null);
  return (
    <Panel flush title="Autonomy" hint="the most specific grant wins; of two alike, the more careful"
      actions={<>{draft && <Button small onClick={() => { setDraft(null); }}>Discard</Button>}<Button small look="primary" busy={save.isPending} disabledReason={blocked} onClick={() => { save.mutate(grants, { onSuccess: () => { setDraft(null); } }); }}>Save</Button></>}>
      <dl className="flex flex-wrap gap-x-5 gap-y-1 border-b px-4 py-2 text-xs text-faint">{LEVELS.map((l) => <div key={l} className="flex gap-1"><dt className="font-medium text-soft">{words(l)}:</dt><dd>{MEANS[l]}</dd></div>)}</dl>
      <ul>
        {grants.map((g, i) => (
          <li key={i} className="flex flex-wrap items-center gap-2 border-b px-4 py-2.5">
            <Select hideLabel label={`Service of grant ${String(i + 1)}`} value={g.service} onChange={(e) => { change(i, { service: e.target.value }); }} options={any("service", (services ?? []).map((s) => s.name), g.service)} />
            <Select hideLabel label={`Action of grant ${String(i + 1)}`} value={g.action} onChange={(e) => { change(i, { action: e.target.value }); }} options={any("action", actions, g.action)} />
            <div className="flex items-center gap-2 sm:ml-auto">
              <Segmented label={`Level of grant ${String(i + 1)}`} value={g.level} options={LEVELS.map((l) => [l, words(l)] as const)} onChange={(level) => { change(i, { level }); }} />
              <IconButton label={`Remove grant ${String(i + 1)}`} icon={Trash2} onClick={() => { setDraft(grants.filter((_, k) => k !== i)); }} />
            </div>
          </li>
        ))}
      </ul>
      <div className="flex flex-wrap items-center gap-3 px-4 py-2.5"><Button small icon={Plus} onClick={() => { setDraft([...grants, { service: "*", action: "*", level: "propose" }]); }}>Add a grant</Button>{save.error && <span role="alert" className="text-sm text-bad">{save.error.message}</span>}</div>
    </Panel>
  );
}
