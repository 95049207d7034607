import { defineConfig } from "@playwright/test";

/** With HOMEOSTAT_URL the tests speak to that server; without it they start the mock and serve the built dashboard from it. */
const live = process.env.HOMEOSTAT_URL;
/** Another one lets two suites run beside each other, each with a mock of its own. */
const port = Number(process.env.PORT ?? 4410);
/** How many times as long as on an idle machine to wait before something counts as missing; a cold, busy machine loads the editor slowly. */
const patience = Number(process.env.PATIENCE ?? 3);

export default defineConfig({
  testDir: "e2e",
  testMatch: live ? /live\.spec\.ts/ : /(screens|flows|automation|editor|incident|connectors|live)\.spec\.ts/,
  workers: 1,
  // A machine on which nothing works, its disk full say, is told so in minutes rather than one time-out a test.
  maxFailures: process.env.CI ? 8 : 0,
  timeout: (live ? 240_000 : 40_000) * patience,
  expect: { timeout: 5_000 * patience },
  reporter: [["list"]],
  use: {
    baseURL: live ? new URL(live).origin : `http://127.0.0.1:${String(port)}`,
    screenshot: "only-on-failure",
    // Things that move cost a browser without a graphics card most of its time.
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
  webServer: live ? undefined : { command: "node_modules/.bin/tsx mock/server.ts", port, env: { PORT: String(port) }, reuseExistingServer: false },
});
