import { CSPProvider } from "@base-ui/react/csp-provider";
import { Tooltip } from "@base-ui/react/tooltip";
import { QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { Lock } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { Route, Router, Switch } from "wouter";
import { Problem } from "@/api/problem";
import { makeQueryClient, meQuery, whoQuery } from "@/api/queries";
import { Empty, Failed, Loading, Toasts } from "@/design";
import { follow, useLive } from "@/live";
import { Overview } from "@/pages/overview/Overview";
import { text } from "@/text";
import { Uploads } from "@/upload/Uploads";
import { useAddress, useQueryString } from "./address";
import { NotFound } from "./NotFound";
import { Page } from "./Page";
import { mount } from "./place";
import { Shell } from "./Shell";
import { SignIn } from "./SignIn";

const PrinterPage = lazy(() => import("@/pages/printer/PrinterPage"));
const QueuePage = lazy(() => import("@/pages/queue/QueuePage"));
const FilesPage = lazy(() => import("@/pages/files/FilesPage"));
const FilePage = lazy(() => import("@/pages/files/FilePage"));
const HistoryPage = lazy(() => import("@/pages/history/HistoryPage"));
const SettingsPage = lazy(() => import("@/pages/settings/SettingsPage"));
const HealthPage = lazy(() => import("@/pages/health/HealthPage"));
const AccountPage = lazy(() => import("@/pages/account/AccountPage"));
const WallPage = lazy(() => import("@/pages/wall/WallPage"));

export function App() {
  const [queries] = useState(begin);
  return (
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Tooltip.Provider delay={400}>
          <Toasts>
            <Router base={mount} hook={useAddress} searchHook={useQueryString}>
              <SignedIn>
                <Pages />
                <Uploads />
              </SignedIn>
            </Router>
          </Toasts>
        </Tooltip.Provider>
      </QueryClientProvider>
    </CSPProvider>
  );
}

/** Asks who is calling while the first page is still drawn. */
function begin() {
  const queries = makeQueryClient();
  void queries.prefetchQuery(whoQuery);
  void queries.prefetchQuery(meQuery);
  return queries;
}

/** Its children once it is known who is calling, and that they may look. */
function SignedIn({ children }: { children: ReactNode }) {
  const who = useQuery(whoQuery);
  const me = useQuery(meQuery);
  const mayLook = me.data?.anywhere != null;
  const backend = me.data?.backend;
  const queries = useQueryClient();
  useEffect(() => {
    if (!mayLook) return;
    const stop = follow(backend ? { backend } : {});
    const unsubscribe = useLive.subscribe((now, before) => {
      if (now.changes !== before.changes) queries.invalidateQueries({ queryKey: ["queue"] });
      if (now.link === "refused" && before.link !== "refused")
        queries.invalidateQueries({ queryKey: ["who"] });
    });
    return () => {
      unsubscribe();
      stop();
    };
  }, [mayLook, backend, queries]);
  const refused = who.error && Problem.from(who.error);
  if (refused?.isUnauthenticated)
    return <SignIn isEnded={who.data !== undefined || refused.code === "CREDENTIALS_EXPIRED"} />;
  // what was known before is good enough while the gateway is away
  const error = who.data && me.data ? null : (who.error ?? me.error);
  if (error) {
    const failed = <Failed error={error} onRetry={() => queries.resetQueries()} />;
    if (!who.data) return failed;
    return (
      <Without>
        <Page title={text.common.appName}>{failed}</Page>
      </Without>
    );
  }
  if (!me.data) return <Loading />;
  if (!mayLook) {
    return (
      <Without>
        <Page title={text.noAccess.title}>
          <Empty icon={<Lock aria-hidden />}>
            {text.noAccess.about(who.data?.name ?? who.data?.id ?? "")}
          </Empty>
        </Page>
      </Without>
    );
  }
  return children;
}

/** The pages that need no printing; in place of the others its children. */
function Without({ children }: { children: ReactNode }) {
  return (
    <Shell>
      <Suspense fallback={<Loading lines={8} />}>
        <Switch>
          <Route path="/health" component={HealthPage} />
          <Route path="/account" component={AccountPage} />
          <Route>{children}</Route>
        </Switch>
      </Suspense>
    </Shell>
  );
}

function Pages() {
  return (
    <Switch>
      <Route path="/wall">
        <Suspense fallback={<Loading />}>
          <WallPage />
        </Suspense>
      </Route>
      <Route>
        <Shell>
          <Suspense fallback={<Loading lines={8} />}>
            <Switch>
              <Route path="/" component={Overview} />
              <Route path="/printers/:name">{({ name }) => <PrinterPage key={name} name={name} />}</Route>
              <Route path="/queue" component={QueuePage} />
              <Route path="/files" component={FilesPage} />
              <Route path="/files/:name">{({ name }) => <FilePage key={name} name={name} />}</Route>
              <Route path="/history" component={HistoryPage} />
              <Route path="/settings" component={SettingsPage} />
              <Route path="/health" component={HealthPage} />
              <Route path="/account" component={AccountPage} />
              <Route component={NotFound} />
            </Switch>
          </Suspense>
        </Shell>
      </Route>
    </Switch>
  );
}
