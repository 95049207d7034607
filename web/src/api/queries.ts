/** Every read of the API as query options: key, path, freshness. Screens prefetch these in their loaders. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { pages, request, requestText, setCsrfToken, type Query } from "./client";
import type {
  ApiToken, ApprovalItem, AuditRow, AuditVerification, AutonomyGrant, Change, Connector, ConnectorSample, ConnectorSummary, Demo, DetectionView, FindingView, HoldsView, IncidentDetail, IncidentSummary, JournalItem, LogHistogram, LogRecord, ObjectivesView,
  Overview, Page, Policy, RunDetail, RunFilter, RunItem, Runbook, RunbookSummary, ScheduleItem, Validation, WorkflowDetail, WorkflowSummary, WorkflowVersion, SeriesAnswer, SeriesAsk, Service, ServiceDetail, ServiceMap, Session, Silence, SilenceMatches, Status, StopSwitch, Track, TriageView,
} from "./types";

const get = <T>(key: readonly unknown[], path: string, query?: Query) =>
  queryOptions({ queryKey: key, queryFn: ({ signal }) => request<T>(path, { query, signal }) });

const at = (id: string) => encodeURIComponent(id);

/** Pages or a bare list: the client takes both, the screens see a list. */
const list = <T>(key: readonly unknown[], path: string, query?: Query) =>
  queryOptions({
    queryKey: key,
    queryFn: async ({ signal }) => {
      const answer = await request<Page<T> | T[]>(path, { query, signal });
      return Array.isArray(answer) ? answer : answer.items;
    },
  });

const infinite = <T>(key: readonly unknown[], path: string, query: Query = {}) =>
  infiniteQueryOptions({ queryKey: key, ...pages<T>(path, query) });

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: Infinity,
  queryFn: async () => {
    const session = await request<Session>("/session");
    setCsrfToken(session.csrf_token);
    return session;
  },
});

export const overviewQuery = get<Overview>(["overview"], "/overview");
export const mapQuery = get<ServiceMap>(["map"], "/map");
export const servicesQuery = list<Service>(["services"], "/services", { limit: 500 });
export const serviceQuery = (name: string) => get<ServiceDetail>(["service", name], `/services/${at(name)}`);

export type IncidentFilter = { status?: string; service?: string; severity?: string; priority?: string };
export const incidentsQuery = (filter: IncidentFilter) =>
  infinite<IncidentSummary>(["incidents", filter], "/incidents", { ...filter, limit: 50 });
/** Those that findings can be moved to. */
export const openIncidentsQuery = list<IncidentSummary>(["incidents", "open"], "/incidents", { status: "active", limit: 200 });
export const incidentQuery = (id: string) => get<IncidentDetail>(["incident", id], `/incidents/${at(id)}`);

export const seriesQuery = (ask: SeriesAsk) =>
  queryOptions({ ...get<SeriesAnswer>(["series", ask], "/series", { points: 300, ...ask }), placeholderData: keepPreviousData });

export type LogAsk = { service?: string; level?: string; text?: string; from?: string; to?: string };
export const logsQuery = (ask: LogAsk) =>
  infinite<LogRecord>(["logs", ask], "/logs", { ...ask, order: "newest", limit: 200 });
export const histogramQuery = (ask: LogAsk) =>
  queryOptions({ ...get<LogHistogram>(["logs", "histogram", ask], "/logs/histogram", { ...ask, buckets: 60 }), placeholderData: keepPreviousData });

export const detectionQuery = (hours: number) => get<DetectionView>(["detection", hours], "/detection", { hours });
export const findingsQuery = infinite<FindingView>(["findings"], "/findings", { limit: 50 });

export const objectivesQuery = get<ObjectivesView>(["objectives"], "/objectives");

export const silencesQuery = infinite<Silence>(["silences"], "/silences", { limit: 50 });
/** What a condition means now. The newest answer stays until the next is there; a condition that cannot be read is not asked for again. */
export const silencePreviewQuery = (when: string) =>
  queryOptions({
    queryKey: ["silences", "preview", when], gcTime: 30_000, placeholderData: keepPreviousData, retry: false,
    queryFn: ({ signal }) => request<SilenceMatches>("/silences/preview", { method: "POST", body: { when }, signal }),
  });
export const triageQuery = get<TriageView>(["triage"], "/triage");

export const changesQuery = (service?: string) => list<Change>(["changes", service], "/changes", { service, limit: 50 });

export const runsQuery = (filter: RunFilter) => infinite<RunItem>(["runs", filter], "/runs", { ...filter, limit: 50 });
/** How many runs a look ahead at a bulk action counts at most; more are told as "and more". */
export const PREVIEW_LIMIT = 500;
export const runsPreviewQuery = (filter: RunFilter) => get<Page<RunItem>>(["runs", "preview", filter], "/runs", { ...filter, limit: PREVIEW_LIMIT });
export const runQuery = (id: string) => get<RunDetail>(["run", id], `/runs/${at(id)}`);
/** A run as it was once `record` was in its journal. */
export const runAtQuery = (id: string, record: number) =>
  queryOptions({ ...get<RunDetail>(["run", id, "at", record], `/runs/${at(id)}`, { at: record }), placeholderData: keepPreviousData, throwOnError: false });
export const journalQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["run", id, "journal"],
    queryFn: ({ pageParam, signal }) => request<Page<JournalItem>>(`/runs/${at(id)}/journal`, { query: { after: pageParam, limit: 500 }, signal }),
    initialPageParam: 0,
    getNextPageParam: (last: Page<JournalItem>) => (last.next ? last.items.at(-1)?.sequence : undefined),
  });
export const holdsQuery = get<HoldsView>(["holds"], "/runs/holds");

export const pendingApprovalsQuery = list<ApprovalItem>(["approvals", "pending"], "/approvals", { state: "pending", limit: 200 });
export const approvalsQuery = (state?: string) => infinite<ApprovalItem>(["approvals", "list", state], "/approvals", { state, limit: 50 });

export const workflowsQuery = list<WorkflowSummary>(["workflows"], "/workflows");
export const workflowQuery = (id: string) => get<WorkflowDetail>(["workflow", id], `/workflows/${at(id)}`);
export const versionsQuery = (id: string) => list<WorkflowVersion>(["workflow", id, "versions"], `/workflows/${at(id)}/versions`);
export const schemaQuery = queryOptions({ ...get<Record<string, unknown>>(["workflows", "schema"], "/workflows/schema"), staleTime: Infinity });
/** What the server says of a text that is being written. The newest answer stays until the next is there. */
export const validationQuery = (source: string) =>
  queryOptions({
    queryKey: ["validate", source], staleTime: Infinity, gcTime: 30_000, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => request<Validation>("/workflows/validate", { method: "POST", body: { source }, signal }),
  });
export const schedulesQuery = list<ScheduleItem>(["schedules"], "/schedules");

export const runbooksQuery = list<RunbookSummary>(["runbooks"], "/runbooks");
export const runbookQuery = (name: string) => get<Runbook>(["runbook", name], `/runbooks/${at(name)}`);
export const policyQuery = get<Policy>(["policy"], "/policy");
export const tracksQuery = list<Track>(["tracks"], "/tracks");
export const autonomyQuery = list<AutonomyGrant>(["autonomy"], "/autonomy");
export const stopSwitchQuery = get<StopSwitch>(["stop-switch"], "/stop-switch");
export const tokensQuery = list<ApiToken>(["tokens"], "/tokens");
export const auditQuery = infinite<AuditRow>(["audit"], "/audit", { limit: 100 });
export const auditVerifyQuery = queryOptions({ ...get<AuditVerification>(["audit", "verify"], "/audit/verify"), enabled: false });
export const statusQuery = queryOptions({ ...get<Status>(["status"], "/status"), refetchInterval: 10_000 });
export const demoQuery = get<Demo>(["demo"], "/demo");

const MAKING_MS = 300;
const isMaking = (c: ConnectorSummary) => c.state === "reading" || c.state === "generating";
export const connectorSamplesQuery = queryOptions({ ...list<ConnectorSample>(["connector-samples"], "/connectors/samples"), staleTime: Infinity });
export const sampleTextQuery = (name: string) =>
  queryOptions({ queryKey: ["connector-samples", name], staleTime: Infinity, queryFn: ({ signal }) => requestText(`/connectors/samples/${at(name)}`, { signal }) });
export const connectorsQuery = queryOptions({ ...list<ConnectorSummary>(["connectors"], "/connectors"), refetchInterval: (q) => (q.state.data?.some(isMaking) ? MAKING_MS : false) });
export const connectorQuery = (id: string) =>
  queryOptions({ ...get<Connector>(["connector", id], `/connectors/${at(id)}`), refetchInterval: (q) => (q.state.data && isMaking(q.state.data) ? MAKING_MS : false) });
export const connectorFileQuery = (id: string, path: string) =>
  queryOptions({ queryKey: ["connector", id, "file", path], staleTime: Infinity, queryFn: ({ signal }) => requestText(`/connectors/${at(id)}/file`, { query: { path }, signal }) });
