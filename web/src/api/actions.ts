/** Everything that changes something, as one mutation hook each. Refreshes what it touched even if the stream is down. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ApiError, request, setCsrfToken } from "./client";
import { sessionQuery } from "./queries";
import type {
  AllowedAction, AutonomyGrant, AutonomyView, BulkAction, BulkRequest, BulkResult, Connector, ConnectorDiff, ConnectorDiffRequest, ConnectorRequest, CreatedToken, FaultRequest, HoldRequest, HoldsView, PlanRequest, Regrouped, Rehearsal, ReplayRequest, ReplayView, RunItem, RunPlan, RunRequest, RunStarted,
  Session, SignIn, Silence, SilenceRequest, StopRequest, StopSwitch, TokenRequest, TriageTest, WorkflowDetail,
} from "./types";

function useChange<In, Out>(work: (input: In) => Promise<Out>, touches: readonly unknown[][]) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: work,
    onSettled: () => Promise.all(touches.map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

/** Runs one of the `allowed_actions`, wherever it was offered. */
export const useAllowedAction = () =>
  useChange(
    ({ action, body }: { action: AllowedAction; body?: unknown }) =>
      request<unknown>(action.path, { method: action.method, body: body ?? {} }),
    [["incident"], ["incidents"], ["overview"], ["runs"], ["run"], ["approvals"], ["workflows"], ["workflow"], ["schedules"], ["findings"], ["detection"], ["silences"]],
  );

/** A person's word on what belongs together. */
export type RegroupAsk =
  | { deed: "merge"; incident: string; into: string }
  | { deed: "split"; incident: string; findings: readonly string[] }
  /** Wherever the findings are: the incident that takes them is the one that is asked. */
  | { deed: "move"; into: string; findings: readonly string[] };

/** Answers with the incident that has the findings then. */
export const useRegroup = () =>
  useChange(
    (ask: RegroupAsk) => {
      const path = `/incidents/${encodeURIComponent(ask.deed === "move" ? ask.into : ask.incident)}/${ask.deed}`;
      return request<Regrouped>(path, { method: "POST", body: ask.deed === "merge" ? { into: ask.into } : { findings: ask.findings } });
    },
    [["incident"], ["incidents"], ["findings"], ["overview"], ["map"]],
  );

export const useCreateSilence = () =>
  useChange((body: SilenceRequest) => request<Silence>("/silences", { method: "POST", body, idempotencyKey: crypto.randomUUID() }), [["silences"], ["findings"]]);

/** Where stored findings would have gone under other rules; changes nothing. */
export const useTestTriage = () => useMutation({ mutationFn: (body: TriageTest) => request<Rehearsal>("/triage/test", { method: "POST", body }) });

/** Works stored signals once more; changes nothing. */
export const useReplay = () => useMutation({ mutationFn: (body: ReplayRequest) => request<ReplayView>("/detection/replay", { method: "POST", body }) });

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: SignIn) =>
      request<Session>("/session", { method: "POST", body }),
    onSuccess: (session) => {
      setCsrfToken(session.csrf_token);
      client.clear();
      client.setQueryData(sessionQuery.queryKey, session);
    },
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<undefined>("/session", { method: "DELETE" }),
    onSettled: () => { setCsrfToken(null); client.clear(); },
  });
}

export const useInjectFault = () =>
  useChange(
    ({ name, ...body }: { name: string } & FaultRequest) =>
      request<unknown>(`/demo/faults/${encodeURIComponent(name)}`, { method: "POST", body }),
    [["demo"], ["overview"]],
  );

export const useEndFault = () =>
  useChange(({ name }: { name: string }) => request<unknown>(`/demo/faults/${encodeURIComponent(name)}`, { method: "DELETE" }), [["demo"]]);

export const useStopSwitch = () =>
  useChange(
    (body: StopRequest) => request<StopSwitch>("/stop-switch", { method: "PUT", body }),
    [["stop-switch"], ["overview"]],
  );

export const useSaveAutonomy = () =>
  useChange((items: AutonomyGrant[]) => request<AutonomyView>("/autonomy", { method: "PUT", body: { items } satisfies AutonomyView }), [["autonomy"]]);

export const useCreateToken = () =>
  useChange(
    (body: TokenRequest) => request<CreatedToken>("/tokens", { method: "POST", body }),
    [["tokens"]],
  );

export const useDeleteToken = () =>
  useChange((id: string) => request<undefined>(`/tokens/${encodeURIComponent(id)}`, { method: "DELETE" }), [["tokens"]]);

/** Starts a run. The key makes a click that is sent twice one run. */
export const useStartRun = () =>
  useChange(
    (body: RunRequest) =>
      request<RunStarted>("/runs", { method: "POST", body, idempotencyKey: crypto.randomUUID() }),
    [["runs"]],
  );

/** What a run would do; nothing is done. */
export const usePlanRun = () =>
  useMutation({ mutationFn: (body: PlanRequest) => request<RunPlan>("/runs/plan", { method: "POST", body }) });

export const useBulkRuns = () =>
  useChange((body: BulkRequest) => request<BulkResult>("/runs/bulk", { method: "POST", body }), [["runs"], ["run"]]);

/** Whether the server keeps a reason of an action on runs. */
export const keepsReason = (action: BulkAction) => action === "pause" || action === "cancel";

/** The same action on runs that were chosen one by one; what is refused is told and stops nothing. */
export const useEachRun = () =>
  useChange(
    async ({ runs, action, reason }: { runs: readonly RunItem[]; action: BulkAction; reason: string }): Promise<BulkResult> => {
      const answer: BulkResult = { matched: runs.length, done: 0, refused: [] };
      for (const run of runs) {
        const offered = run.allowed_actions.find((a) => a.name === action);
        try {
          if (!offered) throw new Error("it cannot be done to this run");
          await request<unknown>(offered.path, { method: offered.method, body: keepsReason(action) ? { reason } : {} });
          answer.done += 1;
        } catch (e) {
          answer.refused.push({ id: run.id, reason: e instanceof ApiError ? e.detail || e.message : String(e) });
        }
      }
      return answer;
    },
    [["runs"], ["run"]],
  );

/** Sets one hold, or lifts it. */
export const useChangeHold = () =>
  useChange((body: HoldRequest) => request<HoldsView>("/runs/holds", { method: "PUT", body }), [["holds"], ["runs"], ["run"], ["schedules"]]);

/** Saves a text as a version of a workflow; a version that exists with another text is a 409. */
export const useSaveWorkflow = () =>
  useChange(
    ({ id, source }: { id: string; source: string }) =>
      request<WorkflowDetail>(`/workflows/${encodeURIComponent(id)}`, { method: "PUT", body: { source } }),
    [["workflows"], ["workflow"], ["schedules"]],
  );

/** Makes a package of a document. */
export const useCreateConnector = () =>
  useChange((body: ConnectorRequest) => request<Connector>("/connectors", { method: "POST", body }), [["connectors"]]);

/** What changed between two documents; keeps nothing. */
export const useDiffConnectors = () =>
  useMutation({ mutationFn: (body: ConnectorDiffRequest) => request<ConnectorDiff>("/connectors/diff", { method: "POST", body }) });
