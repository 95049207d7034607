/**
 * The promise, on screen: break a process, watch it found, explained, repaired and verified, and ask why.
 * Against a real demo: HOMEOSTAT_URL=http://127.0.0.1:7070/?ticket=… npm run test:live; else against the mock.
 */
import { expect, test, type Page } from "@playwright/test";
import { signIn } from "./support";

const patience = process.env.HOMEOSTAT_URL ? 180_000 : 30_000;

// A ticket signs in once: one page for all.
test.describe.configure({ mode: "serial" });
let page: Page;
test.beforeAll(async ({ browser }) => { page = await browser.newPage(); await signIn(page); });
test.afterAll(async () => { await page.close(); });

const ASKS = (version: string, seconds: number) => `document: { dsl: '1.0.3', namespace: live, name: asks-first, version: '${version}', title: Asks first }
input:
  schema:
    document: { type: object, properties: { service: { type: string } } }
do:
  - rest:
      wait: { seconds: ${String(seconds)} }
  - ask:
      call: approve
      with: { message: Shall it go on?, role: approver }
`;

test("a workflow: saved twice and compared, tried, run, asked about, paused, looked at earlier, cancelled, deleted", async () => {
  // The API of the page itself: what is typed into the editor is tested elsewhere.
  for (const [version, seconds] of [["0.1.0", 2], ["0.2.0", 1]] as const) {
    const saved = await page.evaluate(async (source) => {
      const { csrf_token } = (await (await fetch("/api/v1/session")).json()) as { csrf_token: string };
      return (await fetch("/api/v1/workflows/live.asks-first", { method: "PUT", headers: { "content-type": "application/json", "x-csrf-token": csrf_token }, body: JSON.stringify({ source }) })).status;
    }, ASKS(version, seconds));
    expect(saved).toBe(200);
  }
  await page.goto("/automation/workflows/live.asks-first?tab=history");
  await expect(page.getByRole("button", { name: /^0\.2\.0/ })).toBeVisible();
  await expect(page.getByText("wait: { seconds: 2 }")).toBeVisible();

  await page.getByRole("radio", { name: "Try" }).check();
  await page.getByLabel("service (optional)").selectOption("checkout");
  await page.getByRole("button", { name: "What would it do?" }).click();
  await expect(page.getByRole("list", { name: "Calls" }).getByRole("listitem")).toHaveCount(1);
  await expect(page.getByRole("list", { name: "Calls" })).toContainText("/do/1/ask");
  await page.getByRole("button", { name: "Run it" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();

  await expect(page.getByRole("heading", { name: "Asks first", level: 1 })).toBeVisible();
  await expect(page.getByRole("region", { name: "Approval" }), "the question shows by itself").toContainText("asks an approver");
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill("to look at it");
  await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("Paused by admin")).toBeVisible();
  await page.getByRole("button", { name: "First record" }).click();
  await expect(page.getByText("You see the run as it was after record")).toBeVisible();
  await expect(page.locator('[data-step="/do/1/ask"]')).toHaveCount(0);
  await page.getByRole("button", { name: "Back to now" }).click();
  await page.getByRole("button", { name: "Cancel and undo" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel and undo" }).click();
  await expect(page.getByText("Cancelled", { exact: true }).first()).toBeVisible();
  await expect(page.getByRole("region", { name: "Approval" })).toHaveCount(0);

  await page.goto("/automation/workflows/live.asks-first");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(/\/automation\/workflows$/);
});

test("crash: injected, resolved and verified, with the rule that decided", async () => {
  await page.goto("/faults");
  const card = page.locator('[data-fault="crash"]');
  await card.getByRole("button", { name: "Inject Crash" }).click();
  const link = card.getByRole("link");
  await expect(link, "the incident it caused shows on the card").toBeVisible({ timeout: patience });
  await link.click();

  const life = page.getByRole("list", { name: "Life of the incident" });
  await expect(life.getByText("Resolved"), "the life line ends in resolved").toBeVisible({ timeout: patience });
  await expect(life.getByText("not yet"), "nothing is ahead any more").toHaveCount(0, { timeout: patience });
  await expect(page.getByText(/verif/i).first(), "the fix was verified").toBeVisible();

  await page.getByRole("button", { name: "Why?" }).click();
  const why = page.getByRole("dialog", { name: "Why this decision?" });
  await expect(why.locator("[data-decided]"), "exactly one rule decided").toHaveCount(1);
  await expect(why.locator("[data-decided]")).toContainText("matched, decided");
  await expect(why.getByRole("rowheader", { name: /^Calibrated/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(why).toBeHidden();
  console.log("live: crash injected, incident resolved and verified, Why shows the rule that decided");
});
