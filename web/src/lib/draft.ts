/** A text that is being written: kept in this browser until it is saved or thrown away, so that leaving the page loses nothing. */
import { useEffect, useState } from "react";

const PREFIX = "homeostat.draft.";
const read = (key: string) => localStorage.getItem(PREFIX + key);

export type Draft = { text: string; dirty: boolean; /** It was found from an earlier visit. */ found: boolean; set: (text: string) => void; drop: () => void };

export function useDraft(key: string, saved: string): Draft {
  const [state, setState] = useState(() => ({ key, text: read(key), found: read(key) !== null }));
  // Another document in the same screen has a draft of its own.
  const current = state.key === key ? state : { key, text: read(key), found: read(key) !== null };
  // What was saved, or typed back to what is saved, is no draft any more.
  const settled = current.text === saved ? { key, text: null, found: false } : current;
  if (settled !== state) setState(settled);
  const text = current.text ?? saved;
  const dirty = text !== saved;
  useEffect(() => {
    if (dirty) localStorage.setItem(PREFIX + key, text);
    else localStorage.removeItem(PREFIX + key);
  }, [key, text, dirty]);
  return {
    text, dirty, found: current.found && dirty,
    set: (next) => { setState((old) => ({ ...old, text: next })); },
    drop: () => { setState({ key, text: null, found: false }); },
  };
}
