/** How the trouble travelled from one cause to where it shows: as a map, and as a list that says the same. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useMemo } from "react";
import { mapQuery } from "@/api/queries";
import type { Cause, Incident } from "@/api/types";
import { causalMap, standing, stops, type Stop } from "@/lib/causal";
import { percent, tie } from "@/lib/format";
import { Meter } from "@/ui/Bits";
import { Segmented } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { Skeleton } from "@/ui/States";
import { Status } from "@/ui/Status";

const CausalMap = lazy(() => import("./CausalMap"));
const ROLE: Record<Stop["role"], string> = { cause: "It began here", between: "It passed through here", symptom: "It shows here" };

type Props = { incident: Incident; /** The cause that is looked at; the first unless told. */ chosen: string | undefined; onChoose: (cause: string) => void; onEvidence: (id: string) => void };

export function CausalPath({ incident, chosen, onChoose, onEvidence }: Props) {
  const { data: map } = useQuery({ ...mapQuery, throwOnError: false });
  const causes = incident.causes.filter((c) => (c.path ?? []).length > 0);
  const cause = causes.find((c) => c.id === chosen) ?? causes[0];
  const drawn = useMemo(() => cause && causalMap(cause, incident.services, map?.edges ?? []), [cause, incident.services, map]);
  if (!cause || !drawn) return null;
  const { verified, text } = standing(cause);
  return (
    <Panel title="From cause to symptom" hint={causes.length > 1 ? undefined : "how the trouble travelled"}
      actions={<>{causes.length > 1 && <Segmented label="Cause" value={cause.id} options={causes.slice(0, 3).map((c) => [c.id, `${String(c.rank)}. ${c.service}`] as const)} onChange={onChoose} />}<Status kind="path" value={verified ? "verified" : "assumed"} /></>}>
      <p className={`text-sm ${verified ? "text-soft" : "font-medium text-warn"}`}>{text}</p>
      {drawn.nodes.length > 1 && (
        <div className="mt-3">
          <Suspense fallback={<Skeleton className="h-32 w-full" />}><CausalMap {...drawn} /></Suspense>
          <p aria-hidden className="mt-2 flex flex-wrap gap-x-5 gap-y-1 text-xs text-faint">
            <Key><path d="M0,4 H20" strokeWidth="3" className="stroke-bad" /><path d="M26,4 l-8,-4 v8 z" className="fill-bad" /></Key>the trouble travelled; times count from the cause
            {!verified && <><Key><path d="M1,4 H26" strokeWidth="3" strokeDasharray="2 5" strokeLinecap="round" className="stroke-warn" /></Key>assumed, not shown</>}
            <Key><path d="M0,4 H26" strokeWidth="1.25" className="stroke-line-strong" /></Key>calls
          </p>
        </div>
      )}
      <ol aria-label={`Path of ${cause.service}`} className="mt-3 border-t">
        {stops(cause).map((s) => <StopRow key={s.service} stop={s} cause={cause} titles={new Map(incident.evidence.map((e) => [e.id, e.title]))} onEvidence={onEvidence} />)}
      </ol>
    </Panel>
  );
}

const Key = ({ children }: { children: React.ReactNode }) => <svg viewBox="0 0 27 8" className="-mr-3 inline-block h-2 w-7 self-center">{children}</svg>;

function StopRow({ stop: s, cause, titles, onEvidence }: { stop: Stop; cause: Cause; titles: ReadonlyMap<string, string>; onEvidence: (id: string) => void }) {
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 border-b py-2 last:border-b-0 last:pb-0">
      <div className="min-w-0">
        <p className="text-sm">
          <Link to="/systems/$name" params={{ name: s.service }} search={{}} className="font-medium text-ink hover:underline">{s.service}</Link>
          {s.role === "cause" && cause.instance && <span className="text-soft"> {cause.instance}</span>}
          <span className={`ml-2 text-xs ${s.doubt ? "font-medium text-warn" : "text-faint"}`}>{s.doubt ? `not shown: it ${s.doubt}` : ROLE[s.role]}</span>
        </p>
        {s.evidence.filter((id) => titles.has(id)).map((id) => (
          <button key={id} type="button" onClick={() => { onEvidence(id); }} className="block min-h-6 max-w-full text-left text-xs text-accent wrap-anywhere hover:underline">{tie(titles.get(id) ?? "")}</button>
        ))}
      </div>
      <div className="w-36 text-right text-xs">
        <p className="num font-medium text-ink">{s.timing}</p>
        {s.covers != null && <div className="mt-1 text-faint"><span className="num">{percent(s.covers)} of the symptom</span><Meter value={s.covers} label="Share of the symptom that it covers" tone="neutral" className="mt-0.5" /></div>}
      </div>
    </li>
  );
}
