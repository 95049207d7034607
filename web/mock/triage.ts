/** Silences and triage rules of the mock, with a small reading of conditions: comparisons joined by && and ||. */
import { parse, YAMLParseError } from "yaml";
import type { components } from "../src/api/schema";
import { id, iso } from "./ids";
import { offer, page, Refusal, text } from "./refusal";
import type { World } from "./world";

type S = components["schemas"];
const HOUR = 3_600_000;
const KINDS: S["FindingKind"][] = ["probe_failure", "process_exit", "restart_loop", "error_rate", "latency", "cpu_saturation", "memory_leak", "disk_filling", "log_new_pattern", "log_burst", "log_anomaly", "metric_anomaly", "budget_burn", "alert"];
const FACTS: S["FactView"][] = [
  ["service", "text"], ["tier", "one of critical, standard, internal"], ["owner", "text"], ["instance", "text"], ["kind", `one of ${KINDS.join(", ")}`], ["detector", "text"], ["severity", "one of low, medium, high, critical"],
  ["score", "a number"], ["subject", "text"], ["source", "text"], ["summary", "text"], ["hour", "a number"], ["weekday", "a number"],
].map(([name, values]) => ({ name: name!, values: values! }));
const RULES: S["TriageRule"][] = [
  { kind: "mute", name: "nightly-backup", why: "The backup fills the disk of the worker each night.", condition: "service == 'worker' && kind == 'disk_filling' && hour < 4" },
  { kind: "inhibit", name: "node-down", why: "What runs on a node that is down is down too.", condition: "subject != 'NodeDown'" },
  { kind: "group", name: "cluster", why: "One cluster fails as one.", condition: "service.startsWith('shard-')" },
  { kind: "priority", name: "money", why: "Payments first.", condition: "service == 'payments' && severity in ['high', 'critical']" },
];

function factsOf(f: S["Finding"]): Record<string, string | number> {
  const at = new Date(f.detected_at);
  const s = f.subject;
  return {
    service: f.service, tier: "standard", owner: "", instance: f.instance ?? "", kind: f.kind, detector: f.detector, severity: f.severity, score: f.score, summary: f.summary, source: s.type === "alert" ? s.source : "homeostat",
    subject: s.type === "log_template" ? s.template : s.type === "probe" ? s.target : s.type === "process" ? s.instance : s.name, hour: at.getUTCHours(), weekday: at.getUTCDay() || 7,
  };
}

/** A condition as a function; a flaw is refused with where and what. */
function compile(when: string, where: string): (f: S["Finding"]) => boolean {
  const term = (part: string): ((f: S["Finding"]) => boolean) => {
    const t = part.trim();
    if (t === "true" || t === "false") return () => t === "true";
    const [, name = "", op = "", given = ""] = /^([\w.]+)\s*(==|!=|<=|>=|<|>|in)\s*(.+)$/.exec(t) ?? [];
    if (!name) throw new Refusal("invalid_request", `${where}: \`${t}\` is no condition. Write a comparison, for example: service == 'db'`);
    if (!name.startsWith("labels.") && !FACTS.some((f) => f.name === name)) throw new Refusal("invalid_request", `${where}: there is no \`${name}\`. Known are ${FACTS.map((f) => f.name).join(", ")} and labels.<name>`);
    const read = (v: string): string | number => { const quoted = /^'((?:[^'\\]|\\.)*)'$/.exec(v.trim()); if (quoted) return quoted[1]!.replace(/\\(.)/g, "$1"); if (v.trim() !== "" && Number.isFinite(Number(v))) return Number(v); throw new Refusal("invalid_request", `${where}: \`${v.trim()}\` is neither a text in quotes nor a number`); };
    const wanted = op === "in" ? given.trim().replace(/^\[|\]$/g, "").split(",").map(read) : [read(given)];
    return (f) => {
      const labels = f.subject.type === "alert" || f.subject.type === "metric" ? (f.subject.labels ?? {}) : {};
      const value = name.startsWith("labels.") ? (labels[name.slice(7)] ?? "") : factsOf(f)[name]!;
      const [first = ""] = wanted;
      return op === "==" ? value === first : op === "!=" ? value !== first : op === "in" ? wanted.includes(value) : op === "<" ? value < first : op === ">" ? value > first : op === "<=" ? value <= first : value >= first;
    };
  };
  const ways = when.split("||").map((way) => way.split("&&").map(term));
  return (f) => ways.some((all) => all.every((holds) => holds(f)));
}

export class Triage {
  private readonly silences: S["Silence"][];

  constructor(private readonly world: World, private readonly changed: (kind: string, what: string) => void) {
    const made = (name: string, when: string, from: number, to: number, reason: string, by: string): S["Silence"] => ({ id: id("sil", world.born + from * HOUR, name), when, starts_at: iso(world.born + from * HOUR), ends_at: iso(world.born + to * HOUR), reason, by: { type: "user", name: by }, created_at: iso(world.born + Math.min(from, -1) * HOUR) });
    this.silences = [
      made("disks", "service == 'checkout' && kind == 'disk_filling'", -1, 3, "The volume of checkout is being grown", "ana"), made("move", "service in ['catalog', 'worker']", 20, 24, "Catalog moves to other machines", "admin"),
      made("drill", "severity == 'low'", -30, -28, "Game day", "admin"),
    ];
  }

  private firing(when: string, where = "/when") {
    const holds = compile(when, where);
    return this.world.told().flatMap((t) => t.findings).filter((f) => f.state === "firing" && holds(f)).sort((a, b) => b.detected_at.localeCompare(a.detected_at));
  }

  private view(s: S["Silence"], session: S["SessionView"]): S["SilenceView"] {
    const now = Date.now();
    const state: S["SilenceState"] = Date.parse(s.ends_at) <= now ? "over" : Date.parse(s.starts_at) > now ? "pending" : "active";
    return { ...s, state, matching: state === "over" ? 0 : this.firing(s.when).length, allowed_actions: [offer(session, "end", "End", `/silences/${s.id}/end`, "operator", state === "over" ? "it is over" : null)] };
  }

  read([a]: string[], q: URLSearchParams, session: S["SessionView"]): unknown {
    if (a === "triage") { const view: S["TriageView"] = { version: "sha256:51c07e2f9a", rules: RULES }; return view; }
    return page(this.silences.toSorted((x, y) => y.ends_at.localeCompare(x.ends_at)).map((s) => this.view(s, session)), q);
  }

  change([a, b = "", c]: string[], body: Record<string, unknown>, session: S["SessionView"]): unknown {
    if (a === "triage") return this.rehearse(text(body.source), Number(body.since_hours ?? 24));
    if (b === "preview") { const all = this.firing(text(body.when)); const matches: S["SilenceMatches"] = { matching: all.slice(0, 100), total: all.length, facts: FACTS }; return matches; }
    const by: S["Actor"] = { type: "user", name: session.user.name };
    if (c === "end") {
      const known = this.silences.find((s) => s.id === b);
      if (!known) throw new Refusal("not_found", `there is no silence ${b} in force or to come`);
      known.ends_at = iso(Date.now() - 1);
      if (known.starts_at > known.ends_at) known.starts_at = known.ends_at;
      this.world.record(by, "silence.ended", b); this.changed("silence", b);
      return undefined;
    }
    const now = Date.now();
    const silence: S["Silence"] = { id: id("sil", now, text(body.when), text(body.ends_at)), when: text(body.when), starts_at: text(body.starts_at) || iso(now), ends_at: text(body.ends_at), reason: text(body.reason), by, created_at: iso(now) };
    compile(silence.when, "/when");
    if (Date.parse(silence.ends_at) <= Math.max(now, Date.parse(silence.starts_at))) throw new Refusal("invalid_request", "`ends_at` must lie after `starts_at` and in the future");
    this.silences.push(silence);
    this.world.record(by, "silence.created", silence.id, { when: silence.when, reason: silence.reason }); this.changed("silence", silence.id);
    return this.view(silence, session);
  }

  /** Mutes take findings out, groups put them into one: enough to see a change. */
  private rehearse(source: string, hours: number): S["Rehearsal"] {
    type File = Partial<Record<S["TriageKind"], { name?: string; why?: string; when?: string }[]>> | null;
    let file: File;
    try { file = parse(source) as File; } catch (e) { throw new Refusal("invalid_request", `/source: ${e instanceof YAMLParseError ? e.message : String(e)}`); }
    const unknown = Object.keys(file ?? {}).find((k) => !["mute", "inhibit", "group", "separate", "priority"].includes(k));
    if (unknown) throw new Refusal("invalid_request", `/source: line 1: unknown field \`${unknown}\`. Known are mute, inhibit, group, separate, priority`);
    const rules = (kind: "mute" | "group") => (file?.[kind] ?? []).map((r) => ({ ...r, holds: compile(r.when ?? "true", `/source: ${kind} ${r.name ?? ""}`) }));
    const [mutes, groups] = [rules("mute"), rules("group")];
    const told = this.world.told().filter((t) => Date.parse(t.incident.opened_at) > Date.now() - hours * HOUR).toReversed();
    const changed: S["Placed"][] = [];
    const after = new Set<number>();
    let quieted = 0;
    told.forEach((t, i) => { for (const f of t.findings) {
      const mute = mutes.find((m) => m.holds(f));
      const group = groups.find((g) => g.holds(f));
      const becomes = mute ? null : group ? 1 : i + 1;
      if (becomes === null) quieted += 1; else after.add(becomes);
      if (becomes !== i + 1) changed.push({ finding: f.id, service: f.service, summary: f.summary, was: i + 1, becomes, why: mute ? `muted by rule ${mute.name ?? ""}: ${mute.why ?? ""}` : `put together by rule ${group?.name ?? ""}: ${group?.why ?? ""}` });
    } });
    return { findings: told.flatMap((t) => t.findings).length, incidents_before: told.length, incidents_after: after.size, quieted, changed: changed.slice(0, 200) };
  }
}
