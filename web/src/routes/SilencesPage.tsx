/** What people keep quiet and put together: silences, the rules in force, and a try of others on what happened. */
import { useSuspenseInfiniteQuery, useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { BellOff } from "lucide-react";
import { useRefusal } from "@/api/may";
import { silencesQuery, triageQuery } from "@/api/queries";
import { ActionBar } from "@/features/actions/ActionBar";
import { DetectionTabs } from "@/features/detection/DetectionTabs";
import { NewSilence } from "@/features/silences/NewSilence";
import { RuleList } from "@/features/silences/RuleList";
import { SilenceList } from "@/features/silences/SilenceList";
import { TryRules } from "@/features/silences/TryRules";
import { Button } from "@/ui/Button";
import { PageHead, Panel } from "@/ui/Panel";

const route = getRouteApi("/app/detection/silences");

export function SilencesPage() {
  const { silence } = route.useSearch();
  const navigate = useNavigate();
  const list = useSuspenseInfiniteQuery({ ...silencesQuery, refetchInterval: 15_000 });
  const { data: triage } = useSuspenseQuery(triageQuery);
  const refused = useRefusal("create_silence", "silence findings");
  const items = list.data.pages.flatMap((p) => p.items);
  const show = (condition: string | undefined) => void navigate({ to: "/detection/silences", search: condition === undefined ? {} : { silence: condition }, replace: true, resetScroll: false });
  const active = items.filter((s) => s.state === "active").length;
  return (
    <>
      <PageHead title="Detection" lead="What may not open an incident, what belongs together, and what comes first." />
      <DetectionTabs />
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1.1fr)_minmax(0,1fr)]">
        <div className="min-w-0 space-y-5">
          <Panel flush title="Silences" hint={active > 0 ? `${String(active)} in force` : undefined} actions={<Button small icon={BellOff} disabledReason={refused} onClick={() => { show(""); }}>New silence</Button>}>
            <SilenceList items={items} actions={(s) => <ActionBar small actions={s.allowed_actions} context={s.reason} />} />
          </Panel>
          {list.hasNextPage && <div className="text-center"><Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show more</Button></div>}
          <RuleList triage={triage} />
        </div>
        <TryRules />
      </div>
      {silence !== undefined && !refused && <NewSilence start={silence} onClose={() => { show(undefined); }} />}
    </>
  );
}
