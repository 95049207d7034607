/** Everything that changes something, as one mutation hook each. Refreshes what it touched even if the stream is down. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { request, setCsrfToken } from "./client";
import { sessionQuery } from "./queries";
import type { AllowedAction, AutonomyGrant, AutonomyView, CreatedToken, FaultRequest, RunRequest, RunStarted, Session, SignIn, StopRequest, StopSwitch, TokenRequest } from "./types";

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
    [["incident"], ["incidents"], ["overview"], ["runs"], ["run"]],
  );

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

export const useStartRun = () =>
  useChange(
    (body: RunRequest) =>
      request<RunStarted>("/runs", { method: "POST", body, idempotencyKey: crypto.randomUUID() }),
    [["runs"]],
  );
