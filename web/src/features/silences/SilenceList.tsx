/** Silences: what is kept quiet, by whom, why and until when. */
import { useQuery } from "@tanstack/react-query";
import { BellOff } from "lucide-react";
import { useState, type ReactNode } from "react";
import { silencePreviewQuery } from "@/api/queries";
import type { Silence } from "@/api/types";
import { plural } from "@/lib/format";
import { Empty, Skeleton } from "@/ui/States";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";
import { Meant } from "./Meant";

export function SilenceList({ items, actions }: { items: readonly Silence[]; actions: (item: Silence) => ReactNode }) {
  if (items.length === 0) return <Empty icon={BellOff} title="Nothing is silenced">A silence keeps findings from opening incidents for some time: during maintenance, or while a known trouble is being mended. They stay visible.</Empty>;
  return <ul aria-label="Silences">{items.map((s) => <Row key={s.id} silence={s} actions={actions(s)} />)}</ul>;
}

function Row({ silence: s, actions }: { silence: Silence; actions: ReactNode }) {
  const over = s.state === "over";
  const by = s.by.type === "user" || s.by.type === "token" ? s.by.name : "Homeostat";
  return (
    <li data-silence={s.id} className="grid gap-x-4 gap-y-1 border-b px-4 py-3 last:border-b-0 sm:grid-cols-[minmax(0,1fr)_auto]">
      <div className="min-w-0">
        <p className={`text-sm wrap-anywhere ${over ? "text-soft" : "font-medium"}`}>{s.reason}</p>
        <code className="mt-0.5 block font-mono text-xs text-soft wrap-anywhere">{s.when}</code>
        <p className="mt-1 flex flex-wrap gap-x-3 text-xs text-faint">
          <span>by {by}</span>
          {s.state === "pending" && <span>begins <Time at={s.starts_at} />, <Time at={s.starts_at} as="full" /></span>}
          <span>{over ? "ended" : "ends"} <Time at={s.ends_at} />{!over && <>, <Time at={s.ends_at} as="full" /></>}</span>
        </p>
        {s.state === "active" && s.matching > 0 && <Matching silence={s} />}
        {s.state === "active" && s.matching === 0 && <p className="mt-1 text-xs text-faint">Nothing that fires now is meant.</p>}
      </div>
      <div className="flex flex-wrap items-center gap-2 sm:flex-col sm:items-end"><Status kind="silence" value={s.state} />{!over && actions}</div>
    </li>
  );
}

/** The findings are asked for when one looks. */
function Matching({ silence: s }: { silence: Silence }) {
  const [open, setOpen] = useState(false);
  const { data } = useQuery({ ...silencePreviewQuery(s.when), enabled: open, throwOnError: false });
  return (
    <details className="mt-1 text-xs" onToggle={(e) => { setOpen(e.currentTarget.open); }}>
      <summary className="min-h-6 w-fit py-1 font-medium text-warn">means {plural(s.matching, "firing finding")}</summary>
      {open && (data ? <Meant matches={data} /> : <Skeleton className="h-8 w-full" />)}
    </details>
  );
}
