/** Everything that runs: as a live map of calls, or as a list. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Network } from "lucide-react";
import { lazy, Suspense } from "react";
import { mapQuery, servicesQuery } from "@/api/queries";
import { ServiceTable } from "@/features/systems/ServiceTable";
import { Segmented } from "@/ui/Field";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty, Skeleton } from "@/ui/States";

const ServiceMapView = lazy(() => import("@/features/systems/ServiceMapView"));
const route = getRouteApi("/app/systems");

export function SystemsPage() {
  const { view } = route.useSearch();
  const navigate = useNavigate();
  const { data: map } = useSuspenseQuery({ ...mapQuery, refetchInterval: 3_000 });
  const { data: services } = useSuspenseQuery(servicesQuery);
  return (
    <>
      <PageHead title="Systems" lead="Services as they call each other, seen in traces and declared by people."
        actions={<Segmented label="View" value={view ?? "map"} options={[["map", "Map"], ["list", "List"]]} onChange={(v) => void navigate({ to: "/systems", search: v === "list" ? { view: "list" } : {}, replace: true })} />} />
      {map.nodes.length === 0 ? <Panel><Empty icon={Network} title="No service is known yet">Services show here by themselves once their spans, metrics or logs arrive.</Empty></Panel> : (
        <div className="space-y-5">
          {view !== "list" && <Panel flush><Suspense fallback={<Skeleton className="h-105 w-full" />}><ServiceMapView map={map} /></Suspense></Panel>}
          <ServiceTable services={services} nodes={map.nodes} />
        </div>
      )}
    </>
  );
}
