import { useQuery, useQueryClient } from "@tanstack/react-query";
import { CalendarX, ChartColumn, ListVideo, Rows3, SearchX } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo } from "react";
import { Link, useSearchParams } from "wouter";
import { historyQuery, statsQuery } from "@/api/history";
import { Button, buttonClass, Empty, Failed, Loading, Notice, Segments } from "@/design";
import { useLive } from "@/live";
import { Page } from "@/shell/Page";
import { text } from "@/text";
import { Export } from "./Export";
import { Filters } from "./Filters";
import {
  CLEARED,
  filterOf,
  isBackwards,
  isNarrowed,
  numbersFilterOf,
  queryOf,
  type Wanted,
  wantedOf,
} from "./filters";
import styles from "./History.module.css";
import { JobList } from "./JobList";
import { Pager } from "./Pager";
import { Tiles } from "./Tiles";

const Charts = lazy(() => import("./Charts"));
const words = text.history;

/** What ended, sifted; as a list or as charts. All that is chosen stands in the address. */
export default function HistoryPage() {
  const [query, setQuery] = useSearchParams();
  const wanted = useMemo(() => wantedOf(query), [query]);
  useEndsTold();
  const change = (changed: Partial<Wanted>, { replace = false } = {}) =>
    setQuery((now) => queryOf({ ...wantedOf(now), page: 1, ...changed }, now), { replace });
  const filter = filterOf(wanted);
  const numbers = numbersFilterOf(wanted);
  const isAsked = !isBackwards(wanted);
  const list = useQuery({ ...historyQuery(filter, wanted.page), enabled: isAsked });
  const stats = useQuery({ ...statsQuery(numbers.filter), enabled: isAsked });
  return (
    <Page
      title={text.nav.history}
      about={
        isAsked &&
        list.data && (
          <span className={styles.total} role="status">
            {words.total(list.data.total, list.data.isCapped)}
          </span>
        )
      }
      actions={
        <>
          <Segments
            label={words.views.label}
            bare
            value={wanted.view}
            onChange={(view) => change({ view })}
            choices={[
              { value: "list", label: words.views.list, icon: <Rows3 aria-hidden /> },
              { value: "charts", label: words.views.charts, icon: <ChartColumn aria-hidden /> },
            ]}
          />
          <Export filter={filter} isPossible={isAsked && Boolean(list.data?.jobs.length)} />
        </>
      }
    >
      <Filters wanted={wanted} stats={stats.data} jobs={list.data?.jobs} onChange={change} />
      {isAsked ? (
        <>
          <Tiles stats={stats.data} isFailed={stats.isError && !stats.data} />
          {numbers.isCut && (list.data?.total ?? 0) > (stats.data?.total ?? 0) && (
            <Notice>{words.tiles.lastYear}</Notice>
          )}
          {wanted.view === "charts" ? (
            stats.data ? (
              <Suspense fallback={<Loading lines={8} />}>
                <Charts stats={stats.data} />
              </Suspense>
            ) : (
              <Missing error={stats.error} onRetry={() => stats.refetch()} />
            )
          ) : !list.data ? (
            <Missing error={list.error} onRetry={() => list.refetch()} />
          ) : list.data.jobs.length > 0 ? (
            <div className={styles.list} data-old={list.isPlaceholderData || undefined}>
              <JobList jobs={list.data.jobs} onProject={(project) => change({ project })} />
              <Pager
                list={list.data}
                page={wanted.page}
                onPage={(page) => {
                  change({ page });
                  window.scrollTo({ top: 0 });
                }}
              />
            </div>
          ) : (
            <Nothing wanted={wanted} onChange={change} />
          )}
        </>
      ) : (
        <Empty icon={<CalendarX aria-hidden />} title={words.filters.wrongRange}>
          {words.filters.wrongRangeAbout}
        </Empty>
      )}
    </Page>
  );
}

function Missing({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return error ? <Failed error={error} onRetry={onRetry} /> : <Loading lines={8} />;
}

function Nothing({ wanted, onChange }: { wanted: Wanted; onChange: (changed: Partial<Wanted>) => void }) {
  if (wanted.page > 1) {
    return (
      <Empty
        icon={<SearchX aria-hidden />}
        title={words.empty.pastTitle}
        actions={<Button onClick={() => onChange({ page: 1 })}>{words.empty.pastAction}</Button>}
      >
        {words.empty.pastAbout}
      </Empty>
    );
  }
  if (isNarrowed(wanted) || wanted.range !== "all") {
    return (
      <Empty
        icon={<SearchX aria-hidden />}
        title={words.empty.noneTitle}
        actions={
          <>
            {isNarrowed(wanted) && <Button onClick={() => onChange(CLEARED)}>{words.filters.clear}</Button>}
            {wanted.range !== "all" && (
              <Button onClick={() => onChange({ range: "all" })}>{words.filters.whole}</Button>
            )}
          </>
        }
      >
        {words.empty.noneAbout}
      </Empty>
    );
  }
  return (
    <Empty
      icon={<ListVideo aria-hidden />}
      title={words.empty.title}
      actions={
        <Link href="/files" className={buttonClass("primary")}>
          {words.empty.action}
        </Link>
      }
    >
      {words.empty.about}
    </Empty>
  );
}

const ENDED = new Set(["completed", "failed", "canceled"]);

/** Have the history read again when a job ended. */
function useEndsTold() {
  const ends = useLive((s) => Object.values(s.jobs).filter((job) => ENDED.has(job.status)).length);
  const queries = useQueryClient();
  useEffect(() => {
    if (ends > 0) queries.invalidateQueries({ queryKey: ["history"] });
  }, [ends, queries]);
}
