/** Rows that a person chose: one by one, a range with the shift key, all on screen, or all that fit. */
import { useState } from "react";

export function useSelection(shown: readonly string[], scope: string) {
  const [state, setState] = useState<{ scope: string; chosen: ReadonlySet<string>; all: boolean; last: string | null }>({ scope, chosen: new Set(), all: false, last: null });
  // Another filter is another list: what was chosen there is not chosen here.
  const current = state.scope === scope ? state : { scope, chosen: new Set<string>(), all: false, last: null };
  const toggle = (id: string, range: boolean) => {
    const chosen = new Set(current.chosen);
    const [a, b] = [shown.indexOf(current.last ?? ""), shown.indexOf(id)];
    const ids = range && a >= 0 && b >= 0 ? shown.slice(Math.min(a, b), Math.max(a, b) + 1) : [id];
    const on = !chosen.has(id);
    for (const one of ids) if (on) chosen.add(one); else chosen.delete(one);
    setState({ scope, chosen, all: false, last: id });
  };
  return {
    chosen: current.chosen,
    all: current.all,
    toggle,
    setShown: (on: boolean) => { setState({ scope, chosen: new Set(on ? shown : []), all: false, last: null }); },
    setAll: (all: boolean) => { setState({ ...current, all }); },
  };
}
