/** The confidence formula with its numbers. */
import type { ConfidenceReport } from "@/api/types";
import { plural } from "@/lib/format";
import { Meter } from "@/ui/Bits";

export function Confidence({ report: c }: { report: ConfidenceReport }) {
  const parts = [
    { name: "Analysis", hint: "probability of the diagnosis", weight: 0.4, value: c.analysis },
    { name: "History", hint: c.history_count > 0 ? `success of this runbook, ${plural(c.history_count, "outcome")}` : "no outcome yet: what its runbook expects", weight: 0.3, value: c.history },
    { name: "Simplicity", hint: "few affected services", weight: 0.2, value: c.simplicity },
    { name: "Impact", hint: "low business impact", weight: 0.1, value: c.impact },
  ];
  return (
    <section aria-labelledby="why-confidence">
      <h3 id="why-confidence" className="mb-2 text-sm font-semibold">Confidence</h3>
      <div className="overflow-x-auto rounded-lg border">
        <table className="w-full text-sm">
          <thead className="text-left text-xs text-faint"><tr className="border-b"><th scope="col" className="px-3 py-1.5 font-medium">Part</th><th scope="col" className="hidden w-1/4 px-3 font-medium sm:table-cell"><span className="sr-only">Bar</span></th><th scope="col" className="px-3 text-right font-medium whitespace-nowrap">Weight × value</th><th scope="col" className="px-3 text-right font-medium">Adds</th></tr></thead>
          <tbody>
            {parts.map((p) => (
              <tr key={p.name} className="border-b">
                <th scope="row" className="px-3 py-1.5 text-left font-medium">{p.name}<span className="block text-xs font-normal text-faint">{p.hint}</span></th>
                <td className="hidden px-3 sm:table-cell"><Meter value={p.value} label={p.name} /></td>
                <td className="px-3 text-right whitespace-nowrap text-soft">{p.weight} × {p.value.toFixed(2)}</td>
                <td className="px-3 text-right">{(p.weight * p.value).toFixed(3)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr className="border-b"><th scope="row" colSpan={2} className="px-3 py-1.5 text-left font-medium">Sum<span className="block text-xs font-normal text-faint sm:hidden">raw</span></th><td className="hidden sm:table-cell" /><td className="px-3 text-right">{c.raw.toFixed(3)}</td></tr>
            <tr className="bg-raised/60"><th scope="row" colSpan={2} className="px-3 py-2 text-left font-semibold">Calibrated<span className="block text-xs font-normal text-faint">corrected by how often such a number held in the past; compared with the rules</span></th><td className="hidden sm:table-cell" /><td className="px-3 text-right text-base font-semibold">{c.calibrated.toFixed(3)}</td></tr>
          </tfoot>
        </table>
      </div>
      <p className="mt-1.5 font-mono text-xs text-faint wrap-anywhere">{c.formula}</p>
    </section>
  );
}
