/** Starts a runbook by hand, on one service. */
import { useState } from "react";
import { useStartRun } from "@/api/actions";
import { Confirm } from "@/ui/Dialog";
import { Select } from "@/ui/Field";

type Props = { runbook: string; title: string; services: readonly string[]; onClose: () => void; onStarted: (id: string) => void };

export function StartRun({ runbook, title, services, onClose, onStarted }: Props) {
  const [service, setService] = useState(services[0] ?? "");
  const start = useStartRun();
  const error = start.error as { message?: string; detail?: string } | null;
  return (
    <Confirm title={`Start “${title}”?`} confirm="Start" busy={start.isPending} blocked={service ? null : "no service is known"} error={error ? `${error.message ?? ""} ${error.detail ?? ""}` : null} onClose={onClose}
      onConfirm={() => {
        start.mutate({ workflow: runbook, input: { service } }, {
          onSuccess: (answer) => {
            onClose();
            onStarted(answer.id);
          },
        });
      }}>
      <p>It runs now, as you. It is verified and recorded like any other run.</p>
      <Select label="Service" value={service} onChange={(e) => { setService(e.target.value); }} options={services.map((s) => [s, s] as const)} />
    </Confirm>
  );
}
