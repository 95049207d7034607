/** One sentence on the state of everything, and the counts behind it. */
import { Link } from "@tanstack/react-router";
import type { Overview } from "@/api/types";
import { plural } from "@/lib/format";
import { look, Status, toneInk } from "@/ui/Status";

export function HealthHeadline({ overview }: { overview: Overview }) {
  const { services: s, incidents: i } = overview;
  const state = s.down > 0 ? "down" : s.degraded > 0 ? "degraded" : s.healthy > 0 ? "healthy" : "unknown";
  const { icon: Icon, tone } = look("health", state);
  const bad = s.down + s.degraded;
  const title = state === "healthy" ? "Everything is well" : state === "unknown" ? "Nothing was heard yet" : `${plural(bad, "service is", "services are")} not well`;
  const lead = i.needs_person > 0 ? `${plural(i.needs_person, "incident needs", "incidents need")} a person.` : i.open > 0 ? "Homeostat is working on it; nobody is needed." : state === "unknown" ? "Point a service's OpenTelemetry exporter at this server to begin." : "No open incident.";
  return (
    <header className="flex flex-wrap items-center gap-x-5 gap-y-3">
      <Icon aria-hidden className={`size-9 ${toneInk(tone)}`} strokeWidth={1.75} />
      <div className="min-w-0 flex-1 basis-64">
        <h1 className="text-xl leading-7 font-semibold tracking-tight">{title}</h1>
        <p className="text-sm text-soft">{lead}</p>
      </div>
      <ul className="flex flex-wrap gap-x-5 gap-y-1" aria-label="Services by health">
        {(["healthy", "degraded", "down", "unknown"] as const).filter((k) => s[k] > 0).map((k) => (
          <li key={k}><Link to="/systems" search={{}} className="flex min-h-6 items-center gap-1.5 text-sm hover:underline"><span className="num font-semibold">{s[k]}</span><Status kind="health" value={k} quiet /></Link></li>
        ))}
      </ul>
    </header>
  );
}
