/** Series that are outside their band more often than they should be, with who says what is expected of them. */
import { Link } from "@tanstack/react-router";
import type { DriftView } from "@/api/types";
import { count, metricTitle, percent } from "@/lib/format";
import { Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

const labelText = (labels: DriftView["labels"]) => Object.entries(labels).map(([k, v]) => `${k}=${v}`).join(" ");

export function Drifting({ items }: { items: readonly DriftView[] }) {
  return (
    <Panel flush title="Drift" hint="one point in a hundred is outside its band when all is as it was">
      {items.length === 0 ? <Empty title="Every series behaves as it was learned">A series that is outside its band for more than five points in a hundred shows here.</Empty> : (
        <ul>
          {items.map((d) => (
            <li key={`${d.service} ${d.metric} ${labelText(d.labels)}`} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 border-b px-4 py-2.5 last:border-b-0">
              <div className="min-w-0">
                <p className="text-sm wrap-anywhere"><Link to="/systems/$name" params={{ name: d.service }} search={{}} className="font-medium hover:underline">{d.service}</Link> {metricTitle(d.metric)}</p>
                <p className="mt-0.5 text-xs text-faint wrap-anywhere">{labelText(d.labels)}</p>
                <p className="mt-0.5 text-xs text-faint">expected by {d.members.filter((m) => m.weight >= 0.05).map((m) => `${m.name} ${percent(m.weight)}`).join(", ")}, after {count(d.points)} points</p>
              </div>
              <span className="num text-sm font-medium">{percent(d.outside)}<span className="block text-right text-xs font-normal text-faint">outside</span></span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
