/** How the mock refuses, and what it offers to whom. */
import type { components } from "../src/api/schema";

type S = components["schemas"];
/** Codes of the server (crates/api/src/problem.rs) with their status and title. */
const CODES = {
  unauthenticated: [401, "Sign in first"],
  forbidden: [403, "Your role does not allow this"],
  csrf_failed: [403, "The request does not prove that it comes from the dashboard"],
  not_found: [404, "Not found"],
  invalid_request: [400, "The request is wrong"],
  gone: [410, "No longer here"],
  conflict: [409, "It cannot be done now"],
  internal: [500, "Homeostat failed"],
} as const;
export class Refusal extends Error {
  constructor(readonly code: keyof typeof CODES, readonly detail: string) { super(detail); }
  get problem(): S["Problem"] { const [status, title] = CODES[this.code]; return { type: `/docs/errors/${this.code}`, title, status, detail: this.detail, code: this.code }; }
}
export const text = (v: unknown) => (typeof v === "string" ? v : "");

const LEVEL = ["viewer", "operator", "approver", "admin"];
export const may = (session: S["SessionView"], role: S["Role"]) => LEVEL.indexOf(session.user.role) >= LEVEL.indexOf(role);

export function offer(session: S["SessionView"], name: string, title: string, path: string, role: S["Role"], blocked: string | null = null, method = "POST"): S["AllowedAction"] {
  const allowed = may(session, role);
  return { name, title, method, path, allowed: allowed && !blocked, reason: allowed ? blocked : `needs the role ${role}` };
}

export const page = <T>(items: T[], ask: URLSearchParams) => {
  const limit = Math.min(500, Number(ask.get("limit") ?? 50));
  const from = Number(ask.get("cursor") ?? 0);
  return { items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null };
};
