/** Which of many runs an action could be done to, and why not to the others. */
import type { AllowedAction } from "@/api/types";

type Acted = { id: string; allowed_actions: readonly AllowedAction[] };
export type Tally<T> = { able: T[]; refused: { reason: string; ids: string[] }[] };

export function tally<T extends Acted>(items: readonly T[], name: string): Tally<T> {
  const able: T[] = [];
  const refused = new Map<string, string[]>();
  for (const item of items) {
    const action = item.allowed_actions.find((a) => a.name === name);
    if (action?.allowed) able.push(item);
    else {
      const reason = action?.reason ?? "it cannot be done to this run";
      refused.set(reason, [...(refused.get(reason) ?? []), item.id]);
    }
  }
  return { able, refused: [...refused].map(([reason, ids]) => ({ reason, ids })).sort((a, b) => b.ids.length - a.ids.length) };
}
