/** Starts the app: theme first, then the router with its query cache. */
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import "./app.css";
import { applyTheme } from "./lib/theme";
import { makeRouter } from "./router";

applyTheme();

// A sign-in ticket may come behind the hash, which never reaches a server log.
const ticket = /^#ticket=(.+)$/.exec(window.location.hash)?.[1];
if (ticket) window.history.replaceState(null, "", `/sign-in?ticket=${ticket}`);

const signedOut = (error: unknown) => {
  if (error instanceof ApiError && error.status === 401 && !window.location.pathname.startsWith("/sign-in")) {
    void router.navigate({ to: "/sign-in", search: { next: window.location.pathname + window.location.search } });
  }
};

const client = new QueryClient({
  queryCache: new QueryCache({ onError: signedOut }),
  mutationCache: new MutationCache({ onError: signedOut }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 3 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      throwOnError: (error, query) => query.state.data === undefined && !(error instanceof ApiError && error.status === 401),
    },
  },
});
const router = makeRouter(client);

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);

declare module "@tanstack/react-router" {
  interface Register { router: ReturnType<typeof makeRouter> }
}
