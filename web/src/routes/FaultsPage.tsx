/** The demo's own screen: break something that really runs and watch the loop. */
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { useRefusal } from "@/api/may";
import { demoQuery, overviewQuery } from "@/api/queries";
import { FaultCard } from "@/features/faults/FaultCard";
import { toMs } from "@/lib/time";
import { PageHead } from "@/ui/Panel";

export function FaultsPage() {
  const { data: demo } = useSuspenseQuery({ ...demoQuery, refetchInterval: 3_000 });
  const { data: overview } = useQuery(overviewQuery);
  const refused = useRefusal("create_fault", "inject faults");
  const blocked = !demo.world.running ? "the demo world is not running" : refused;
  /** The newest incident that began after the fault, of the same service. */
  const caused = (service: string, since: string | null | undefined) =>
    since ? overview?.recent.find((i) => i.services.includes(service) && toMs(i.opened_at) >= toMs(since)) : undefined;
  return (
    <>
      <PageHead title="Faults" lead="Each of these really happens to a process on this machine. Inject one; it is found within seconds." />
      <p className="mb-5 flex items-center gap-3 rounded-xl border border-warn/40 bg-warn-soft px-4 py-3 text-sm text-warn"><FlaskConical aria-hidden className="size-5 shrink-0" /><span><strong>Demo: real processes, simulated shop.</strong> Orders and visitors are made up; processes, traffic, deploys and failures are not.</span></p>
      <ul className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
        {demo.faults.map((f) => <FaultCard key={f.name} fault={f} incident={caused(f.service, f.injected_at)} blocked={blocked} />)}
      </ul>
    </>
  );
}
