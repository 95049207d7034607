/** The areas of the app, as the sidebar, the bottom bar, the palette and the shortcuts know them. */
import { Bug, Cable, LayoutDashboard, Network, Radar, ScrollText, Settings, Siren, Workflow, type LucideIcon } from "lucide-react";

export type Area = { to: "/" | "/incidents" | "/detection" | "/systems" | "/automation" | "/connectors" | "/faults" | "/logs" | "/settings"; title: string; icon: LucideIcon; key: string; demoOnly?: boolean };

export const AREAS: readonly Area[] = [
  { to: "/", title: "Overview", icon: LayoutDashboard, key: "o" },
  { to: "/incidents", title: "Incidents", icon: Siren, key: "i" },
  { to: "/detection", title: "Detection", icon: Radar, key: "d" },
  { to: "/systems", title: "Systems", icon: Network, key: "s" },
  { to: "/automation", title: "Automation", icon: Workflow, key: "a" },
  { to: "/connectors", title: "Connectors", icon: Cable, key: "c" },
  { to: "/logs", title: "Logs", icon: ScrollText, key: "l" },
  { to: "/faults", title: "Faults", icon: Bug, key: "f", demoOnly: true },
  { to: "/settings", title: "Settings", icon: Settings, key: "," },
];
