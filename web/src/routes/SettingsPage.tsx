/** Settings: how far automation may go, who may come in, what was done. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { About } from "@/features/settings/About";
import { AuditLog } from "@/features/settings/AuditLog";
import { AutonomyMatrix } from "@/features/settings/AutonomyMatrix";
import { StopSwitchPanel } from "@/features/settings/StopSwitchPanel";
import { Tokens } from "@/features/settings/Tokens";
import { PageHead } from "@/ui/Panel";

const route = getRouteApi("/app/settings");
const SECTIONS = [["autonomy", "Autonomy"], ["stop-switch", "Stop switch"], ["tokens", "Tokens"], ["audit", "Audit log"], ["about", "About"]] as const;

export function SettingsPage() {
  const { section = "autonomy" } = route.useSearch();
  return (
    <>
      <PageHead title="Settings" />
      <div className="grid items-start gap-5 lg:grid-cols-[11rem_minmax(0,1fr)]">
        <nav aria-label="Settings" className="flex gap-1 overflow-x-auto lg:sticky lg:top-18 lg:flex-col">
          {SECTIONS.map(([key, title]) => <Link key={key} to="/settings" search={{ section: key }} replace aria-current={section === key ? "page" : undefined} className={`flex h-8 shrink-0 items-center rounded-md px-2.5 text-sm font-medium ${section === key ? "bg-raised text-ink" : "text-soft hover:bg-raised hover:text-ink"}`}>{title}</Link>)}
        </nav>
        <div className="min-w-0">
          {section === "autonomy" && <AutonomyMatrix />}
          {section === "stop-switch" && <StopSwitchPanel />}
          {section === "tokens" && <Tokens />}
          {section === "audit" && <AuditLog />}
          {section === "about" && <About />}
        </div>
      </div>
    </>
  );
}
