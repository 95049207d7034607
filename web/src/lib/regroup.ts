/** What belongs to an incident and why, and which incidents a search means. */
import type { Incident, IncidentSummary } from "@/api/types";

/** The reason of each finding: the server keeps them in the order of the findings. */
export const reasonsOf = ({ findings, grouping }: Pick<Incident, "findings" | "grouping">): Map<string, string> =>
  new Map(findings.flatMap((id, i) => { const why = grouping[i]; return why ? [[id, why] as const] : []; }));

/** Whether an incident has every word of a search: in its title, its services, its id. */
export function fits(i: Pick<IncidentSummary, "id" | "title" | "services">, search: string): boolean {
  const text = [i.title, ...i.services, i.id].join(" ").toLowerCase();
  return search.toLowerCase().split(/\s+/).every((w) => text.includes(w));
}
