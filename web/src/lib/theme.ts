/** Dark, light, or as the system says. Kept in this browser. */
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "homeostat.theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : "system";
}

export const resolved = (): "light" | "dark" => {
  const theme = stored();
  return theme === "system" ? (dark.matches ? "dark" : "light") : theme;
};

export function applyTheme(): void {
  document.documentElement.dataset.theme = resolved();
  for (const l of listeners) l();
}

export function setTheme(theme: Theme): void {
  if (theme === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  applyTheme();
}

dark.addEventListener("change", applyTheme);

const subscribe = (l: () => void) => {
  listeners.add(l);
  return () => { listeners.delete(l); };
};
export const useTheme = (): Theme => useSyncExternalStore(subscribe, stored);
/** What is shown now; canvases draw again when it changes. */
export const useResolvedTheme = (): "light" | "dark" => useSyncExternalStore(subscribe, resolved);
