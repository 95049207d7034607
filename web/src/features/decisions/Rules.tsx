/** Every guard and every rule: what it asked, what it saw, whether it counted. */
import clsx from "clsx";
import { Check, Minus, ShieldAlert, ShieldCheck } from "lucide-react";
import type { GuardReport, RuleReport } from "@/api/types";
import { Status } from "@/ui/Status";

export function GuardList({ items }: { items: readonly GuardReport[] }) {
  const sorted = [...items].sort((a, b) => Number(b.fired) - Number(a.fired));
  return (
    <section aria-labelledby="why-guards">
      <h3 id="why-guards" className="mb-2 text-sm font-semibold">Guards <span className="font-normal text-faint">– come first, and can only make a decision more careful</span></h3>
      <ul className="rounded-lg border">
        {sorted.map((g) => {
          const Icon = g.fired ? ShieldAlert : ShieldCheck;
          return (
            <li key={g.name} className={clsx("grid grid-cols-[auto_minmax(0,1fr)_auto] items-start gap-x-2.5 border-b px-3 py-1.5 text-sm last:border-b-0", g.fired && "bg-bad-soft/60")}>
              <Icon aria-hidden className={clsx("mt-0.5 size-4", g.fired ? "text-bad" : "text-ok")} />
              <span className="min-w-0"><span className={clsx("font-medium", g.fired && "text-bad")}>{g.name}</span><span className={clsx("block text-xs", g.fired ? "text-ink" : "text-faint")}>{g.reason}</span></span>
              {g.fired && g.verdict ? <Status kind="verdict" value={g.verdict} quiet /> : <span className="text-xs text-faint">silent</span>}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export function RuleTable({ items }: { items: readonly RuleReport[] }) {
  return (
    <section aria-labelledby="why-rules">
      <h3 id="why-rules" className="mb-2 text-sm font-semibold">Rules <span className="font-normal text-faint">– in order; the first that holds decides</span></h3>
      <ol className="rounded-lg border">
        {items.map((r, i) => (
          <li key={r.name} data-decided={r.decided || undefined} className={clsx("grid grid-cols-[1.5rem_minmax(0,1fr)_auto] items-start gap-x-2 border-b px-3 py-2 text-sm last:border-b-0", r.decided && "bg-accent-soft")}>
            <span className="num pt-0.5 text-xs text-faint">{i + 1}</span>
            <span className="min-w-0">
              <span className="flex flex-wrap items-center gap-x-2 font-medium">{r.name}
                {r.decided ? <span className="inline-flex items-center gap-1 rounded-full bg-accent-solid px-2 text-xs font-semibold text-on-accent"><Check aria-hidden className="size-3" />matched, decided</span>
                  : r.matched ? <span className="text-xs font-normal text-soft">matched, but not first</span>
                  : <span className="inline-flex items-center gap-0.5 text-xs font-normal text-faint"><Minus aria-hidden className="size-3" />did not match</span>}
              </span>
              <code className="block font-mono text-xs text-soft wrap-anywhere">{r.condition}</code>
            </span>
            <span><Status kind="verdict" value={r.verdict} quiet /></span>
          </li>
        ))}
      </ol>
    </section>
  );
}
