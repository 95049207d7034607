/** Tells screen readers of new incidents and of those that are over, wherever one is. */
import { useEffect, useRef, useState } from "react";
import type { Overview } from "@/api/types";

export function Announcer({ overview }: { overview: Overview | undefined }) {
  const seen = useRef<Map<string, string> | null>(null);
  const [text, setText] = useState("");
  useEffect(() => {
    if (!overview) return;
    const before = seen.current;
    seen.current = new Map(overview.recent.map((i) => [i.id, i.status]));
    if (!before) return;
    const opened = overview.recent.filter((i) => !before.has(i.id) && i.status !== "resolved").map((i) => `New ${i.severity} incident: ${i.title}.`);
    const resolved = overview.recent.filter((i) => i.status === "resolved" && before.get(i.id) && before.get(i.id) !== "resolved").map((i) => `Resolved: ${i.title}.`);
    if (opened.length + resolved.length > 0) setText([...opened, ...resolved].join(" "));
  }, [overview]);
  return <div role="status" aria-live="polite" className="sr-only" data-testid="announcer">{text}</div>;
}
