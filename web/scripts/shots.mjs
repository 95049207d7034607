// Takes a picture of every screen in dark, light and phone width, from a running server (HOMEOSTAT_URL, default: the mock).
import { mkdir } from "node:fs/promises";
import { chromium } from "@playwright/test";

const base = process.env.HOMEOSTAT_URL ?? "http://127.0.0.1:4400";
const out = process.env.SHOTS ?? new URL("../shots", import.meta.url).pathname;
const only = process.argv.slice(2);
await mkdir(out, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
const looks = { dark: { colorScheme: "dark", viewport: { width: 1440, height: 900 } }, light: { colorScheme: "light", viewport: { width: 1440, height: 900 } }, phone: { colorScheme: "dark", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 } };

for (const [look, options] of Object.entries(looks)) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("console", (m) => { if (m.type() === "error") console.log(`${look} console: ${m.text()}`); });
  page.on("pageerror", (e) => console.log(`${look} error: ${e.message}`));
  await page.goto(`${base}/sign-in`);
  await page.getByLabel("Name").waitFor();
  if (only.length === 0) await page.screenshot({ path: `${out}/sign-in-${look}.png` });
  await page.goto(`${base}/sign-in?ticket=${process.env.HOMEOSTAT_TICKET ?? "demo"}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.waitForURL((u) => !u.pathname.startsWith("/sign-in"));
  const get = (path) => page.evaluate((p) => fetch(`/api/v1${p}`).then((r) => r.json()), path);
  const incidents = (await get("/incidents?limit=50")).items;
  const needs = incidents.find((i) => i.class === "bad_release") ?? incidents[0];
  const slow = incidents.find((i) => i.class === "slow_dependency") ?? incidents[0];
  const decision = needs && (await get(`/incidents/${needs.id}`)).decisions.at(-1)?.id;
  const runs = (await get("/runs?limit=50")).items;
  const run = runs.find((r) => r.status === "faulted" && r.workflow === "shop.release-with-care") ?? runs.find((r) => r.status === "faulted") ?? runs[0];
  const asking = (await get("/approvals?state=pending")).items[0]?.run ?? run?.id;
  const looped = (await get("/runs?workflow=shop.nightly-report")).items[0]?.id ?? run?.id;
  const retried = (await get("/runs?workflow=shop.sync-catalog")).items[0]?.id ?? run?.id;
  const records = run ? (await get(`/runs/${run.id}/journal?limit=500`)).items.map((r) => r.sequence) : [];
  const screens = {
    overview: "/", incidents: "/incidents", incident: `/incidents/${slow?.id}`, approval: `/incidents/${needs?.id}`, silences: "/detection/silences", silence: "/detection/silences?silence=severity+%3D%3D+%27high%27", why: `/incidents/${needs?.id}?why=${decision}`, systems: "/systems", service: "/systems/checkout",
    runs: "/automation/runs", "runs-filtered": "/automation/runs?workflow=shop.release-with-care&span=24h", "runs-none": "/automation/runs?text=zzz", run: `/automation/runs/${run?.id}`, "run-step": `/automation/runs/${run?.id}?step=4`, "run-diagram": `/automation/runs/${run?.id}?view=diagram&step=3`,
    "run-past": `/automation/runs/${run?.id}?at=${records[Math.floor(records.length / 2)]}`, "run-asking": `/automation/runs/${asking}`, "run-loop": `/automation/runs/${looped}?step=3`, "run-retried": `/automation/runs/${retried}`,
    approvals: "/automation/approvals", workflows: "/automation/workflows", workflow: "/automation/workflows/shop.release-with-care", "workflow-shipped": "/automation/workflows/restart-service", "workflow-try": "/automation/workflows/shop.release-with-care?tab=try",
    "workflow-history": "/automation/workflows/shop.release-with-care?tab=history", "workflow-unified": "/automation/workflows/shop.release-with-care?tab=history&layout=unified", "workflow-new": "/automation/new-workflow", schedules: "/automation/schedules",
    runbooks: "/automation/runbooks", runbook: "/automation/runbooks/reset-state", policy: "/automation/policy", faults: "/faults", logs: "/logs?text=order",
    autonomy: "/settings", stop: "/settings?section=stop-switch", tokens: "/settings?section=tokens", audit: "/settings?section=audit", about: "/settings?section=about", missing: "/incidents/inc_nope",
  };
  for (const [name, path] of Object.entries(screens)) {
    if (only.length > 0 && !only.includes(name)) continue;
    await page.goto(base + path);
    await page.locator("main h1, [role=alert]").first().waitFor();
    await page.waitForTimeout(900);
    await page.screenshot({ path: `${out}/${name}-${look}.png`, fullPage: name !== "why" && name !== "logs" });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) console.log(`${look} ${name}: ${wide} px too wide`);
  }
  if (only.length === 0 || only.includes("palette")) {
    await page.goto(base);
    await page.locator("main h1").waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search" }).waitFor();
    await page.screenshot({ path: `${out}/palette-${look}.png` });
  }
  await context.close();
}
await browser.close();
console.log(`pictures are in ${out}`);
