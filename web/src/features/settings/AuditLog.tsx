/** Everything that people and the machine did, chained by hashes. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { auditQuery, auditVerifyQuery } from "@/api/queries";
import type { Actor } from "@/api/types";
import { count } from "@/lib/format";
import { isEmpty } from "@/lib/json";
import { JsonView } from "@/ui/Bits";
import { Button } from "@/ui/Button";
import { Panel } from "@/ui/Panel";
import { ErrorView, Skeleton } from "@/ui/States";
import { Time } from "@/ui/Time";

const who = (a: Actor): string => (a.type === "user" ? a.name : a.type === "token" ? `token ${a.name}` : a.type === "system" ? "Homeostat" : "not signed in");

export function AuditLog() {
  const list = useInfiniteQuery({ ...auditQuery, throwOnError: false });
  const verify = useQuery({ ...auditVerifyQuery, throwOnError: false });
  if (list.error) return <ErrorView error={list.error} retry={() => void list.refetch()} />;
  if (!list.data) return <Skeleton className="h-64 w-full" />;
  const rows = list.data.pages.flatMap((p) => p.items);
  return (
    <Panel flush title="Audit log" hint="each row carries the hash of the one before" actions={<Button small icon={ShieldCheck} busy={verify.isFetching} onClick={() => void verify.refetch()}>Verify the chain</Button>}>
      <div role="status">
        {verify.data && <p className={`border-b px-4 py-2 text-sm ${verify.data.ok ? "bg-ok-soft text-ok" : "bg-bad-soft text-bad"}`}>{verify.data.ok ? `The chain is whole: ${count(verify.data.rows)} rows, every hash fits.` : `The chain is broken at row ${String(verify.data.broken_at ?? "?")} of ${count(verify.data.rows)}: it was edited after it was written.`}</p>}
        {verify.error && <p className="border-b bg-bad-soft px-4 py-2 text-sm text-bad">{verify.error.message}</p>}
      </div>
      <ol>
        {rows.map((r) => (
          <li key={r.sequence} className="border-b last:border-b-0">
            <details className="px-4 py-2 text-sm">
              <summary className="grid grid-cols-[2rem_minmax(0,1fr)] items-center gap-x-3 sm:grid-cols-[3rem_minmax(0,1fr)_auto]"><span className="num text-xs text-faint">{r.sequence}</span><span className="min-w-0 truncate"><span className="font-medium">{r.action}</span> <span className="text-soft">{r.subject}</span></span><span className="col-start-2 text-xs text-faint sm:col-start-3">{who(r.actor)} · <Time at={r.at} as="full" /></span></summary>
              <div className="mt-2 space-y-2 pl-15 text-xs text-soft">{!isEmpty(r.details) && <JsonView value={r.details} />}<p className="font-mono wrap-anywhere text-faint"><Time at={r.at} as="full" /><br />hash {r.hash}<br />after {r.previous_hash}</p></div>
            </details>
          </li>
        ))}
      </ol>
      {list.hasNextPage && <div className="border-t p-3 text-center"><Button small busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show older</Button></div>}
    </Panel>
  );
}
