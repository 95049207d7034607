/** What each action asks a person before it is done. The rules are the server's; here are only the words and the fields. */
import type { AllowedAction } from "@/api/types";
import type { ButtonLook } from "@/ui/Button";

export type Field =
  | { kind: "text"; name: string; label: string; required: boolean }
  /** JSON in an editor, behind a switch: `offer` says what switching it on means. */
  | { kind: "json"; name: string; label: string; offer: string }
  | { kind: "choice"; name: string; label: string };
export type Form = { look: ButtonLook; /** The last word is asked in red. */ danger?: boolean; ask: string; fields: Field[]; /** What is sent besides. */ body?: Record<string, unknown> };

const reason = (required: boolean): Field => ({ kind: "text", name: "reason", label: "Reason", required });
const note = (required: boolean): Field => ({ kind: "text", name: "note", label: "Note", required });

const FORMS: Record<string, Form> = {
  approve: { look: "primary", ask: "The recommended runbook starts at once. Its result is verified on telemetry, and undone when it does not hold.", fields: [] },
  reject: { look: "secondary", ask: "Nothing will be run for this decision. Your reason is kept: it lowers the confidence of the next one like it.", fields: [reason(true)] },
  "approvals.approve": { look: "primary", ask: "The run goes on at once. Your name and your note are kept in its journal.", fields: [note(false)] },
  "approvals.reject": { look: "secondary", ask: "The run goes on as its workflow says for a refusal; where it says nothing, it ends and what it did is undone.", fields: [note(true)] },
  acknowledge: { look: "secondary", ask: "You take this incident. Automation goes on as the policy says; people see that someone looks.", fields: [] },
  resolve: { look: "secondary", ask: "Say that it is over. Findings that still fire will open a new incident.", fields: [{ kind: "text", name: "note", label: "What ended it", required: true }] },
  explain: { look: "secondary", ask: "The evidence of this incident is sent to the language model that is set up. Its answer is checked against the evidence and shown here; it decides nothing.", fields: [{ kind: "text", name: "question", label: "Question, if it is more than an explanation", required: false }] },
  pause: { look: "secondary", ask: "The run finishes what it already asked for and asks for nothing more, until someone resumes it.", fields: [reason(false)] },
  resume: { look: "primary", ask: "The run goes on from where it was paused.", fields: [] },
  cancel: { look: "secondary", danger: true, ask: "The run ends after its current step. What it did so far is undone in reverse order, where an inverse exists.", fields: [reason(false)] },
  retry: { look: "secondary", ask: "This step and all after it are done again. Steps before it keep their results; the journal keeps both.", fields: [{ kind: "json", name: "input", label: "Input of the step", offer: "Edit the input first" }] },
  skip: { look: "secondary", ask: "The step is left out and the run goes on after it. Steps that need its output get what you give here.", fields: [reason(true), { kind: "json", name: "output", label: "Output instead", offer: "Give it an output" }] },
  migrate: { look: "secondary", ask: "The run goes on with another version of its workflow. It must still have every step that the run has begun.", fields: [{ kind: "choice", name: "version", label: "Version" }] },
  enable: { look: "secondary", ask: "It starts runs by itself from now on, at the times and events its document names.", fields: [], body: { enabled: true } },
  disable: { look: "secondary", ask: "It starts no more runs by itself. Runs under way go on; it can still be started by hand.", fields: [], body: { enabled: false } },
  anomaly: { look: "ghost", ask: "It was worth saying. This counts for the precision of its detector.", fields: [note(false)], body: { judgement: "anomaly" } },
  not_anomaly: { look: "ghost", ask: "It was normal. It is cleared, and the same again, no further out, is not said for thirty days.", fields: [note(false)], body: { judgement: "not_anomaly" } },
  end: { look: "secondary", ask: "What it kept quiet and still fires gets its place within a second, and may open incidents.", fields: [] },
  delete: { look: "ghost", danger: true, ask: "It starts no more, and its versions are gone. Runs that are under way keep their definition and end in peace.", fields: [] },
};
const OTHER: Form = { look: "secondary", ask: "This is done at once and kept in the audit log.", fields: [] };

/** The form of an action; an approval inside a run asks otherwise than one of a decision. */
export const formOf = (action: AllowedAction): Form => FORMS[action.path.includes("/approvals/") ? `approvals.${action.name}` : action.name] ?? OTHER;
