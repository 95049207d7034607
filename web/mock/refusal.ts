/** How the mock refuses, and what it offers to whom. */
import type { components } from "../src/api/schema";

type S = components["schemas"];
export class Refusal extends Error {
  constructor(readonly status: number, readonly code: string, readonly title: string, readonly detail = "") { super(title); }
}
export const text = (v: unknown) => (typeof v === "string" ? v : "");

const LEVEL = ["viewer", "operator", "approver", "admin"];
export const may = (session: S["SessionView"], role: S["Role"]) => LEVEL.indexOf(session.user.role) >= LEVEL.indexOf(role);

export function offer(session: S["SessionView"], name: string, title: string, path: string, role: S["Role"], blocked: string | null = null, method = "POST"): S["AllowedAction"] {
  const allowed = may(session, role);
  return { name, title, method, path: `/api/v1${path}`, allowed: allowed && !blocked, reason: allowed ? blocked : `needs the role ${role}` };
}

export const page = <T>(items: T[], ask: URLSearchParams) => {
  const limit = Math.min(500, Number(ask.get("limit") ?? 50));
  const from = Number(ask.get("cursor") ?? 0);
  return { items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null };
};
