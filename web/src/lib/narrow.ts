/** Whether the window is as narrow as a phone: for what is drawn otherwise there, not only laid out otherwise. */
import { useSyncExternalStore } from "react";

const query = matchMedia("(max-width: 639px)");

function subscribe(listener: () => void) {
  query.addEventListener("change", listener);
  return () => { query.removeEventListener("change", listener); };
}

export const useNarrow = (): boolean => useSyncExternalStore(subscribe, () => query.matches);
