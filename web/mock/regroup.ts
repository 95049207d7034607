/** Groups that people corrected, in the mock: laid over what the stories tell. */
import type { components } from "../src/api/schema";
import { id, iso } from "./ids";
import type { Told } from "./incidents";
import { Refusal } from "./refusal";

type S = components["schemas"];
type Split = { incident: string; from: string; at: number; by: string; title: string };

const refuse = ({ incident: i }: Told): string | null => (i.status === "resolved" ? "it is over" : i.status === "mitigating" || i.status === "verifying" ? "a run works on it; wait until it ends, or cancel it" : null);

export class Regroup {
  private readonly place = new Map<string, { incident: string; by: string }>();
  private readonly splits: Split[] = [];
  private readonly merged = new Map<string, { into: string; at: number }>();

  /** Why people cannot change what belongs to an incident, for each of the two buttons. */
  static refusals(t: Told): { merge: string | null; split: string | null } {
    const merge = refuse(t);
    return { merge, split: merge ?? (t.findings.length < 2 ? "it has one finding only" : null) };
  }

  apply(told: Told[]): Told[] {
    if (this.place.size === 0) return told;
    const all = told.flatMap((t) => t.findings);
    const opened = this.splits.flatMap((s): Told[] => {
      const from = told.find((t) => t.incident.id === s.from);
      return from ? [{ incident: { ...from.incident, id: s.incident, title: s.title, status: "open", causes: [], evidence: [], conclusive: false, recommendations: [], decisions: [], runs: [], opened_at: iso(s.at), needs_person: null, acknowledged_at: null, timeline: [{ at: iso(s.at), kind: "person", text: `Opened: split from another incident by ${s.by}`, subject: null }] }, findings: [], decisions: [], runs: [] }] : [];
    });
    return [...told, ...opened].map((t) => {
      const kept = t.findings.filter((f) => (this.place.get(f.id)?.incident ?? t.incident.id) === t.incident.id);
      const come = all.filter((f) => this.place.get(f.id)?.incident === t.incident.id && !t.findings.includes(f));
      const end = this.merged.get(t.incident.id);
      if (come.length === 0 && kept.length === t.findings.length && !end) return t;
      const why = new Map(t.incident.findings.map((f, i) => [f, t.incident.grouping[i] ?? ""]));
      const findings = [...kept, ...come];
      const incident: S["Incident"] = {
        ...t.incident, findings: findings.map((f) => f.id), firing: findings.filter((f) => f.state === "firing").length,
        services: findings.length > 0 ? [...new Set(findings.map((f) => f.service))] : t.incident.services, grouping: findings.map((f) => (come.includes(f) ? `put here by ${this.place.get(f.id)!.by}` : (why.get(f.id) ?? ""))),
        ...(end ? { status: "resolved" as const, resolved_at: iso(end.at), merged_into: end.into, resolution: `part of incident ${end.into}`, needs_person: null } : {}),
      };
      return { ...t, incident, findings };
    });
  }

  private open(told: Told[], incident: string): Told {
    const t = told.find((x) => x.incident.id === incident);
    if (!t) throw new Refusal("not_found", `there is no open incident ${incident}`);
    const reason = refuse(t);
    if (reason) throw new Refusal("conflict", `incident ${incident}: ${reason}`);
    return t;
  }

  /** The incident that has the findings then. */
  change(told: Told[], deed: string, incident: string, body: Record<string, unknown>, by: string): S["Regrouped"] {
    const named = (body.findings as string[] | undefined) ?? [];
    const put = (findings: readonly string[], to: string) => { for (const f of findings) this.place.set(f, { incident: to, by }); };
    if (deed === "merge") {
      const into = String(body.into);
      if (into === incident) throw new Refusal("invalid_request", "an incident cannot be merged into itself");
      const from = this.open(told, incident);
      if (told.find((t) => t.incident.id === into)?.incident.status === "resolved") throw new Refusal("not_found", `there is no open incident ${into}`);
      put(from.incident.findings, into);
      this.merged.set(incident, { into, at: Date.now() });
      return { incident: into };
    }
    if (deed === "split") {
      const from = this.open(told, incident);
      const chosen = from.incident.findings.filter((f) => named.includes(f));
      if (chosen.length === 0 || chosen.length === from.incident.findings.length) throw new Refusal("invalid_request", "name some findings of the incident, and not all of them");
      const to = id("inc", Date.now(), "split", chosen[0]!);
      this.splits.push({ incident: to, from: incident, at: Date.now(), by, title: from.findings.find((f) => f.id === chosen[0])!.summary });
      put(chosen, to);
      return { incident: to };
    }
    for (const f of named) this.open(told, told.find((t) => t.incident.findings.includes(f))?.incident.id ?? incident);
    put(named, incident);
    return { incident };
  }
}
