/** Settings of detection as fields: their names in words, and what a person changed. */
import { words } from "./format";

const UNITS: readonly (readonly [suffix: string, unit: string])[] = [["_min_per_s", " at least, a second"], ["_ms", ", ms"], ["_s", ", s"], ["_ratio", ", share"]];

/** `clear_after_s` as `Clear after, s`. */
export function settingWords(name: string): string {
  const unit = UNITS.find(([suffix]) => name.endsWith(suffix));
  return unit ? words(name.slice(0, -unit[0].length)) + unit[1] : words(name);
}

/** What differs from the settings in force, and why it cannot be sent when it cannot. */
export function changedSettings(settings: Record<string, unknown>, texts: Record<string, string | boolean>): { changes: Record<string, number | boolean>; fault: string | null } {
  const changes: Record<string, number | boolean> = {};
  for (const [name, text] of Object.entries(texts)) {
    if (typeof text === "boolean") { if (text !== settings[name]) changes[name] = text; continue; }
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < 0) return { changes, fault: `${settingWords(name)} needs a number that is not negative` };
    if (value !== settings[name]) changes[name] = value;
  }
  return { changes, fault: null };
}
