/** Keyboard shortcuts: single keys and two-key sequences (`g i`). Silent while the person types or a dialog is open. */
import { useEffect, useRef } from "react";
import { bringIntoView } from "./scroll";

export type Shortcut = { keys: string; title: string; group: string; run: () => void };

const SEQUENCE_MS = 900;

export function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  const latest = useRef(shortcuts);
  useEffect(() => { latest.current = shortcuts; });
  useEffect(() => {
    let first = "";
    let since = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
        const palette = latest.current.find((s) => s.keys === "Ctrl K");
        if (palette) { event.preventDefault(); palette.run(); }
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
      const now = performance.now();
      const sequence = first && now - since < SEQUENCE_MS ? `${first} ${event.key}` : event.key;
      const hit = latest.current.find((s) => s.keys === sequence);
      first = hit ? "" : event.key;
      since = now;
      if (hit) { event.preventDefault(); hit.run(); }
    };
    window.addEventListener("keydown", onKey);
    return () => { window.removeEventListener("keydown", onKey); };
  }, []);
}

/** `j` and `k` walk through the rows of the list on screen: every element marked with `data-row`. */
export function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")].filter((r) => r.offsetParent !== null);
  if (rows.length === 0) return;
  const at = rows.findIndex((r) => r === document.activeElement || r.contains(document.activeElement));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  const target = next?.matches("a,button") ? next : next?.querySelector<HTMLElement>("a,button");
  if (!target) return;
  target.focus({ preventScroll: true });
  bringIntoView(target);
}
