/** Short names for the API's types; the only file that looks into the generated schema. */
import type { components, operations } from "./schema";

type Schemas = components["schemas"];

export type Severity = Schemas["Severity"];
export type FailureClass = Schemas["FailureClass"];
export type IncidentStatus = Schemas["IncidentStatus"];
export type Verdict = Schemas["Verdict"];
export type Autonomy = Schemas["Autonomy"];
export type Health = Schemas["Health"];
export type StepStatus = Schemas["StepStatus"];
export type LogLevel = Schemas["LogLevel"];
export type Role = Schemas["Role"];
export type Band = Schemas["Band"];
export type Finding = Schemas["Finding"];
export type FindingView = Schemas["FindingView"];
export type ObjectiveStatus = Schemas["ObjectiveStatus"];
export type ObjectivesView = Schemas["ObjectivesView"];
export type DetectionView = Schemas["DetectionView"];
export type DetectorQuality = Schemas["DetectorQuality"];
export type DriftView = Schemas["DriftView"];
export type ReplayRequest = Schemas["ReplayRequest"];
export type ReplayView = Schemas["ReplayView"];
export type Evidence = Schemas["Evidence"];
export type EvidenceBody = Schemas["EvidenceBody"];
export type Cause = Schemas["Cause"];
export type PathStep = Schemas["PathStep"];
export type TimelineEntry = Schemas["TimelineEntry"];
export type Recommendation = Schemas["Recommendation"];
export type Incident = Schemas["Incident"];
export type Explanation = Schemas["Explanation"];
export type ModelAnswer = Schemas["ModelAnswer"];
export type Citation = Schemas["Citation"];
export type Decision = Schemas["Decision"];
export type ConfidenceReport = Schemas["ConfidenceReport"];
export type GuardReport = Schemas["GuardReport"];
export type RuleReport = Schemas["RuleReport"];
export type Step = Schemas["Step"];
export type Run = Schemas["WorkedRun"];
export type Track = Schemas["Track"];
export type Instance = Schemas["Instance"];
export type Service = Schemas["Service"];
export type Edge = Schemas["Edge"];
export type Change = Schemas["Change"];
export type LogRecord = Schemas["LogRecord"];
export type AutonomyGrant = Schemas["AutonomyGrant"];
export type Actor = Schemas["Actor"];
export type AuditRow = Schemas["AuditRow"];
export type Problem = Schemas["Problem"];
export type Session = Schemas["SessionView"];
export type AllowedAction = Schemas["AllowedAction"];
export type Silence = Schemas["SilenceView"];
export type SilenceRequest = Schemas["SilenceRequest"];
export type SilenceMatches = Schemas["SilenceMatches"];
export type TriageKind = Schemas["TriageKind"];
export type TriageView = Schemas["TriageView"];
export type TriageTest = Schemas["TriageTest"];
export type Rehearsal = Schemas["Rehearsal"];
export type Regrouped = Schemas["Regrouped"];
export type IncidentSummary = Schemas["IncidentSummary"];
export type StopSwitch = Schemas["StopSwitch"];
export type ActivityEntry = Schemas["ActivityLine"];
export type Overview = Schemas["Overview"];
export type IncidentDetail = Schemas["IncidentDetail"];
export type ServiceDetail = Schemas["ServiceDetail"];
export type MapNode = Schemas["MapNode"];
export type ServiceMap = Schemas["ServiceMap"];
export type SeriesLine = Schemas["DrawnSeries"];
export type SeriesAnswer = Schemas["Drawing"];
export type LogHistogram = Schemas["Histogram"];
export type RunItem = Schemas["RunItem"];
export type RunStatus = Schemas["RunStatus"];
export type RunPurpose = Schemas["RunPurpose"];
export type StepItem = Schemas["StepItem"];
export type JournalItem = Schemas["JournalItem"];
export type HoldsView = Schemas["HoldsView"];
export type Hold = Schemas["Hold"];
export type ApprovalItem = Schemas["ApprovalItem"];
export type ApprovalState = Schemas["ApprovalState"];
export type BulkAction = Schemas["BulkAction"];
export type BulkResult = Schemas["BulkResult"];
export type WorkflowSummary = Schemas["WorkflowSummary"];
export type WorkflowVersion = Schemas["WorkflowVersion"];
export type SourceError = Schemas["SourceError"];
export type RunPlan = Schemas["RunPlan"];
export type ScheduleItem = Schemas["ScheduleItem"];
export type RunbookSummary = Schemas["RunbookSummary"];
export type Runbook = Schemas["RunbookDetail"];
export type PolicyRule = Schemas["PolicyRule"];
export type Policy = Schemas["PolicyView"];
export type ApiToken = Schemas["Token"];
export type CreatedToken = Schemas["TokenCreated"];
export type AuditVerification = Schemas["AuditVerdict"];
export type Status = Schemas["Status"];
export type Fault = Schemas["Fault"];
export type Demo = Schemas["DemoView"];
export type Connector = Schemas["Connector"];
export type ConnectorSummary = Schemas["ConnectorSummary"];
export type ConnectorDiagnostic = Schemas["ConnectorDiagnostic"];
export type ConnectorFile = Schemas["ConnectorFile"];
export type ConnectorSample = Schemas["ConnectorSample"];
export type ConnectorDiff = Schemas["ConnectorDiff"];
export type ConnectorChange = Schemas["ConnectorChange"];

// What a request carries.
/** What is left out is as it is unless told. */
export type ConnectorOptions = Partial<Schemas["ConnectorOptions"]>;
export type ConnectorRequest = { source: Schemas["ConnectorSource"]; options: ConnectorOptions };
export type ConnectorDiffRequest = Schemas["ConnectorDiffRequest"];
export type SignIn = Schemas["SignIn"];
export type FaultRequest = Schemas["FaultRequest"];
export type StopRequest = Schemas["StopRequest"];
export type TokenRequest = Schemas["TokenRequest"];
export type RunRequest = Schemas["RunRequest"];
export type PlanRequest = Schemas["PlanRequest"];
export type HoldRequest = Schemas["HoldRequest"];
export type RunStarted = Schemas["RunStarted"];
export type AutonomyView = Schemas["AutonomyView"];
export type SeriesAsk = operations["query_series"]["parameters"]["query"];

/** Every operation of the API, by its id. */
export type Operation = keyof operations;

/** Conditions on runs, as the address and the API know them; every part may be left out. */
export type RunFilter = { status?: string; workflow?: string; service?: string; purpose?: string; text?: string; since?: string; until?: string };
export type BulkRequest = { action: BulkAction; filter: RunFilter; reason: string; limit: number };

// The contract calls the parts of a diagram plain objects; this is what is in them (crates/workflow/src/graph.rs).
export type FlowPart = "body" | "branch" | "try" | "catch" | "each";
export type FlowNode = { id: string; kind: string; name: string; call?: string; detail?: string; condition?: string; timeout_ms?: number; parent?: string; part?: FlowPart };
export type FlowEdge = { from: string; to: string; way: "next" | "then" | "case" | "into" | "catch" | "retry" | "loop"; label?: string };
export type FlowGraph = { nodes: FlowNode[]; edges: FlowEdge[] };
export type RunDetail = Omit<Schemas["RunDetail"], "graph"> & { graph: FlowGraph };
export type WorkflowDetail = Omit<Schemas["WorkflowDetail"], "graph"> & { graph: FlowGraph };
export type Validation = Omit<Schemas["Validation"], "graph"> & { graph?: FlowGraph | null };

/** A page of a list. */
export type Page<T> = { items: T[]; next?: string | null };
