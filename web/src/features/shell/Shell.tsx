/** The frame around every screen: navigation, header, banners, shortcuts, announcements. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { overviewQuery } from "@/api/queries";
import { connect } from "@/api/stream";
import { moveRow, useShortcuts, type Shortcut } from "@/lib/shortcuts";
import { resolved, setTheme } from "@/lib/theme";
import { Announcer } from "./Announcer";
import { Banners } from "./Banners";
import { Header } from "./Header";
import { BottomBar, Sidebar } from "./Navigation";
import { AREAS } from "./nav";

const CommandPalette = lazy(() => import("./CommandPalette"));
const ShortcutHelp = lazy(() => import("./ShortcutHelp"));

export function Shell() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [dialog, setDialog] = useState<"palette" | "help" | null>(null);
  const { data: overview } = useQuery(overviewQuery);
  const simulated = overview?.simulated ?? false;
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const pending = useRouterState({ select: (s) => s.isLoading });

  useEffect(() => connect(client), [client]);
  useEffect(() => {
    const area = AREAS.find((a) => a.to !== "/" && pathname.startsWith(a.to)) ?? AREAS[0];
    document.title = `${area?.title ?? "Overview"} · Homeostat`;
  }, [pathname]);

  const close = () => { setDialog(null); };
  const shortcuts: Shortcut[] = [
    ...AREAS.filter((a) => simulated || !a.demoOnly).map((a) => ({ keys: `g ${a.key}`, title: `Go to ${a.title}`, group: "Go", run: () => void navigate({ to: a.to }) })),
    { keys: "Ctrl K", title: "Search and commands", group: "General", run: () => { setDialog("palette"); } },
    { keys: "?", title: "This list", group: "General", run: () => { setDialog("help"); } },
    { keys: "t", title: "Dark or light", group: "General", run: () => { setTheme(resolved() === "dark" ? "light" : "dark"); } },
    { keys: "j", title: "Next row", group: "Lists", run: () => { moveRow(1); } },
    { keys: "k", title: "Previous row", group: "Lists", run: () => { moveRow(-1); } },
    { keys: "/", title: "Search this screen", group: "Lists", run: () => { document.querySelector<HTMLElement>("[data-search]")?.focus(); } },
  ];
  useShortcuts(shortcuts);

  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a href="#main" className="absolute top-2 left-2 z-50 -translate-y-16 rounded-md bg-accent-solid px-3 py-2 text-sm font-medium text-on-accent focus:translate-y-0">Skip to the content</a>
      <Sidebar overview={overview} />
      <div className="flex min-w-0 flex-col pb-16 lg:pb-0">
        <Header overview={overview} onSearch={() => { setDialog("palette"); }} onHelp={() => { setDialog("help"); }} />
        {pending && <div aria-hidden className="fixed inset-x-0 top-0 z-50 h-0.5 bg-accent-solid pulse" />}
        <Banners overview={overview} />
        <main id="main" tabIndex={-1} className="mx-auto w-full max-w-[84rem] flex-1 px-4 py-5 outline-none sm:px-6"><Outlet /></main>
      </div>
      <BottomBar overview={overview} />
      <Announcer overview={overview} />
      <Suspense>
        {dialog === "palette" && <CommandPalette simulated={simulated} onClose={close} />}
        {dialog === "help" && <ShortcutHelp shortcuts={shortcuts} onClose={close} />}
      </Suspense>
    </div>
  );
}
