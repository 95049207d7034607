/** Buttons for what the API allows. No rule is typed here twice: what may not be done stays in view and says why. */
import { useState } from "react";
import type { AllowedAction } from "@/api/types";
import { Button } from "@/ui/Button";
import { ActionDialog } from "./ActionDialog";
import { formOf } from "./forms";

type Props = {
  actions: readonly AllowedAction[];
  /** What it is about, in one line. */
  context?: string;
  small?: boolean;
  /** Goes into the body besides what the person fills in: the number of a step. */
  body?: Record<string, unknown>;
  /** What JSON fields start with. */
  start?: Record<string, unknown>;
  /** What a choice offers: value and label. */
  choices?: readonly (readonly [value: string, label: string])[];
  onDone?: () => void;
};

export function ActionBar({ actions, small, onDone, ...rest }: Props) {
  const [open, setOpen] = useState<string | null>(null);
  const action = actions.find((a) => a.name === open);
  return (
    <>
      {actions.map((a) => (
        <Button key={a.name} small={small} look={formOf(a).look} disabledReason={a.allowed ? null : (a.reason ?? "not allowed now")} onClick={() => { setOpen(a.name); }}>{a.title}</Button>
      ))}
      {action && <ActionDialog key={action.name} action={action} {...rest} onClose={() => { setOpen(null); }} onDone={onDone} />}
    </>
  );
}
