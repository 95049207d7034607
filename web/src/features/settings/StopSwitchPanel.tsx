/** Stops all automation at once. */
import { useQuery } from "@tanstack/react-query";
import { OctagonPause, Play } from "lucide-react";
import { useState } from "react";
import { useStopSwitch } from "@/api/actions";
import { useRefusal } from "@/api/may";
import { stopSwitchQuery } from "@/api/queries";
import { Button } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { TextArea } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { ErrorView, Skeleton } from "@/ui/States";
import { Time } from "@/ui/Time";

export function StopSwitchPanel() {
  const { data: stop, error } = useQuery({ ...stopSwitchQuery, throwOnError: false });
  const blocked = useRefusal("update_stop_switch", "touch the stop switch");
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const flip = useStopSwitch();
  if (error) return <ErrorView error={error} />;
  if (!stop) return <Skeleton className="h-40 w-full" />;
  const close = () => { setAsking(false); setReason(""); };
  return (
    <Panel title="Stop switch">
      <div className="flex flex-wrap items-center gap-4">
        <div className="min-w-0 flex-1 basis-64">
          <p className={`text-base font-semibold ${stop.engaged ? "text-bad" : "text-ok"}`}>{stop.engaged ? "Automation is stopped" : "Automation works"}</p>
          <p className="text-sm text-soft">{stop.engaged ? <>“{stop.reason}” – {stop.by}{stop.at && <>, <Time at={stop.at} as="full" /></>}</> : "When engaged, Homeostat still watches, explains and proposes, but starts no run and calls no action."}</p>
        </div>
        <Button look={stop.engaged ? "primary" : "danger"} icon={stop.engaged ? Play : OctagonPause} disabledReason={blocked} onClick={() => { setAsking(true); }}>{stop.engaged ? "Release the stop switch" : "Stop all automation"}</Button>
      </div>
      {asking && (
        <Confirm title={stop.engaged ? "Release the stop switch?" : "Stop all automation?"} confirm={stop.engaged ? "Release" : "Stop everything"} look={stop.engaged ? "primary" : "danger"} busy={flip.isPending} error={flip.error?.message} blocked={reason.trim() ? null : "say why"} onClose={close} onConfirm={() => { flip.mutate({ engaged: !stop.engaged, reason: reason.trim() }, { onSuccess: close }); }}>
          <p>{stop.engaged ? "Decisions start runs again, as the policy and the autonomy say." : "Runs that are under way end after their current step. Every header shows that automation is stopped."}</p>
          <TextArea label="Reason" required maxLength={500} value={reason} onChange={(e) => { setReason(e.target.value); }} />
        </Confirm>
      )}
    </Panel>
  );
}
