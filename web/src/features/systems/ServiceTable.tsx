/** Services as rows: for those who read, and for the phone. */
import { Link } from "@tanstack/react-router";
import type { MapNode, Service } from "@/api/types";
import { percent, plural, rate } from "@/lib/format";
import { duration } from "@/lib/time";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";

const WORST: Record<string, number> = { down: 0, degraded: 1, unknown: 2, healthy: 3 };

export function ServiceTable({ services, nodes }: { services: readonly Service[]; nodes: readonly MapNode[] }) {
  const rows = [...services].sort((a, b) => (WORST[a.health ?? "unknown"] ?? 2) - (WORST[b.health ?? "unknown"] ?? 2) || a.name.localeCompare(b.name));
  const th = "px-4 py-2 font-medium";
  return (
    <Panel flush title="Services" hint={plural(rows.length, "service")}>
      <div className="overflow-x-auto">
        <table className="w-full text-sm">
          <thead className="text-left text-xs text-faint"><tr className="border-b">
            <th scope="col" className={th}>Service</th><th scope="col" className={th}>Health</th><th scope="col" className={`${th} text-right`}>Requests</th><th scope="col" className={`${th} text-right`}>Errors</th><th scope="col" className={`${th} text-right`}>p95</th>
            <th scope="col" className={`${th} hidden md:table-cell`}>Instances</th><th scope="col" className={`${th} hidden md:table-cell`}>Release</th><th scope="col" className={`${th} hidden lg:table-cell`}>Owner</th>
          </tr></thead>
          <tbody>
            {rows.map((s) => {
              const n = nodes.find((x) => x.name === s.name);
              const running = (s.instances ?? []).filter((i) => i.state === "running").length;
              return (
                <tr key={s.name} data-row className="border-b last:border-b-0 hover:bg-raised/60">
                  <th scope="row" className="px-4 py-2.5 text-left"><Link to="/systems/$name" params={{ name: s.name }} search={{}} className="font-medium hover:underline">{s.name}</Link>{s.tier === "critical" && <span className="ml-2 text-xs text-faint">critical</span>}</th>
                  <td className="px-4"><Status kind="health" value={s.health ?? "unknown"} /></td>
                  <td className="px-4 text-right whitespace-nowrap">{rate(n?.request_rate)}</td>
                  <td className={`px-4 text-right whitespace-nowrap ${(n?.error_ratio ?? 0) > 0.05 ? "font-semibold text-bad" : ""}`}>{percent(n?.error_ratio)}</td>
                  <td className="px-4 text-right whitespace-nowrap">{duration(n?.p95_ms)}</td>
                  <td className="hidden px-4 md:table-cell">{running} of {s.instances?.length ?? 0} running</td>
                  <td className="hidden px-4 font-mono text-xs text-soft md:table-cell">{s.version ?? "–"}</td>
                  <td className="hidden px-4 text-soft lg:table-cell">{s.owner ?? "–"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
