/**
 * Types of the workflow endpoints, by hand, as the HTTP contract says. To be replaced: once the server's OpenAPI names them,
 * `schema.ts` is generated with them, each line here becomes a short name in `types.ts`, and this file goes away.
 */
import type { components } from "./schema";
import type { AllowedAction } from "./types";

type Schemas = components["schemas"];

export type RunStatus = "pending" | "running" | "waiting" | "suspended" | "cancelled" | "faulted" | "completed";
export type RunPurpose = Schemas["RunPurpose"];

/** A run in a list. */
export type RunSummary = {
  id: string;
  /** Name of the workflow: `restart-service`, or `namespace.name` outside the namespace of what is shipped. */
  workflow: string;
  version: string;
  service: string | null;
  purpose: RunPurpose;
  status: RunStatus;
  /** What it waits for, as a sentence: `approval by an approver until 14:05`. */
  waits_for: string | null;
  steps_done: number;
  steps_failed: number;
  /** Name of the task that is under way or was last. */
  current_step: string | null;
  started_at: string;
  ended_at: string | null;
  error: string | null;
  correlation_id: string;
  /** The run that started this one. */
  parent: string | null;
  allowed_actions: AllowedAction[];
};

export type RunStepStatus = "running" | "retrying" | "completed" | "faulted" | "skipped" | "compensated" | "cancelled";
export type RunStep = {
  /** Its number in the run, from 0, in order of start; what `retry` and `skip` name. */
  n: number;
  /** JSON pointer of the task in the document. */
  path: string;
  name: string;
  kind: string;
  call: string | null;
  status: RunStepStatus;
  attempt: number;
  started_at: string;
  ended_at: string | null;
  input: unknown;
  output: unknown;
  error: string | null;
  /** Whether it undoes an earlier step. */
  compensation: boolean;
  /** Number of the step around it. */
  parent: number | null;
  /** The run that this step started. */
  run?: string | null;
  allowed_actions: AllowedAction[];
};

/** A run, whole, or as it was at an earlier record of its journal. */
export type RunView = RunSummary & {
  input: unknown;
  output: unknown;
  steps: RunStep[];
  /** How many records its journal has. */
  records: number;
  /** The workflow it runs on, as JSON. */
  definition: unknown;
};

export type JournalRecord = { sequence: number; at: string; type: string; summary: string; body: unknown };

export type BulkAction = "pause" | "resume" | "cancel" | "retry";
export type RunFilter = { status?: string; workflow?: string; service?: string; purpose?: string; text?: string; since?: string; until?: string };
export type BulkRequest = { action: BulkAction; filter: RunFilter; reason: string; limit: number };
export type BulkAnswer = { matched: number; done: number; refused: { id: string; reason: string }[] };

export type HoldScope = "all" | "service" | "workflow";
export type Hold = { scope: HoldScope; name?: string | null; by: string; at: string; reason: string };
/** What a client sends of a hold that is new; the server adds who and when. */
export type NewHold = { scope: HoldScope; name?: string | null; reason: string };
export type Holds = { items: Hold[]; allowed_actions: AllowedAction[] };

export type ApprovalState = "pending" | "approved" | "rejected" | "expired" | "withdrawn";
export type Approval = {
  id: string;
  run: string;
  workflow: string;
  service: string | null;
  /** Number of the step that waits. */
  step: number;
  title: string;
  /** What the person should know; plain text. */
  detail: string | null;
  /** Who may answer: a role, or people by name. */
  role: string;
  people: string[];
  state: ApprovalState;
  asked_at: string;
  until: string | null;
  decided_by: string | null;
  decided_at: string | null;
  note: string | null;
  allowed_actions: AllowedAction[];
};

export type WorkflowOrigin = "shipped" | "own";
export type WorkflowSummary = {
  /** `namespace.name`: the key in the address. */
  id: string;
  namespace: string;
  name: string;
  title: string;
  summary: string;
  version: string;
  origin: WorkflowOrigin;
  updated_at: string | null;
  updated_by: string | null;
  versions: number;
  /** `cron 0 0 3 * * *`, `every 15 min`, `on com.example.paid`; none when it starts by hand only. */
  schedule: string | null;
  allowed_actions: AllowedAction[];
};
export type WorkflowDocument = WorkflowSummary & { source: string; definition: unknown };
export type WorkflowVersion = { version: string; at: string | null; by: string | null; current: boolean };
export type WorkflowVersionDocument = WorkflowVersion & { source: string };

export type FlowNode = { id: string; name: string; kind: string; call: string | null };
export type FlowEdge = { from: string; to: string; label?: string | null; dashed?: boolean };
export type FlowGraph = { nodes: FlowNode[]; edges: FlowEdge[] };

export type DocumentProblem = { line: number; column: number; message: string };
export type Validation = { valid: boolean; errors: DocumentProblem[]; graph: FlowGraph | null };

export type StartRequest = { workflow?: string; runbook?: string; input: unknown; key?: string };
/** One call of a dry run: `certain` when it happens whatever comes back from outside. */
export type PlannedCall = { path: string; function: string; parameters: unknown; certain: boolean; would: string };
export type RunPlan = { calls: PlannedCall[]; otherwise: string[]; note: string | null };

export type Schedule = {
  workflow: string;
  title: string;
  version: string;
  kind: "cron" | "every" | "after" | "on";
  /** As written: `0 0 3 * * *`, `PT15M`, an event type. */
  expression: string;
  time_zone: string | null;
  /** The next starts, soonest first; none for events. */
  next: string[];
  last_run: { id: string; status: RunStatus; started_at: string } | null;
  /** Why it will not start now: a hold, the stop switch. */
  held: string | null;
};
