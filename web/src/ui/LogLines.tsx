/** Log lines as written, with the searched words marked. Text only: a log line never becomes markup. */
import clsx from "clsx";
import type { LogRecord } from "@/api/types";
import { highlight } from "@/lib/highlight";
import { Time } from "./Time";

const LEVEL: Record<string, string> = { trace: "text-faint", debug: "text-faint", info: "text-soft", warn: "text-warn", error: "text-bad", fatal: "text-bad font-bold" };

export function Marked({ text, search }: { text: string; search: string }) {
  return <>{highlight(text, search).map((part, i) => (part.hit ? <mark key={i}>{part.text}</mark> : part.text))}</>;
}

export function LogLines({ items, search = "", service = true }: { items: readonly LogRecord[]; search?: string; service?: boolean }) {
  return (
    <ol className="font-mono text-xs leading-5">
      {items.map((line, i) => (
        <li key={`${line.at}${String(i)}`} data-level={line.level} className={clsx("log-row grid grid-cols-[auto_auto_1fr] gap-x-3 border-l-2 px-3 py-0.5 hover:bg-raised sm:grid-cols-[auto_3rem_auto_1fr]", line.level === "error" || line.level === "fatal" ? "border-bad" : line.level === "warn" ? "border-warn" : "border-transparent")}>
          <Time at={line.at} as="clock-ms" className="text-faint" />
          <span className={LEVEL[line.level]}>{line.level}</span>
          <span className={service ? "text-accent sm:min-w-18" : "hidden"}>{line.service}</span>
          <span className="col-span-3 wrap-anywhere text-ink sm:col-span-1"><Marked text={line.body} search={search} /></span>
        </li>
      ))}
    </ol>
  );
}
