/** What people do, end to end, against the mock. */
import { expect, test } from "@playwright/test";
import { signIn } from "./support";

test("a wrong password is told so, a right one goes where one wanted to go", async ({ page }) => {
  await page.goto("/logs");
  await expect(page).toHaveURL(/sign-in\?next=/);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("Name or password is wrong");
  await page.getByLabel("Password").fill("right");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Logs" })).toBeVisible();
});

test("shortcuts go places and the palette finds an incident", async ({ page }) => {
  await signIn(page);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.keyboard.press("g");
  await page.keyboard.press("i");
  await expect(page.getByRole("heading", { name: "Incidents", level: 1 })).toBeVisible();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(page.locator("[data-row] a").nth(1)).toBeFocused();
  await page.keyboard.press("k");
  await expect(page.locator("[data-row] a").first()).toBeFocused();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or run a command" }).fill("worker ends again");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: /worker ends again/ })).toBeVisible();
});

test("an active fault and its long incident fit 390 px", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await signIn(page);
  await page.goto("/faults");
  const card = page.locator('[data-fault="slow-dependency"]');
  await card.getByRole("button", { name: "Inject Slow dependency" }).click();
  await expect(card.getByRole("link")).toBeVisible({ timeout: 10_000 });
  expect(await page.evaluate(() => Math.max(document.body.scrollWidth, document.documentElement.scrollWidth))).toBeLessThanOrEqual(390);
});

test("filters are the address", async ({ page }) => {
  await signIn(page);
  await page.goto("/incidents?status=resolved&severity=high");
  await expect(page.getByRole("radio", { name: "Resolved" })).toBeChecked();
  await expect(page.getByLabel("Severity")).toHaveValue("high");
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(page).toHaveURL(/\/incidents$/);
});

test("a recommendation is rejected with a reason, and its buttons then say why they rest", async ({ page }) => {
  await signIn(page);
  await page.getByRole("link", { name: /checkout fails 41 %/ }).first().click();
  await page.getByRole("button", { name: "Reject", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Reject" })).toHaveAttribute("aria-disabled", "true");
  await dialog.getByLabel("Reason").fill("the release is being fixed forward");
  await dialog.getByRole("button", { name: "Reject" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("button", { name: "Approve" })).toHaveAccessibleDescription("Not available: the decision is rejected");
});

test("the stop switch asks, stops, shows everywhere and is released", async ({ page }) => {
  await signIn(page);
  await page.goto("/settings?section=stop-switch");
  await page.getByRole("button", { name: "Stop all automation" }).click();
  await page.getByLabel("Reason").fill("drill");
  await page.getByRole("button", { name: "Stop everything" }).click();
  await page.goto("/logs");
  await expect(page.getByText("The stop switch is engaged.")).toBeVisible();
  await page.getByRole("link", { name: "Automation is stopped" }).click();
  await page.getByRole("button", { name: "Release the stop switch" }).click();
  await page.getByLabel("Reason").fill("drill is over");
  await page.getByRole("button", { name: "Release", exact: true }).click();
  await expect(page.getByText("Automation works")).toBeVisible();
});

test("a token is shown once, and the audit chain is verified", async ({ page }) => {
  await signIn(page);
  await page.goto("/settings?section=tokens");
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("drill");
  await page.getByRole("button", { name: "Make token" }).click();
  await expect(page.getByText(/^hs_/)).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("link", { name: "Audit log" }).click();
  await page.getByRole("button", { name: "Verify the chain" }).click();
  await expect(page.getByText(/The chain is whole/)).toBeVisible();
});

test("a viewer sees every button and why it rests", async ({ page }) => {
  await page.goto("/sign-in?next=/faults");
  await page.getByLabel("Name").fill("viewer");
  await page.getByLabel("Password").fill("x");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Inject Crash", exact: true })).toHaveAccessibleDescription(/viewers may not inject faults/);
});

test("a problem shows its code, and a lost connection says so", async ({ page, context }) => {
  await signIn(page);
  await page.goto("/incidents/inc_nope");
  await expect(page.getByRole("alert")).toContainText("not_found");
  await page.goto("/");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await context.setOffline(true);
  await page.route("**/stream", (r) => r.abort());
  await page.reload().catch(() => undefined);
  await context.setOffline(false);
  await page.goto("/");
  await expect(page.getByText(/connection to the server is lost/)).toBeVisible({ timeout: 10_000 });
});

test("a log line never becomes markup, and text is escaped in the address", async ({ page }) => {
  await signIn(page);
  await page.goto("/logs");
  await expect(page.getByRole("heading", { name: "Logs" })).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type("<img src=x>");
  await expect(page.getByText("No line fits")).toBeVisible();
  await expect(page.locator("img")).toHaveCount(0);
});

test("what a model says of an incident is set apart, cites what can be opened, and can be asked for again", async ({ page }) => {
  await signIn(page);
  await page.getByRole("link", { name: /checkout fails 41 %/ }).first().click();
  const panel = page.getByRole("region", { name: "Explanation" });
  await expect(panel).toContainText("written by a language model, not by the diagnosis");
  await expect(panel).toContainText("2 claims dropped: 2 citing evidence that it was not given");
  await panel.getByRole("button", { name: /^E2: / }).first().click();
  await expect(page).toHaveURL(/evidence=evd_/);
  await panel.getByRole("button", { name: "Ask again" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Question, if it is more than an explanation").fill("Did the cache help?");
  await dialog.getByRole("button", { name: "Ask again" }).click();
  await expect(panel.getByRole("status")).toContainText("The model is asked");
  await expect(panel.getByText("Did the cache help?")).toBeVisible({ timeout: 10_000 });
});
