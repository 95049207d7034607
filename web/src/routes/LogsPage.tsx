/** Search through every line; the search is the address. */
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { ScrollText } from "lucide-react";
import { histogramQuery, logsQuery, servicesQuery } from "@/api/queries";
import { Histogram } from "@/features/logs/Histogram";
import { SearchBar } from "@/features/logs/SearchBar";
import { count } from "@/lib/format";
import { RANGES } from "@/lib/time";
import type { LogSearch } from "@/router";
import { Button } from "@/ui/Button";
import { LogLines } from "@/ui/LogLines";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty, ErrorView, Skeleton } from "@/ui/States";

const route = getRouteApi("/app/logs");

export function LogsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { data: services } = useQuery(servicesQuery);
  const { text, level, service, range = "15m", live = false } = search;
  const step = RANGES[range] / 30;
  const from = new Date(Math.floor((Date.now() - RANGES[range]) / step) * step).toISOString();
  const ask = { text, level, service, from };
  const refetchInterval = live ? 2_000 : (false as const);
  const lines = useInfiniteQuery({ ...logsQuery(ask), refetchInterval, throwOnError: false, placeholderData: keepPreviousData });
  const histogram = useQuery({ ...histogramQuery(ask), refetchInterval, throwOnError: false });
  const errors = useQuery({ ...histogramQuery({ ...ask, level: "error" }), refetchInterval, throwOnError: false });
  const items = lines.data?.pages.flatMap((p) => p.items) ?? [];
  const set = (change: Partial<LogSearch>) => void navigate({ to: "/logs", search: { ...search, ...change }, replace: true });
  const total = histogram.data?.counts.reduce((a, b) => a + b, 0);
  return (
    <>
      <PageHead title="Logs" lead="Every line that services wrote, newest first." />
      <SearchBar search={search} services={(services ?? []).map((s) => s.name)} onChange={set} />
      <Panel flush title={total === undefined ? "Lines" : `${count(total)} lines`} hint={live ? "following, every 2 s" : undefined} className="mt-4">
        {histogram.data && <div className="border-b px-4 pt-3 pb-2"><Histogram all={histogram.data} errors={errors.data} /></div>}
        {lines.error ? <div className="p-4"><ErrorView error={lines.error} retry={() => void lines.refetch()} /></div>
          : lines.isPending ? <Skeleton className="m-4 h-64" />
          : items.length === 0 ? <Empty icon={ScrollText} title="No line fits" action={<Button onClick={() => { set({ text: undefined, level: undefined, service: undefined }); }}>Clear the search</Button>}>All words must be in the line. Try fewer words, a lower level or a longer range.</Empty>
          : <div aria-busy={lines.isFetching} className="py-1.5"><LogLines items={items} search={text ?? ""} /></div>}
      </Panel>
      {lines.hasNextPage && <div className="mt-4 text-center"><Button busy={lines.isFetchingNextPage} onClick={() => void lines.fetchNextPage()}>Show older</Button></div>}
    </>
  );
}
