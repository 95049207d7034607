/** What people do on the incident page and with silences and rules, end to end, against the mock. */
import { expect, test, type Page } from "@playwright/test";
import { api, signIn } from "./support";

const incidentOf = async (page: Page, cls: string) => (await api<{ items: { id: string; class?: string }[] }>(page, "/incidents?limit=50&status=active")).items.find((i) => i.class === cls)!.id;
const openIncident = async (page: Page, cls: string) => { await page.goto(`/incidents/${await incidentOf(page, cls)}`); };

test.beforeEach(async ({ page }) => { await signIn(page); });

test("the path from cause to symptom is a map and a list that says the same; what is only assumed is marked", async ({ page }) => {
  await openIncident(page, "bad_release");
  const panel = page.getByRole("region", { name: "From cause to symptom" });
  await expect(panel.getByText("Verified path")).toBeVisible();
  const list = panel.getByRole("list", { name: "Path of checkout" });
  await expect(list.getByRole("listitem")).toHaveCount(2);
  await expect(list.getByRole("listitem").last()).toContainText("+ 0.6 s");
  await expect(panel.getByRole("link", { name: /^checkout, cause, first, covers 94 %/ })).toBeVisible();
  await expect(panel.getByRole("link", { name: "worker, no finding" })).toBeVisible();
  await panel.getByRole("radio", { name: "2. payments" }).check({ force: true });
  await expect(page).toHaveURL(/cause=cau_/);
  await expect(panel.getByText("Not verified")).toBeVisible();
  await expect(panel).toContainText("Not all of the way is shown: payments shows nothing unusual.");
  await expect(panel.getByRole("link", { name: "payments, shows nothing unusual" })).toBeVisible();
  await panel.getByRole("link", { name: /^gateway, it shows here/ }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "gateway", level: 1 })).toBeVisible();
});

test("charts stand on one axis of time and share a cursor; a cited one is marked", async ({ page }) => {
  await openIncident(page, "bad_release");
  const charts = page.getByRole("list", { name: "Charts" }).getByRole("listitem");
  await expect(charts).toHaveCount(2);
  await expect(charts.first()).toContainText(/outside for .+ since .+, furthest \d+ %/);
  await expect(charts.locator("canvas")).toHaveCount(2);
  const plot = charts.first().locator(".u-over");
  await plot.scrollIntoViewIfNeeded();
  await plot.hover();
  const told = charts.locator("figure").getByText(/^\d\d:\d\d:\d\d {2}[\d.]+ %$/);
  await expect(told).toHaveCount(2);
  const times = (await told.allTextContents()).map((t) => t.slice(0, 8));
  expect(times[0]).toBe(times[1]);
  await page.getByRole("list", { name: "Path of checkout" }).getByRole("button", { name: /^19 % of requests fail/ }).click();
  await expect(charts.last()).toHaveAttribute("aria-current", "true");
});

test("an alert leads to where it came from, and nothing else does", async ({ page }) => {
  await openIncident(page, "bad_release");
  const evidence = page.getByRole("region", { name: "Evidence" });
  await evidence.getByRole("button", { name: /OrdersFailing/ }).click();
  const link = evidence.getByRole("link", { name: /OrdersFailing/ });
  await expect(link).toHaveAttribute("href", "https://alertmanager.example/#/alerts");
  await expect(link).toHaveAttribute("rel", "noreferrer noopener");
});

test("an earlier incident that looked alike is a click away", async ({ page }) => {
  await openIncident(page, "bad_release");
  const panel = page.getByRole("region", { name: "Similar incidents" });
  await expect(panel).toContainText("held 8 of 9 times");
  const before = page.url();
  await panel.getByRole("link", { name: /checkout fails/ }).first().click();
  await expect(page).not.toHaveURL(before);
  await expect(page.getByText("Resolved", { exact: true }).first()).toBeVisible();
});

test("a finding is split off, and its incident merged back, by keyboard", async ({ page }) => {
  await openIncident(page, "crash_loop");
  await expect(page.getByText("Its findings come and go")).toBeVisible();
  const panel = page.getByRole("region", { name: "Findings and why they are here" });
  await expect(panel).toContainText("Here because worker is in the incident already");
  await expect(panel.getByRole("button", { name: "Split off" })).toHaveAccessibleDescription("Not available: choose findings first");
  await panel.getByRole("checkbox", { name: /a pattern never seen before/ }).focus();
  await page.keyboard.press("Space");
  await panel.getByRole("button", { name: "Split off" }).focus();
  await page.keyboard.press("Enter");
  const ask = page.getByRole("dialog", { name: "Split off?" });
  await expect(ask.getByRole("list", { name: "Chosen findings" })).toContainText("a pattern never seen before");
  await ask.getByRole("button", { name: "Split off" }).click();
  await page.getByRole("dialog", { name: "Done" }).getByRole("link", { name: "Open that incident" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("a pattern never seen before");
  await expect(panel).toContainText("put here by admin");
  await expect(panel.getByRole("button", { name: "Split off" })).toHaveAccessibleDescription(/it has one finding only/);

  await panel.getByRole("button", { name: "Merge into another" }).click();
  const merge = page.getByRole("dialog", { name: "Merge into another incident?" });
  await expect(merge.getByRole("button", { name: "Merge" })).toHaveAccessibleDescription("Not available: choose an incident");
  await merge.getByRole("radio", { name: /worker ends again/ }).check();
  await merge.getByRole("button", { name: "Merge" }).click();
  await page.getByRole("dialog", { name: "Done" }).getByRole("button", { name: "Stay here" }).click();
  await page.getByRole("link", { name: "part of another incident" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("worker ends again");
  await expect(panel.getByRole("listitem")).toHaveCount(2);
});

test("what a run works on cannot be regrouped, and says so", async ({ page }) => {
  await openIncident(page, "slow_dependency");
  await expect(page.getByRole("button", { name: "Merge into another" })).toHaveAccessibleDescription(/a run works on it/);
});

test("incidents are filtered by what comes first", async ({ page }) => {
  await page.goto("/incidents?status=active");
  await page.getByLabel("Priority").selectOption("p1");
  await expect(page).toHaveURL(/priority=p1/);
  await expect(page.locator("[data-row]")).toHaveCount(1);
  await expect(page.locator("[data-row]")).toContainText("P1");
});

test("a silence shows what it means while it is written, is made with a reason, and ended", async ({ page }) => {
  await page.goto("/detection/silences");
  await page.getByRole("button", { name: "New silence" }).click();
  const dialog = page.getByRole("dialog", { name: "New silence" });
  const condition = dialog.getByLabel(/Findings that it means/);
  await expect(condition).toBeFocused();
  await condition.fill("servce == 'worker'");
  await expect(dialog.getByRole("status")).toContainText("there is no `servce`");
  await condition.fill("service == 'worker' && kind == 'restart_loop'");
  await expect(dialog.getByRole("status")).toContainText("Means 1 finding that fires now:");
  await expect(dialog.getByRole("list", { name: "Findings that are meant" })).toContainText("worker-1 ended 5 times");
  await expect(dialog.getByRole("button", { name: "Silence" })).toHaveAccessibleDescription("Not available: say why");
  await dialog.getByLabel("Reason").fill("its state file is being repaired");
  await dialog.getByRole("radio", { name: "Until a date" }).check({ force: true });
  await expect(dialog.getByRole("button", { name: "Silence" })).toHaveAccessibleDescription("Not available: say until when");
  await dialog.getByRole("radio", { name: "4 hours" }).check({ force: true });
  await dialog.getByRole("button", { name: "Silence" }).click();
  await expect(dialog).toBeHidden();
  const row = page.locator("[data-silence]").filter({ hasText: "its state file is being repaired" });
  await expect(row).toContainText("In force");
  await row.getByText("means 1 firing finding").click();
  await expect(row).toContainText("worker-1 ended 5 times");
  await row.getByRole("button", { name: "End" }).click();
  await page.getByRole("dialog", { name: "End?" }).getByRole("button", { name: "End" }).click();
  await expect(row).toContainText("Over");
});

test("from a finding one comes to a silence of such", async ({ page }) => {
  await openIncident(page, "disk_full");
  await page.getByRole("link", { name: "Silence such…" }).first().click();
  await expect(page.getByRole("dialog", { name: "New silence" }).getByLabel(/Findings that it means/)).toHaveValue("service == 'checkout' && kind == 'disk_filling'");
});

test("rules are tried on what happened, and a flaw is named", async ({ page }) => {
  await page.goto("/detection/silences");
  const panel = page.getByRole("region", { name: "Try other rules" });
  const editor = panel.getByRole("textbox", { name: "Triage file" });
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("quiet:\n  - name: a\n");
  await panel.getByRole("button", { name: "Try" }).click();
  await expect(panel.getByRole("status")).toContainText("unknown field `quiet`");
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("mute:\n  - name: shop\n    why: It is closed.\n    when: service == 'checkout'\n");
  await panel.getByRole("button", { name: "Try" }).click();
  await expect(panel.getByRole("list", { name: "What would change" })).toContainText("muted by rule shop: It is closed.");
  await expect(panel.getByRole("status")).toContainText("no incident");
});

test("a viewer sees why silences and rules rest", async ({ page, context }) => {
  await context.clearCookies();
  await page.goto("/sign-in?next=/detection/silences");
  await page.getByLabel("Name").fill("viewer");
  await page.getByLabel("Password").fill("x");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "New silence" })).toHaveAccessibleDescription(/viewers may not silence findings/);
  await expect(page.getByRole("button", { name: "Try" })).toHaveAccessibleDescription(/viewers may not try rules/);
});
