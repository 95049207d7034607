/**
 * The live stream. One EventSource for the app; `change` events mark the queries they touch as stale (gathered for a
 * moment, so that a storm of events costs one refetch), `tick` events feed the live numbers. Reconnects for ever.
 */
import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { url } from "./client";

export type ChangeEvent = { kind: string; id: string; revision?: number };
export type Tick = { at: string; request_rate: number; error_ratio: number; signals_per_s: number };
export type StreamState = "connecting" | "live" | "lost";

const KEPT_TICKS = 120;
const GATHER_MS = 250;
const LOST_AFTER_MS = 4_000;
const RETRY_MAX_MS = 15_000;

/** Which queries a change of one thing makes stale. */
export function staleKeys({ kind, id }: ChangeEvent): unknown[][] {
  switch (kind) {
    case "incident": return [["incident", id], ["incidents"], ["overview"], ["map"]];
    case "explanation": return [["incident", id]];
    case "decision": return [["incident"], ["overview"]];
    case "run": return [["run", id], ["runs"], ["incident"]];
    case "approval": return [["approvals"], ["run"]];
    case "hold": return [["holds"], ["runs"], ["run"], ["schedules"]];
    // Its id carries the version that was stored.
    case "workflow": return [["workflow", id.split(":")[0] ?? id], ["workflows"], ["schedules"]];
    case "schedule": return [["schedules"]];
    case "finding": return [["incident"], ["findings"], ["detection"], ["map"], ["service"]];
    case "feedback": return [["incident"], ["findings"], ["detection"]];
    case "silence": return [["silences"]];
    case "service": return [["service", id], ["services"], ["map"], ["overview"]];
    case "change": return [["changes"], ["service"]];
    case "autonomy": return [["autonomy"]];
    case "stop_switch": return [["stop-switch"], ["overview"]];
    case "track": return [["tracks"], ["runbooks"], ["runbook"], ["overview"]];
    default: return [["overview"]];
  }
}

let state: StreamState = "connecting";
let ticks: readonly Tick[] = [];
const listeners = new Set<() => void>();
const emit = () => { for (const listener of listeners) listener(); };
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => { listeners.delete(listener); };
};
const setState = (next: StreamState) => {
  if (next !== state) { state = next; emit(); }
};

export const useStreamState = (): StreamState => useSyncExternalStore(subscribe, () => state);
export const useTicks = (): readonly Tick[] => useSyncExternalStore(subscribe, () => ticks);

/** Opens the stream and keeps it open until the returned function is called. */
export function connect(client: QueryClient): () => void {
  const stale = new Map<string, unknown[]>();
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let lost: ReturnType<typeof setTimeout> | undefined;
  let flush: ReturnType<typeof setTimeout> | undefined;
  let attempts = 0;

  const onChange = (event: MessageEvent<string>) => {
    for (const key of staleKeys(JSON.parse(event.data) as ChangeEvent)) stale.set(JSON.stringify(key), key);
    flush ??= setTimeout(() => {
      flush = undefined;
      for (const queryKey of stale.values()) void client.invalidateQueries({ queryKey });
      stale.clear();
    }, GATHER_MS);
  };
  const onTick = (event: MessageEvent<string>) => {
    ticks = [...ticks, JSON.parse(event.data) as Tick].slice(-KEPT_TICKS);
    emit();
  };
  const open = () => {
    source = new EventSource(url("/stream"), { withCredentials: true });
    source.onopen = () => {
      clearTimeout(lost);
      lost = undefined;
      // What happened while the line was down is not in the stream of a restarted server: ask again.
      if (state === "lost") void client.invalidateQueries();
      attempts = 0;
      setState("live");
    };
    source.onerror = () => {
      lost ??= setTimeout(() => { setState("lost"); }, LOST_AFTER_MS);
      // The browser retries a broken line by itself, but gives up after an HTTP error.
      if (source?.readyState !== EventSource.CLOSED) return;
      attempts += 1;
      retry = setTimeout(open, Math.min(RETRY_MAX_MS, 500 * 2 ** attempts));
    };
    source.addEventListener("change", onChange as EventListener);
    // Away for longer than the feed remembers: everything may have changed.
    source.addEventListener("reset", () => { void client.invalidateQueries(); });
    source.addEventListener("tick", onTick as EventListener);
  };
  open();
  return () => {
    source?.close();
    for (const timer of [retry, lost, flush]) clearTimeout(timer);
    ticks = [];
    state = "connecting";
  };
}
