/** Reads of JSON whose shape the API does not promise. */
export const asObject = (v: unknown): Record<string, unknown> =>
  typeof v === "object" && v !== null && !Array.isArray(v) ? (v as Record<string, unknown>) : {};

export const isEmpty = (v: unknown): boolean =>
  v === null || v === undefined || v === "" || (typeof v === "object" && Object.keys(v).length === 0);

/** One value as people read it. */
export function plain(v: unknown): string {
  if (v === null || v === undefined) return "–";
  if (typeof v === "string") return v;
  if (typeof v === "number") return Number.isInteger(v) ? String(v) : String(Math.round(v * 1000) / 1000);
  if (typeof v === "boolean") return v ? "yes" : "no";
  if (Array.isArray(v)) return v.length === 0 ? "none" : v.map(plain).join(", ");
  return JSON.stringify(v);
}
