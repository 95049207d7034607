/** When workflows start by themselves. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CalendarClock } from "lucide-react";
import { schedulesQuery } from "@/api/queries";
import { ActionBar } from "@/features/actions/ActionBar";
import { AutomationTabs } from "@/features/automation/AutomationTabs";
import { ScheduleTable } from "@/features/schedules/ScheduleTable";
import { workflowTitle } from "@/lib/purpose";
import { buttonClass } from "@/ui/Button";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

export function SchedulesPage() {
  const { data: schedules } = useSuspenseQuery({ ...schedulesQuery, refetchInterval: 30_000 });
  return (
    <>
      <PageHead title="Automation" lead="When workflows start by themselves: at set times, at intervals, on events." />
      <AutomationTabs />
      <Panel flush>
        {schedules.length > 0 ? <ScheduleTable items={schedules} actions={(s) => <ActionBar small actions={s.allowed_actions} context={workflowTitle(s.workflow)} />} /> : (
          <Empty icon={CalendarClock} title="Nothing starts by itself yet" action={<Link to="/automation/workflows" className={buttonClass("secondary")}>Look at the workflows</Link>}>
            Add <code className="font-mono text-xs">schedule</code> to a workflow with <code className="font-mono text-xs">cron</code>, <code className="font-mono text-xs">every</code>, <code className="font-mono text-xs">after</code> or <code className="font-mono text-xs">on</code>; its next times show here.
          </Empty>
        )}
      </Panel>
    </>
  );
}
