/** Every screen: it shows, it can be walked by keyboard, it has no violation of WCAG A or AA, in both themes and on a phone. */
import { expect, test, type Page } from "@playwright/test";
import { api, expectAccessible, signIn } from "./support";

type Item = { id: string; class?: string; status: string };
const incidentOf = async (page: Page, cls: string) => (await api<{ items: Item[] }>(page, "/incidents?limit=50")).items.find((i) => i.class === cls)!.id;

const runOf = async (page: Page, filter: string) => (await api<{ items: Item[] }>(page, `/runs?${filter}`)).items[0]!.id;

const connectorOf = async (page: Page, title: string) => (await api<{ items: { id: string; title: string }[] }>(page, "/connectors")).items.find((i) => i.title === title)!.id;

const SCREENS: { name: string; path: string | ((page: Page) => Promise<string>); shows: string | RegExp; focus?: string; /** The page behind it is inert. */ modal?: boolean }[] = [
  { name: "overview", path: "/", shows: "Needs a person" },
  { name: "incidents", path: "/incidents", shows: "checkout fails 41 % of orders since release 1.1.0" },
  { name: "incident", path: async (p) => `/incidents/${await incidentOf(p, "bad_release")}`, shows: "Probable causes" },
  { name: "why", path: async (p) => { const id = await incidentOf(p, "bad_release"); const d = await api<{ decisions: { id: string }[] }>(p, `/incidents/${id}`); return `/incidents/${id}?why=${d.decisions[0]!.id}`; }, shows: "matched, decided" },
  { name: "incident, its evidence", path: async (p) => { const id = await incidentOf(p, "bad_release"); const d = await api<{ incident: { evidence: { id: string }[] } }>(p, `/incidents/${id}`); return `/incidents/${id}?evidence=${d.incident.evidence.at(-1)!.id}`; }, shows: /Ended by: a run of rollback-release held/ },
  { name: "detection", path: "/detection", shows: "Replay under other settings" },
  { name: "incident, a path that is not shown", path: async (p) => { const id = await incidentOf(p, "bad_release"); const d = await api<{ incident: { causes: { id: string }[] } }>(p, `/incidents/${id}`); return `/incidents/${id}?cause=${d.incident.causes[1]!.id}`; }, shows: "assumed, not shown" },
  { name: "objectives", path: "/detection/objectives", shows: "Checkout answers" },
  { name: "silences and rules", path: "/detection/silences", shows: "Rules in force" },
  { name: "new silence", path: "/detection/silences?silence=kind+%3D%3D+%27error_rate%27", shows: /Means \d+ findings that fire now/, modal: true },
  { name: "systems", path: "/systems", shows: "5 services" },
  { name: "service", path: "/systems/checkout", shows: "Instances" },
  { name: "runs", path: "/automation/runs", shows: "Reset state" },
  { name: "runs, filtered", path: "/automation/runs?workflow=shop.sync-catalog&span=24h", shows: "Sync catalog" },
  { name: "runs, none fits", path: "/automation/runs?text=nothing-is-called-so", shows: "No run fits these filters" },
  { name: "run", path: async (p) => `/automation/runs/${await runOf(p, "status=faulted")}`, shows: "undoes" },
  { name: "run, its step", path: async (p) => `/automation/runs/${await runOf(p, "workflow=shop.nightly-report")}?step=3`, shows: "Turns (5)" },
  { name: "run, its diagram", path: async (p) => `/automation/runs/${await runOf(p, "workflow=shop.release-with-care")}?view=diagram`, shows: "Check budget" },
  { name: "run, earlier", path: async (p) => `/automation/runs/${await runOf(p, "workflow=shop.nightly-report")}?at=4`, shows: "You see the run as it was after record 4." },
  { name: "approvals", path: "/automation/approvals", shows: "Waiting for an answer" },
  { name: "workflows", path: "/automation/workflows", shows: "Synchronise the catalog" },
  { name: "workflow", path: "/automation/workflows/shop.sync-catalog", shows: "supplier.example" },
  { name: "workflow, shipped", path: "/automation/workflows/restart-service", shows: "read only" },
  { name: "workflow, tried", path: "/automation/workflows/shop.release-with-care?tab=try", shows: "Version to put out, for example 1.2.0." },
  { name: "workflow, its history", path: "/automation/workflows/shop.release-with-care?tab=history&left=1.1.0&right=1.2.0", shows: "unchanged lines" },
  { name: "workflow, its history in one", path: "/automation/workflows/shop.release-with-care?tab=history&left=1.1.0&right=1.2.0&layout=unified", shows: "unchanged lines" },
  { name: "new workflow", path: "/automation/new-workflow", shows: "Not saved yet." },
  { name: "schedules", path: "/automation/schedules", shows: "Nightly report" },
  { name: "runbooks", path: "/automation/runbooks", shows: "Restart the service" },
  { name: "runbook", path: "/automation/runbooks/reset-state", shows: "Symptoms" },
  { name: "policy", path: "/automation/policy", shows: "critical-needs-person" },
  { name: "connectors", path: "/connectors", shows: "Samples to try" },
  { name: "connectors, a sample opened", path: "/connectors?sample=users", shows: "title: Roster" },
  { name: "connector", path: async (p) => `/connectors/${await connectorOf(p, "Tally")}?path=src%2Fclient.ts`, shows: "export class Tally extends Client {" },
  { name: "connector, its document", path: async (p) => `/connectors/${await connectorOf(p, "Warehouse")}?view=document`, shows: "duplicate-operation-id" },
  { name: "compare documents", path: "/connectors/compare", shows: "Before" },
  { name: "faults", path: "/faults", shows: "Demo: real processes, simulated shop." },
  { name: "logs", path: "/logs?text=order", shows: /placed, total/ },
  { name: "autonomy", path: "/settings", shows: "Add a grant" },
  { name: "stop switch", path: "/settings?section=stop-switch", shows: "Automation works" },
  { name: "tokens", path: "/settings?section=tokens", shows: "ci deploys" },
  { name: "audit", path: "/settings?section=audit", shows: "Verify the chain" },
  { name: "about", path: "/settings?section=about", shows: "Components" },
];

async function open(page: Page, screen: (typeof SCREENS)[number]) {
  await signIn(page);
  await page.goto(typeof screen.path === "string" ? screen.path : await screen.path(page));
  // The same words may stand in a part that this width hides.
  await expect(page.getByText(screen.shows).filter({ visible: true }).first()).toBeVisible();
}

for (const theme of ["dark", "light"] as const) {
  test.describe(theme, () => {
    test.use({ colorScheme: theme, reducedMotion: "reduce" } as never);
    test("sign-in is accessible", async ({ page }) => {
      await page.goto("/sign-in");
      await expect(page.getByRole("heading", { name: "Sign in to Homeostat" })).toBeVisible();
      await expectAccessible(page);
    });
    for (const screen of SCREENS) {
      test(`${screen.name} shows and is accessible`, async ({ page }) => {
        const errors: string[] = [];
        page.on("console", (m) => { if (m.type() === "error" && !m.text().includes("401")) errors.push(m.text()); });
        page.on("pageerror", (e) => errors.push(e.message));
        await open(page, screen);
        await expect(page.getByRole("heading", { level: 1 }).first()).toBeAttached();
        await expectAccessible(page);
        // The mock serves the strict content security policy: what it blocks lands here.
        expect(errors).toEqual([]);
      });
    }
  });
}

test.describe("phone", () => {
  test.use({ viewport: { width: 390, height: 844 } });
  for (const screen of SCREENS) {
    test(`${screen.name} fits 390 px`, async ({ page }) => {
      await open(page, screen);
      expect(await page.evaluate(() => Math.max(document.body.scrollWidth, document.documentElement.scrollWidth))).toBeLessThanOrEqual(390);
    });
  }
});

test.describe("keyboard", () => {
  for (const screen of SCREENS.filter((s) => s.name !== "why" && !s.modal)) {
    test(`${screen.name}: the first stop skips to the content, and each next stop is visible`, async ({ page }) => {
      await open(page, screen);
      await page.keyboard.press("Tab");
      await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
      await page.keyboard.press("Enter");
      await expect(page.locator("#main")).toBeFocused();
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => {
        const e = document.activeElement!;
        const box = e.getBoundingClientRect();
        return { inside: document.querySelector("#main")!.contains(e), area: box.width * box.height };
      });
      expect(seen.inside).toBe(true);
      expect(seen.area).toBeGreaterThan(0);
    });
  }
});
