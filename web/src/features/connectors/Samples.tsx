/** Documents that come with Homeostat, as cards: each can be made at once, or opened and changed first. */
import { Link } from "@tanstack/react-router";
import { Activity, CreditCard, FileCode2, Handshake, PackagePlus, Users, type LucideIcon } from "lucide-react";
import type { ConnectorSample } from "@/api/types";
import { plural } from "@/lib/format";
import { Button, buttonClass } from "@/ui/Button";

const ICONS: Record<string, LucideIcon> = { users: Users, billing: CreditCard, monitoring: Activity, crm: Handshake };

/** The first paragraph of a description in Markdown, without its marks. */
const lead = (text: string): string => (text.trim().split(/\n\s*\n/)[0] ?? "").replaceAll(/[`*_]/g, "").replaceAll(/\s+/g, " ").trim();

type Props = { samples: readonly ConnectorSample[]; open?: string | undefined; making: string | null; refused: string | null; onMake: (name: string) => void };

export function Samples({ samples, open, making, refused, onMake }: Props) {
  return (
    <section aria-labelledby="samples" className="mb-5">
      <h2 id="samples" className="mb-2 text-sm font-semibold">Samples to try</h2>
      <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-4">
        {samples.map((s) => {
          const Icon = ICONS[s.name] ?? FileCode2;
          return (
            <li key={s.name} className="flex min-w-0 flex-col rounded-xl border bg-panel p-4 shadow-(--shadow)">
              <p className="flex items-center gap-2.5">
                <span className="flex size-8 shrink-0 items-center justify-center rounded-lg bg-accent-soft text-accent"><Icon aria-hidden className="size-4" /></span>
                <span className="min-w-0"><span className="block truncate text-sm font-semibold">{s.title}</span><span className="num block text-xs text-faint">{s.version} · {plural(s.operations, "operation")}</span></span>
              </p>
              <p className="mt-2.5 mb-3 line-clamp-3 flex-1 text-sm text-soft">{lead(s.description)}</p>
              <div className="flex flex-wrap gap-2">
                <Button small icon={PackagePlus} busy={making === s.name} disabledReason={refused} aria-label={`Make the package of ${s.title}`} onClick={() => { onMake(s.name); }}>Make package</Button>
                <Link to="/connectors" search={{ sample: s.name }} resetScroll={false} aria-label={`Open the document of ${s.title}`} aria-current={open === s.name ? "true" : undefined} className={buttonClass("ghost", true)}>Open document</Link>
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
