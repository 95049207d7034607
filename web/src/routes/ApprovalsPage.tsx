/** Every run that asked a person: those that wait first. */
import { useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { UserCheck } from "lucide-react";
import { approvalsQuery } from "@/api/queries";
import type { ApprovalItem } from "@/api/types";
import { ActionBar } from "@/features/actions/ActionBar";
import { ApprovalRow } from "@/features/approvals/ApprovalCard";
import { AutomationTabs } from "@/features/automation/AutomationTabs";
import { plural } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Segmented } from "@/ui/Field";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

const route = getRouteApi("/app/automation/approvals");
const STATES = [["", "All"], ["pending", "Pending"], ["approved", "Approved"], ["rejected", "Rejected"], ["expired", "Expired"]] as const;

export function ApprovalsPage() {
  const { state } = route.useSearch();
  const navigate = useNavigate();
  const list = useSuspenseInfiniteQuery(approvalsQuery(state));
  const items = list.data.pages.flatMap((p) => p.items);
  const pending = items.filter((a) => a.state === "pending");
  const decided = items.filter((a) => a.state !== "pending");
  const rows = (some: readonly ApprovalItem[]) => <ul>{some.map((a) => <ApprovalRow key={a.id} approval={a} actions={<ActionBar small actions={a.allowed_actions} context={a.message} />} />)}</ul>;
  return (
    <>
      <PageHead title="Automation" lead="Runs that stopped on purpose, to ask a person." />
      <AutomationTabs />
      <div className="mb-4"><Segmented label="State" value={state ?? ""} options={STATES} onChange={(s) => void navigate({ to: "/automation/approvals", search: { state: s || undefined }, replace: true })} /></div>
      <div className="space-y-5">
        {(!state || state === "pending") && (
          <Panel flush title="Waiting for an answer" hint={pending.length > 0 ? plural(pending.length, "run waits", "runs wait") : undefined}>
            {pending.length > 0 ? rows(pending) : <Empty icon={UserCheck} title="Nobody is waited for">A workflow asks with the function <code className="font-mono text-xs">approve</code>: it names who may answer and how long there is. What it asks shows here and inside its run.</Empty>}
          </Panel>
        )}
        {state !== "pending" && (decided.length > 0 ? <Panel flush title="Answered">{rows(decided)}</Panel> : state ? <Panel><Empty icon={UserCheck} title={`No ${state} approval`}>Look at all of them instead.</Empty></Panel> : null)}
      </div>
      {list.hasNextPage && <div className="mt-4 text-center"><Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show more</Button></div>}
    </>
  );
}
