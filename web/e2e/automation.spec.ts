/** What people do with runs, end to end, against the mock. */
import { expect, test, type Page } from "@playwright/test";
import { api, signIn } from "./support";

type Found = { items: { id: string; service: string | null; status: string }[] };
const find = async (page: Page, filter: string) => (await api<Found>(page, `/runs?${filter}`)).items;

test.beforeEach(async ({ page }) => { await signIn(page); });

test("filters of runs are the address, and say when nothing fits", async ({ page }) => {
  await page.goto("/automation/runs?status=faulted&workflow=shop.sync-catalog&span=7d");
  await expect(page.getByRole("radio", { name: "Faulted" })).toBeChecked();
  await expect(page.getByLabel("Workflow", { exact: true })).toHaveValue("shop.sync-catalog");
  await expect(page.locator("[data-run]").first()).toContainText("503 Service Unavailable");
  await page.keyboard.press("/");
  await page.keyboard.type("no such thing");
  await expect(page).toHaveURL(/text=no(\+|%20)such(\+|%20)thing/);
  await expect(page.getByText("No run fits these filters")).toBeVisible();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await expect(page).toHaveURL(/\/automation\/runs$/);
  await page.getByLabel("Time").selectOption("between");
  await expect(page).toHaveURL(/since=/);
});

test("pages of runs follow each other", async ({ page }) => {
  await page.goto("/automation/runs?workflow=shop.sync-catalog");
  await expect(page.locator("[data-run]")).toHaveCount(50);
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(page.locator("[data-run]").nth(60)).toBeVisible();
});

test("chosen runs are paused together: counted first, with a reason, and what was refused is told", async ({ page }) => {
  await page.goto("/automation/runs?workflow=shop.release-with-care&span=24h");
  const bar = page.getByRole("toolbar", { name: "With the chosen runs" });
  await expect(bar.getByRole("button", { name: "Pause" })).toHaveAccessibleDescription("Not available: choose runs first");
  await bar.getByRole("checkbox").check();
  await expect(bar).toContainText("4 chosen");
  await bar.getByRole("button", { name: "Pause" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("2of the chosen runs");
  await expect(dialog).toContainText("stay as they are: it is held by ana already");
  await expect(dialog.getByRole("button", { name: "Pause 2 runs" })).toHaveAccessibleDescription("Not available: say why");
  await dialog.getByLabel("Reason").fill("the network is being mended");
  await dialog.getByRole("button", { name: "Pause 2 runs" }).click();
  await expect(page.getByRole("dialog", { name: "Pause: done" })).toContainText("2 runs paused");
  await page.getByRole("button", { name: "Close" }).last().click();
  await expect(page.locator("[data-run]").filter({ hasText: "Suspended" })).toHaveCount(3);
  const paused = page.locator("[data-run]").filter({ hasText: "Suspended" });
  await paused.nth(0).getByRole("checkbox").check();
  await paused.nth(1).getByRole("checkbox").check();
  await bar.getByRole("button", { name: "Resume" }).click();
  await dialog.getByRole("button", { name: "Resume 2 runs" }).click();
  await expect(page.getByRole("dialog", { name: "Resume: done" })).toContainText("2 runs resumed");
});

test("a shift click chooses the rows between", async ({ page }) => {
  await page.goto("/automation/runs?workflow=shop.sync-catalog");
  await page.locator("[data-run]").nth(1).getByRole("checkbox").click();
  await page.locator("[data-run]").nth(5).getByRole("checkbox").click({ modifiers: ["Shift"] });
  await expect(page.getByRole("toolbar")).toContainText("5 chosen");
});

test("every run that fits a filter is tried again in one go", async ({ page }) => {
  await page.goto("/automation/runs?workflow=shop.sync-catalog&purpose=schedule");
  const bar = page.getByRole("toolbar", { name: "With the chosen runs" });
  await bar.getByRole("checkbox").check();
  await bar.getByRole("button", { name: "Choose every run that fits these filters" }).click();
  await expect(bar).toContainText("91 chosen");
  await bar.getByRole("button", { name: "Retry" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("runs of shop.sync-catalog started by a schedule");
  await dialog.getByRole("button", { name: "Retry 4 runs" }).click();
  await expect(page.getByRole("dialog", { name: "Retry: done" })).toContainText("4 runs tried again");
});

test("a hold on a service is said where it stops runs, and is released", async ({ page }) => {
  await page.goto("/automation/runs");
  await page.getByRole("button", { name: "Pause as a whole…" }).click();
  const dialog = page.getByRole("dialog", { name: "Pause as a whole" });
  await dialog.getByRole("radio", { name: "One service" }).check();
  await dialog.getByLabel("Service", { exact: true }).selectOption("catalog");
  await dialog.getByLabel("Reason").fill("its disks are being moved");
  await dialog.getByRole("button", { name: "Pause catalog" }).click();
  await expect(dialog.getByRole("list", { name: "Holds" })).toContainText("Runs on catalog are paused");
  await page.keyboard.press("Escape");
  await expect(page.getByText("Runs on catalog are paused.")).toBeVisible();
  const [run] = (await find(page, "workflow=shop.release-with-care&service=catalog"));
  await page.goto(`/automation/runs/${run!.id}`);
  await expect(page.getByText("“its disks are being moved”")).toBeVisible();
  await page.getByRole("button", { name: "Look and release" }).click();
  await page.getByRole("button", { name: "Release: Runs on catalog are paused" }).click();
  await expect(page.getByRole("list", { name: "Holds" })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(page.getByText("Runs on catalog are paused.")).toHaveCount(0);
});

test("a step opens with its attempts; it is tried again with another input", async ({ page }) => {
  const [run] = await find(page, "workflow=shop.release-with-care&status=faulted");
  await page.goto(`/automation/runs/${run!.id}`);
  await page.locator('[data-step="/do/5/verifyAll"] button').first().click();
  await expect(page).toHaveURL(/step=\d+/);
  const step = page.getByTestId("step");
  await expect(step).toContainText("p95 latency of payments 812 ms");
  await step.getByRole("button", { name: "Retry from here" }).click();
  const dialog = page.getByRole("dialog", { name: "Retry from here?" });
  await dialog.getByRole("switch", { name: "Edit the input first" }).click();
  const editor = dialog.getByRole("textbox", { name: "Input of the step" });
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText('{"service": "payments", ');
  await expect(dialog.getByRole("button", { name: "Retry from here" })).toHaveAccessibleDescription(/This is not JSON/);
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText('{"service": "payments", "window": {"seconds": 5}}');
  await dialog.getByRole("button", { name: "Retry from here" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.locator('[data-step="/do/5/verifyAll"]')).toContainText("×2");
});

test("a step is skipped only with a reason, and a run is migrated to another version", async ({ page }) => {
  const runs = await find(page, "workflow=shop.release-with-care&status=suspended");
  await page.goto(`/automation/runs/${runs[0]!.id}`);
  await page.getByRole("button", { name: "Follow another version" }).click();
  const migrate = page.getByRole("dialog", { name: "Follow another version?" });
  await migrate.getByLabel("Version").selectOption("1.1.0");
  await migrate.getByRole("button", { name: "Follow another version" }).click();
  await expect(migrate).toBeHidden();
  await expect(page.getByRole("region", { name: "Journal" }).last()).toContainText("migrates from 1.2.0 to 1.1.0");
  await page.locator('[data-step="/do/1/canary/try/1/watch"] button').first().click();
  await page.getByTestId("step").getByRole("button", { name: "Skip with a reason" }).click();
  const dialog = page.getByRole("dialog", { name: "Skip with a reason?" });
  await expect(dialog.getByRole("button", { name: "Skip with a reason" })).toHaveAccessibleDescription("Not available: Fill in: reason");
  await dialog.getByLabel("Reason").fill("watched it by hand");
  await dialog.getByRole("button", { name: "Skip with a reason" }).click();
  await expect(page.getByTestId("step")).toContainText("skipped by admin: watched it by hand");
});

test("time travel: any record of the journal, by keyboard, with every button at rest", async ({ page }) => {
  const [run] = await find(page, "workflow=shop.nightly-report");
  await page.goto(`/automation/runs/${run!.id}`);
  await expect(page.getByRole("list", { name: "Steps over time" }).getByRole("listitem")).toHaveCount(4);
  const slider = page.getByRole("slider", { name: "Look at the run after record" });
  await slider.focus();
  await page.keyboard.press("Home");
  await expect(page).toHaveURL(/at=1/);
  await expect(page.getByRole("list", { name: "Steps over time" }).getByRole("listitem")).toHaveCount(0);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/at=3/);
  await expect(page.getByText("You see the run as it was after record 3.")).toBeVisible();
  await expect(page.getByRole("list", { name: "Steps over time" }).getByRole("listitem")).toHaveCount(3);
  await expect(page.getByRole("button", { name: "Cancel and undo" })).toHaveAccessibleDescription(/go back to now first/);
  await page.getByRole("button", { name: "Back to now" }).click();
  await expect(page).not.toHaveURL(/at=/);
});

test("a run and the run it started lead to each other", async ({ page }) => {
  const [run] = await find(page, "workflow=shop.nightly-report");
  await page.goto(`/automation/runs/${run!.id}`);
  await page.getByRole("link", { name: "Archive" }).click();
  await expect(page.getByRole("heading", { name: "Archive report", level: 1 })).toBeVisible();
  await page.getByRole("link", { name: "the run that started it" }).click();
  await expect(page.getByRole("heading", { name: "Nightly report", level: 1 })).toBeVisible();
});

test("a large output is folded, and drawn only where one looks", async ({ page }) => {
  const [run] = await find(page, "workflow=shop.nightly-report");
  await page.goto(`/automation/runs/${run!.id}?step=1`);
  const output = page.getByTestId("step").getByRole("region", { name: "Output" });
  await expect(output).toContainText("400 items");
  await output.getByRole("button", { name: "Unfold rows" }).click();
  await expect(output).toContainText("requests");
  expect(await output.locator("div").count()).toBeLessThan(120);
});

test("a run asks a person inside its own screen; the answer is kept and the count goes down", async ({ page }) => {
  const count = page.getByRole("navigation", { name: "Areas" }).first().getByRole("link", { name: /Automation/ });
  const before = Number(/\d+/.exec(await count.innerText())?.[0]);
  const [run] = (await find(page, "workflow=shop.release-with-care&service=catalog"));
  await page.goto(`/automation/runs/${run!.id}`);
  const card = page.getByRole("region", { name: "Approval" });
  await expect(card).toContainText("asks an approver");
  await card.getByRole("button", { name: "Approve" }).click();
  const dialog = page.getByRole("dialog", { name: "Approve?" });
  await dialog.getByLabel("Note").fill("errors are low");
  await dialog.getByRole("button", { name: "Approve" }).click();
  await expect(card).toHaveCount(0);
  await expect(page.locator('[data-step="/do/3/rollOut"]')).toBeVisible();
  await expect(count).toHaveText(before > 1 ? new RegExp(String(before - 1)) : /Automation/);
});

test("an approval is refused from the list with a note, and what was done is undone", async ({ page }) => {
  await page.goto("/automation/approvals");
  const row = page.locator("[data-approval]").filter({ hasText: "gateway" });
  await row.getByRole("button", { name: "Reject" }).click();
  const dialog = page.getByRole("dialog", { name: "Reject?" });
  await expect(dialog.getByRole("button", { name: "Reject" })).toHaveAccessibleDescription("Not available: Fill in: note");
  await dialog.getByLabel("Note").fill("not on a Friday");
  await dialog.getByRole("button", { name: "Reject" }).click();
  await expect(row).toContainText("Rejected by admin");
  await row.getByRole("link").click();
  await expect(page.getByText("undoes").first()).toBeVisible();
});

test("the diagram opens a step by keyboard", async ({ page }) => {
  const [run] = await find(page, "workflow=shop.release-with-care&status=faulted");
  const [other] = await find(page, "workflow=shop.release-with-care");
  await page.goto(`/automation/runs/${(run ?? other)!.id}?view=diagram`);
  await page.getByRole("button", { name: /^Check budget/ }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("step")).toContainText("/do/0/checkBudget");
});

test("a viewer sees every button of a run and why it rests", async ({ page, context }) => {
  await context.clearCookies();
  await page.goto("/sign-in?next=/automation/runs");
  await page.getByLabel("Name").fill("viewer");
  await page.getByLabel("Password").fill("x");
  await page.keyboard.press("Enter");
  await page.locator("[data-run]").first().getByRole("checkbox").check();
  await expect(page.getByRole("toolbar").getByRole("button", { name: "Pause" })).toHaveAccessibleDescription(/needs the role operator/);
  await page.locator("[data-run] a").first().click();
  await expect(page.getByRole("button", { name: "Cancel and undo" })).toHaveAccessibleDescription(/needs the role operator|the run is over/);
});
