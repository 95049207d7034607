/** The bar on top: search, live state, stop switch, theme, account. */
import { useNavigate } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { CircleHelp, LogOut, Moon, OctagonPause, Search, Sun } from "lucide-react";
import { Link } from "@tanstack/react-router";
import { useSignOut } from "@/api/actions";
import { sessionQuery } from "@/api/queries";
import { useStreamState, useTicks } from "@/api/stream";
import type { Overview } from "@/api/types";
import { count } from "@/lib/format";
import { setTheme, useResolvedTheme } from "@/lib/theme";
import { Kbd } from "@/ui/Bits";
import { IconButton } from "@/ui/Button";
import { Mark } from "./Navigation";

export function Header({ overview, onSearch, onHelp }: { overview: Overview | undefined; onSearch: () => void; onHelp: () => void }) {
  const theme = useResolvedTheme();
  const { data: session } = useQuery(sessionQuery);
  const signOut = useSignOut();
  const navigate = useNavigate();
  return (
    <header className="sticky top-0 z-20 flex h-13 items-center gap-2 border-b bg-bg/95 px-4 backdrop-blur sm:px-6">
      <Link to="/" aria-label="Homeostat, overview" className="lg:hidden"><Mark /></Link>
      <button type="button" onClick={onSearch} className="flex h-8 min-w-0 items-center gap-2 rounded-md border bg-panel px-2.5 text-sm text-faint hover:border-line-strong sm:w-72">
        <Search aria-hidden className="size-4 shrink-0" /><span className="truncate max-sm:sr-only">Search or run a command</span><span aria-hidden className="ml-auto hidden gap-0.5 sm:flex"><Kbd>Ctrl</Kbd><Kbd>K</Kbd></span>
      </button>
      <div className="ml-auto flex items-center gap-1.5">
        {overview?.stop_switch.engaged && (
          <Link to="/settings" search={{ section: "stop-switch" }} className="inline-flex h-8 items-center gap-1.5 rounded-md bg-bad-solid px-2.5 text-xs font-semibold text-on-accent"><OctagonPause aria-hidden className="size-4" /><span className="max-sm:sr-only">Automation is</span> stopped</Link>
        )}
        <Live />
        <IconButton label={theme === "dark" ? "Use the light theme" : "Use the dark theme"} icon={theme === "dark" ? Sun : Moon} onClick={() => { setTheme(theme === "dark" ? "light" : "dark"); }} />
        <IconButton label="Keyboard shortcuts" icon={CircleHelp} onClick={onHelp} className="max-sm:hidden" />
        {session && <span className="hidden text-right text-xs leading-4 md:block"><span className="block font-medium">{session.user.name}</span><span className="block text-faint">{session.user.role}</span></span>}
        <IconButton label="Sign out" icon={LogOut} onClick={() => { signOut.mutate(undefined, { onSettled: () => void navigate({ to: "/sign-in", search: {} }) }); }} />
      </div>
    </header>
  );
}

function Live() {
  const state = useStreamState();
  const tick = useTicks().at(-1);
  const word = state === "live" ? "Live" : state === "lost" ? "Offline" : "Connecting";
  return (
    <span className="inline-flex items-center gap-1.5 px-1.5 text-xs text-soft" title={state === "live" ? "Updates arrive as they happen" : "No live connection"}>
      <span aria-hidden className={clsx("size-2 rounded-full", state === "live" ? "bg-ok" : state === "lost" ? "bg-bad" : "bg-warn pulse")} />
      <span>{word}</span>
      {tick && state === "live" && <span className="num hidden text-faint xl:inline">{count(tick.signals_per_s)} signals/s</span>}
    </span>
  );
}
