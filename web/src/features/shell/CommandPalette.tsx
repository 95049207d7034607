/** Ctrl+K: go anywhere, open any incident, service or runbook, flip the theme. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import clsx from "clsx";
import { BookOpen, Box, CalendarClock, FileText, Moon, OctagonPause, Siren, Sun, UserCheck, Workflow, type LucideIcon } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { overviewQuery, runbooksQuery, servicesQuery, workflowsQuery } from "@/api/queries";
import { bringIntoView } from "@/lib/scroll";
import { setTheme } from "@/lib/theme";
import { Kbd } from "@/ui/Bits";
import { Dialog } from "@/ui/Dialog";
import { AREAS } from "./nav";

type Item = { id: string; group: string; title: string; hint?: string; icon: LucideIcon; run: () => void };

export default function CommandPalette({ simulated, onClose }: { simulated: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const { data: overview } = useQuery(overviewQuery);
  const { data: services } = useQuery(servicesQuery);
  const { data: runbooks } = useQuery(runbooksQuery);
  const { data: workflows } = useQuery({ ...workflowsQuery, throwOnError: false });
  const [search, setSearch] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);

  const items = useMemo(() => {
    const all: Item[] = [
      ...AREAS.filter((a) => simulated || !a.demoOnly).map((a): Item => ({ id: a.to, group: "Go to", title: a.title, hint: `g ${a.key}`, icon: a.icon, run: () => void navigate({ to: a.to }) })),
      { id: "runs", group: "Go to", title: "Runs", icon: Workflow, run: () => void navigate({ to: "/automation/runs", search: {} }) },
      { id: "approvals", group: "Go to", title: "Approvals", icon: UserCheck, run: () => void navigate({ to: "/automation/approvals", search: {} }) },
      { id: "workflows", group: "Go to", title: "Workflows", icon: FileText, run: () => void navigate({ to: "/automation/workflows" }) },
      { id: "schedules", group: "Go to", title: "Schedules", icon: CalendarClock, run: () => void navigate({ to: "/automation/schedules" }) },
      ...(overview?.recent ?? []).map((i): Item => ({ id: i.id, group: "Incidents", title: i.title, hint: i.status, icon: Siren, run: () => void navigate({ to: "/incidents/$id", params: { id: i.id }, search: {} }) })),
      ...(services ?? []).map((s): Item => ({ id: s.name, group: "Services", title: s.name, hint: s.health, icon: Box, run: () => void navigate({ to: "/systems/$name", params: { name: s.name }, search: {} }) })),
      ...(runbooks ?? []).map((r): Item => ({ id: r.name, group: "Runbooks", title: r.title, hint: r.name, icon: BookOpen, run: () => void navigate({ to: "/automation/runbooks/$name", params: { name: r.name } }) })),
      ...(workflows ?? []).map((w): Item => ({ id: w.id, group: "Workflows", title: w.title, hint: w.id, icon: FileText, run: () => void navigate({ to: "/automation/workflows/$id", params: { id: w.id }, search: {} }) })),
      { id: "stop", group: "Commands", title: overview?.stop_switch.engaged ? "Release the stop switch…" : "Stop all automation…", icon: OctagonPause, run: () => void navigate({ to: "/settings", search: { section: "stop-switch" } }) },
      { id: "dark", group: "Commands", title: "Dark theme", icon: Moon, run: () => { setTheme("dark"); } },
      { id: "light", group: "Commands", title: "Light theme", icon: Sun, run: () => { setTheme("light"); } },
    ];
    const needles = search.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter((i) => needles.every((n) => `${i.group} ${i.title} ${i.hint ?? ""} ${i.id}`.toLowerCase().includes(n))).slice(0, 40);
  }, [search, overview, services, runbooks, workflows, simulated, navigate]);

  const current = Math.min(at, items.length - 1);
  useEffect(() => { const row = list.current?.children[current]; if (row) bringIntoView(row); }, [current]);
  const run = (item: Item | undefined) => {
    if (!item) return;
    onClose();
    item.run();
  };
  const onKey = (e: React.KeyboardEvent) => {
    if (e.key === "ArrowDown") setAt(Math.min(items.length - 1, current + 1));
    else if (e.key === "ArrowUp") setAt(Math.max(0, current - 1));
    else if (e.key === "Enter") run(items[current]);
    else return;
    e.preventDefault();
  };
  return (
    <Dialog title="Search and commands" bare onClose={onClose} className="mt-[12dvh] w-[min(36rem,calc(100vw-2rem))] overflow-hidden">
      <input role="combobox" aria-label="Search or run a command" aria-expanded aria-controls="palette" aria-activedescendant={items[current] ? `palette-${String(current)}` : undefined}
        // A dialog that was asked for by key puts the cursor where one types.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        autoFocus value={search} onChange={(e) => { setSearch(e.target.value); setAt(0); }} onKeyDown={onKey} placeholder="Type a screen, an incident, a service…" className="h-12 w-full border-b bg-panel px-4 text-base outline-none placeholder:text-faint" />
      <ul ref={list} id="palette" role="listbox" aria-label="Results" className="max-h-[50dvh] overflow-auto p-1.5">
        {items.map((item, i) => (
          // The input keeps the focus and the keys; options answer to the pointer.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <li key={`${item.group}${item.id}`} id={`palette-${String(i)}`} role="option" aria-selected={i === current} onClick={() => { run(item); }} onPointerMove={() => { setAt(i); }} className={clsx("flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 text-sm", i === current && "bg-raised")}>
            <item.icon aria-hidden className="size-4 shrink-0 text-faint" /><span className="truncate">{item.title}</span><span className="ml-auto shrink-0 text-xs text-faint">{item.hint ?? item.group}</span>
          </li>
        ))}
      </ul>
      {items.length === 0 && <p role="status" className="px-4 py-6 text-center text-sm text-soft">Nothing fits “{search}”.</p>}
      <p aria-hidden className="flex gap-3 border-t px-3 py-2 text-xs text-faint"><span><Kbd>↑</Kbd> <Kbd>↓</Kbd> choose</span><span><Kbd>↵</Kbd> open</span><span><Kbd>Esc</Kbd> close</span></p>
    </Dialog>
  );
}
