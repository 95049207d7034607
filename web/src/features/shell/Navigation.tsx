/** The sidebar, and the bar at the bottom on a phone. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { pendingApprovalsQuery } from "@/api/queries";
import type { Overview } from "@/api/types";
import { plural } from "@/lib/format";
import { Kbd } from "@/ui/Bits";
import { AREAS } from "./nav";

type Props = { overview: Overview | undefined };

/** How many runs ask a person right now. */
const useAsking = (): number => useQuery({ ...pendingApprovalsQuery, throwOnError: false }).data?.length ?? 0;

function shown(overview: Overview | undefined) {
  return AREAS.filter((a) => !a.demoOnly || overview?.simulated);
}

export function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden className="size-6 shrink-0"><rect width="32" height="32" rx="8" className="fill-accent-solid" /><path d="M5 17h5l2.5-6 4.5 11 3.5-8 1.5 3h5" fill="none" className="stroke-on-accent" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round" /></svg>
  );
}

export function Sidebar({ overview }: Props) {
  const open = overview?.incidents.open ?? 0;
  const needs = overview?.incidents.needs_person ?? 0;
  const asking = useAsking();
  return (
    <aside className="sticky top-0 hidden h-dvh flex-col border-r bg-panel/60 px-3 py-3 lg:flex">
      <Link to="/" className="mb-4 flex h-9 items-center gap-2.5 px-2 text-base font-semibold tracking-tight"><Mark />Homeostat</Link>
      <nav aria-label="Areas" className="flex flex-1 flex-col gap-0.5">
        {shown(overview).map(({ to, title, icon: Icon, key }) => (
          <Link key={to} to={to} activeOptions={{ exact: to === "/" }} className="group flex h-8.5 items-center gap-2.5 rounded-md px-2 text-sm font-medium text-soft hover:bg-raised hover:text-ink" activeProps={{ className: "bg-raised text-ink!", "aria-current": "page" }}>
            <Icon aria-hidden className="size-4" />
            {title}
            {to === "/incidents" && open > 0 ? (
              <span className={`num ml-auto rounded-full px-1.5 text-xs font-semibold ${needs > 0 ? "bg-bad-soft text-bad" : "bg-raised text-soft"}`}>{open}<span className="sr-only"> open{needs > 0 ? `, ${String(needs)} need a person` : ""}</span></span>
            ) : to === "/automation" && asking > 0 ? (
              <span className="num ml-auto rounded-full bg-accent-soft px-1.5 text-xs font-semibold text-accent">{asking}<span className="sr-only"> {asking === 1 ? "approval" : "approvals"} pending</span></span>
            ) : <span aria-hidden className="ml-auto hidden gap-0.5 group-hover:flex"><Kbd>g</Kbd><Kbd>{key}</Kbd></span>}
          </Link>
        ))}
      </nav>
      <p className="px-2 text-xs text-faint">{overview ? `${overview.environment} · ${plural(overview.services.total, "service")}` : ""}</p>
    </aside>
  );
}

export function BottomBar({ overview }: Props) {
  const needs = overview?.incidents.needs_person ?? 0;
  const asking = useAsking();
  return (
    <nav aria-label="Areas" className="fixed inset-x-0 bottom-0 z-30 flex border-t bg-panel pb-[env(safe-area-inset-bottom)] lg:hidden">
      {shown(overview).map(({ to, title, icon: Icon }) => (
        <Link key={to} to={to} activeOptions={{ exact: to === "/" }} className="group relative flex min-h-13 min-w-0 flex-1 flex-col items-center justify-center gap-0.5 py-2 text-[10px] font-medium text-faint max-[32rem]:aria-[current=page]:flex-[1.8]" activeProps={{ className: "text-accent!", "aria-current": "page" }}>
          <Icon aria-hidden className="size-5" />
          {/* Nine words do not fit a phone: it names where one is, and says the others to screen readers. */}
          <span className="max-w-full truncate max-[32rem]:group-not-aria-[current=page]:sr-only">{title}</span>
          {to === "/incidents" && needs > 0 && <span className="absolute top-1 left-1/2 ml-1.5 size-4 rounded-full bg-bad-solid text-center text-[10px] leading-4 font-bold text-on-accent">{needs}<span className="sr-only"> need a person</span></span>}
          {to === "/automation" && asking > 0 && <span className="absolute top-1 left-1/2 ml-1.5 size-4 rounded-full bg-accent-solid text-center text-[10px] leading-4 font-bold text-on-accent">{asking}<span className="sr-only"> pending</span></span>}
        </Link>
      ))}
    </nav>
  );
}
