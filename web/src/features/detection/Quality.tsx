/** What each detector said, and how often people agreed. */
import type { DetectorQuality } from "@/api/types";
import { count, percent, words } from "@/lib/format";
import { Meter } from "@/ui/Bits";
import { Panel } from "@/ui/Panel";

export function Quality({ detectors }: { detectors: readonly DetectorQuality[] }) {
  const loudest = [...detectors].sort((a, b) => b.raised - a.raised);
  return (
    <Panel flush title="Detectors" hint="precision is the share of judged findings that were worth saying">
      <div className="overflow-x-auto">
        <table className="w-full text-sm">
          <thead><tr className="text-left text-xs text-faint">{["Detector", "Said", "Firing", "Judged", "Precision"].map((h) => <th key={h} scope="col" className="px-4 py-2 font-medium">{h}</th>)}</tr></thead>
          <tbody>
            {loudest.map((d) => (
              <tr key={d.name} className="border-t">
                <th scope="row" className="px-4 py-2 text-left font-medium">{words(d.name)}</th>
                <td className="num px-4 py-2">{count(d.raised)}</td>
                <td className="num px-4 py-2">{count(d.firing)}</td>
                <td className="num px-4 py-2">{count(d.confirmed + d.dismissed)}</td>
                <td className="px-4 py-2">{d.precision == null ? <span className="text-faint">not known</span> : <span className="flex items-center gap-2"><span className="num w-10">{percent(d.precision)}</span><Meter className="w-20!" value={d.precision} label={`Precision of ${words(d.name)}`} tone="ok" /></span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
