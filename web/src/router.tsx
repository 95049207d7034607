/** The table of contents: every screen, its address, its search parameters and what it fetches before it shows. */
import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { ApiError } from "./api/client";
import * as q from "./api/queries";
import { Shell } from "./features/shell/Shell";
import { readRunSearch, runFilter, type RunSearch } from "./lib/run-filter";
import { isRange, type Range } from "./lib/time";
import { ErrorView, PageSkeleton } from "./ui/States";

const text = (v: unknown) => (typeof v === "string" && v !== "" ? v : typeof v === "number" ? String(v) : undefined);

const whole = (v: unknown) => (Number.isSafeInteger(Number(v)) && text(v) !== undefined && Number(v) >= 0 ? Number(v) : undefined);

const root = createRootRouteWithContext<{ client: QueryClient }>()();

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (s: Record<string, unknown>): { ticket?: string; next?: string } => ({ ticket: text(s.ticket), next: text(s.next) }),
  component: lazyRouteComponent(() => import("./routes/SignInPage"), "SignInPage"),
});

/** Everything behind the sign-in. */
const app = createRoute({
  getParentRoute: () => root,
  id: "app",
  component: Shell,
  beforeLoad: async ({ context, location }) => {
    const ticket = text((location.search as Record<string, unknown>).ticket);
    if (ticket) throw redirect({ to: "/sign-in", search: { ticket, next: location.pathname } });
    try {
      await context.client.ensureQueryData(q.sessionQuery);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) throw redirect({ to: "/sign-in", search: { next: location.href === "/" ? undefined : location.href } });
      throw error;
    }
  },
});

const overview = createRoute({
  getParentRoute: () => app,
  path: "/",
  loader: ({ context: { client } }) => client.ensureQueryData(q.overviewQuery),
  component: lazyRouteComponent(() => import("./routes/OverviewPage"), "OverviewPage"),
});

const incidents = createRoute({
  getParentRoute: () => app,
  path: "/incidents",
  validateSearch: (s: Record<string, unknown>): q.IncidentFilter => ({ status: text(s.status), service: text(s.service), severity: text(s.severity), priority: text(s.priority) }),
  loaderDeps: ({ search }) => search,
  loader: ({ context: { client }, deps }) => client.ensureInfiniteQueryData(q.incidentsQuery(deps)),
  component: lazyRouteComponent(() => import("./routes/IncidentsPage"), "IncidentsPage"),
});

const incident = createRoute({
  getParentRoute: () => app,
  path: "/incidents/$id",
  validateSearch: (s: Record<string, unknown>): { why?: string; evidence?: string; cause?: string } => ({ why: text(s.why), evidence: text(s.evidence), cause: text(s.cause) }),
  // The map only says who else calls what is on the path: the incident shows without it.
  loader: ({ context: { client }, params }) => Promise.all([client.ensureQueryData(q.incidentQuery(params.id)), client.prefetchQuery(q.mapQuery)]),
  component: lazyRouteComponent(() => import("./routes/IncidentPage"), "IncidentPage"),
});

const detection = createRoute({
  getParentRoute: () => app,
  path: "/detection",
  validateSearch: (s: Record<string, unknown>): { hours?: number } => (whole(s.hours) ? { hours: Math.min(720, Number(s.hours)) } : {}),
  loaderDeps: ({ search }) => ({ hours: search.hours ?? 168 }),
  loader: ({ context: { client }, deps }) => Promise.all([client.ensureQueryData(q.detectionQuery(deps.hours)), client.ensureInfiniteQueryData(q.findingsQuery)]),
  component: lazyRouteComponent(() => import("./routes/DetectionPage"), "DetectionPage"),
});

const objectives = createRoute({
  getParentRoute: () => app,
  path: "/detection/objectives",
  loader: ({ context: { client } }) => client.ensureQueryData(q.objectivesQuery),
  component: lazyRouteComponent(() => import("./routes/ObjectivesPage"), "ObjectivesPage"),
});

const silences = createRoute({
  getParentRoute: () => app,
  path: "/detection/silences",
  // The condition that a new silence begins with, also an empty one; nothing: none is being made.
  validateSearch: (s: Record<string, unknown>): { silence?: string } => (typeof s.silence === "string" ? { silence: s.silence } : {}),
  loader: ({ context: { client } }) => Promise.all([client.ensureInfiniteQueryData(q.silencesQuery), client.ensureQueryData(q.triageQuery)]),
  component: lazyRouteComponent(() => import("./routes/SilencesPage"), "SilencesPage"),
});

const systems = createRoute({
  getParentRoute: () => app,
  path: "/systems",
  validateSearch: (s: Record<string, unknown>): { view?: "list" } => (s.view === "list" ? { view: "list" } : {}),
  loader: ({ context: { client } }) => Promise.all([client.ensureQueryData(q.mapQuery), client.ensureQueryData(q.servicesQuery)]),
  component: lazyRouteComponent(() => import("./routes/SystemsPage"), "SystemsPage"),
});

const service = createRoute({
  getParentRoute: () => app,
  path: "/systems/$name",
  validateSearch: (s: Record<string, unknown>): { range?: Range } => (isRange(s.range) ? { range: s.range } : {}),
  loader: ({ context: { client }, params }) => client.ensureQueryData(q.serviceQuery(params.name)),
  component: lazyRouteComponent(() => import("./routes/ServicePage"), "ServicePage"),
});

const automation = createRoute({
  getParentRoute: () => app,
  path: "/automation",
  beforeLoad: () => redirect({ to: "/automation/runs", throw: true }),
});

const runs = createRoute({
  getParentRoute: () => app,
  path: "/automation/runs",
  validateSearch: (s: Record<string, unknown>): RunSearch => readRunSearch(s, text),
  loaderDeps: ({ search }) => ({ filter: runFilter(search, Date.now()) }),
  loader: ({ context: { client }, deps }) => client.ensureInfiniteQueryData(q.runsQuery(deps.filter)),
  component: lazyRouteComponent(() => import("./routes/RunsPage"), "RunsPage"),
});

const run = createRoute({
  getParentRoute: () => app,
  path: "/automation/runs/$id",
  validateSearch: (s: Record<string, unknown>): { step?: number; at?: number; view?: "diagram" } => ({ step: whole(s.step), at: whole(s.at), ...(s.view === "diagram" ? { view: "diagram" } : {}) }),
  loader: ({ context: { client }, params }) => client.ensureQueryData(q.runQuery(params.id)),
  component: lazyRouteComponent(() => import("./routes/RunPage"), "RunPage"),
});

const approvals = createRoute({
  getParentRoute: () => app,
  path: "/automation/approvals",
  validateSearch: (s: Record<string, unknown>): { state?: string } => ({ state: text(s.state) }),
  loaderDeps: ({ search }) => search,
  loader: ({ context: { client }, deps }) => client.ensureInfiniteQueryData(q.approvalsQuery(deps.state)),
  component: lazyRouteComponent(() => import("./routes/ApprovalsPage"), "ApprovalsPage"),
});

const workflows = createRoute({
  getParentRoute: () => app,
  path: "/automation/workflows",
  loader: ({ context: { client } }) => client.ensureQueryData(q.workflowsQuery),
  component: lazyRouteComponent(() => import("./routes/WorkflowsPage"), "WorkflowsPage"),
});

type EditorSearch = { tab?: "try" | "history"; left?: string; right?: string; layout?: "unified" | "side" };
const editorSearch = (s: Record<string, unknown>): EditorSearch => ({ tab: s.tab === "try" || s.tab === "history" ? s.tab : undefined, left: text(s.left), right: text(s.right), layout: s.layout === "unified" || s.layout === "side" ? s.layout : undefined });

const workflow = createRoute({
  getParentRoute: () => app,
  path: "/automation/workflows/$id",
  validateSearch: editorSearch,
  loader: ({ context: { client }, params }) => client.ensureQueryData(q.workflowQuery(params.id)),
  component: lazyRouteComponent(() => import("./routes/WorkflowPage"), "WorkflowPage"),
});

const newWorkflow = createRoute({
  getParentRoute: () => app,
  path: "/automation/new-workflow",
  validateSearch: (s: Record<string, unknown>): EditorSearch & { from?: string } => ({ ...editorSearch(s), from: text(s.from) }),
  component: lazyRouteComponent(() => import("./routes/WorkflowPage"), "NewWorkflowPage"),
});

const schedules = createRoute({
  getParentRoute: () => app,
  path: "/automation/schedules",
  loader: ({ context: { client } }) => client.ensureQueryData(q.schedulesQuery),
  component: lazyRouteComponent(() => import("./routes/SchedulesPage"), "SchedulesPage"),
});

const runbooks = createRoute({
  getParentRoute: () => app,
  path: "/automation/runbooks",
  loader: ({ context: { client } }) => client.ensureQueryData(q.runbooksQuery),
  component: lazyRouteComponent(() => import("./routes/RunbooksPage"), "RunbooksPage"),
});

const runbook = createRoute({
  getParentRoute: () => app,
  path: "/automation/runbooks/$name",
  loader: ({ context: { client }, params }) => client.ensureQueryData(q.runbookQuery(params.name)),
  component: lazyRouteComponent(() => import("./routes/RunbookPage"), "RunbookPage"),
});

const policy = createRoute({
  getParentRoute: () => app,
  path: "/automation/policy",
  loader: ({ context: { client } }) => client.ensureQueryData(q.policyQuery),
  component: lazyRouteComponent(() => import("./routes/PolicyPage"), "PolicyPage"),
});

const connectors = createRoute({
  getParentRoute: () => app,
  path: "/connectors",
  // The sample whose document is open.
  validateSearch: (s: Record<string, unknown>): { sample?: string } => ({ sample: text(s.sample) }),
  loader: ({ context: { client } }) => Promise.all([client.ensureQueryData(q.connectorSamplesQuery), client.ensureQueryData(q.connectorsQuery)]),
  component: lazyRouteComponent(() => import("./routes/ConnectorsPage"), "ConnectorsPage"),
});

const compareConnectors = createRoute({
  getParentRoute: () => app,
  path: "/connectors/compare",
  loader: ({ context: { client } }) => client.ensureQueryData(q.connectorSamplesQuery),
  component: lazyRouteComponent(() => import("./routes/ComparePage"), "ComparePage"),
});

const connector = createRoute({
  getParentRoute: () => app,
  path: "/connectors/$id",
  validateSearch: (s: Record<string, unknown>): { path?: string; view?: "document" } => ({ path: text(s.path), ...(s.view === "document" ? { view: "document" } : {}) }),
  loader: ({ context: { client }, params }) => client.ensureQueryData(q.connectorQuery(params.id)),
  component: lazyRouteComponent(() => import("./routes/ConnectorPage"), "ConnectorPage"),
});

const faults = createRoute({
  getParentRoute: () => app,
  path: "/faults",
  loader: ({ context: { client } }) => client.ensureQueryData(q.demoQuery),
  component: lazyRouteComponent(() => import("./routes/FaultsPage"), "FaultsPage"),
});

export type LogSearch = { text?: string; level?: string; service?: string; range?: Range; live?: boolean };
const logs = createRoute({
  getParentRoute: () => app,
  path: "/logs",
  validateSearch: (s: Record<string, unknown>): LogSearch => ({
    text: text(s.text), level: text(s.level), service: text(s.service), range: isRange(s.range) ? s.range : undefined, live: s.live === true || undefined,
  }),
  component: lazyRouteComponent(() => import("./routes/LogsPage"), "LogsPage"),
});

const SECTIONS = ["autonomy", "stop-switch", "tokens", "audit", "about"] as const;
const settings = createRoute({
  getParentRoute: () => app,
  path: "/settings",
  validateSearch: (s: Record<string, unknown>): { section?: (typeof SECTIONS)[number] } => {
    const section = SECTIONS.find((x) => x === s.section);
    return section ? { section } : {};
  },
  component: lazyRouteComponent(() => import("./routes/SettingsPage"), "SettingsPage"),
});

const tree = root.addChildren([
  signIn,
  app.addChildren([overview, incidents, incident, detection, objectives, silences, systems, service, automation, runs, run, approvals, workflows, workflow, newWorkflow, schedules, runbooks, runbook, policy, connectors, compareConnectors, connector, faults, logs, settings]),
]);

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { client },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 300,
    defaultPendingComponent: PageSkeleton,
    defaultErrorComponent: ({ error, reset }) => <ErrorView error={error} retry={() => { void client.resetQueries({ predicate: (x) => x.state.status === "error" }).finally(reset); }} />,
    defaultNotFoundComponent: () => <ErrorView error={{ message: "There is no such page", detail: "The address may be mistyped, or the page may have moved." }} />,
    scrollRestoration: true,
  });
}
