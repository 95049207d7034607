/** Writing a workflow, end to end, against the mock. */
import { expect, test, type Page } from "@playwright/test";
import { signIn } from "./support";

const editor = (page: Page) => page.getByRole("textbox", { name: "Workflow document" });

/** Puts the cursor at the end of the text and writes there. */
async function write(page: Page, text: string) {
  await editor(page).click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
}

test.beforeEach(async ({ page }) => { await signIn(page); });

test("what is wrong is marked where it is, and the diagram follows the text", async ({ page }) => {
  await page.goto("/automation/new-workflow");
  await expect(page.getByText("Valid", { exact: true })).toBeVisible();
  await expect(page.getByRole("img", { name: /Restart, Verify/ })).toBeVisible();
  await write(page, "  - tell:\n");
  await page.keyboard.type("    cal: notify\n");
  const problems = page.getByRole("list", { name: "Problems" });
  await expect(problems).toContainText("did you mean `call`?");
  await problems.getByRole("button").first().click();
  await expect(editor(page)).toBeFocused();
  await expect(page.getByRole("button", { name: "Save…" })).toHaveAccessibleDescription("Not available: mend the problems first");
  await page.keyboard.type("l");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
});

test("completion offers what the schema allows here, and hover says what it means", async ({ page }) => {
  await page.goto("/automation/new-workflow");
  await expect(page.getByText("Valid", { exact: true })).toBeVisible();
  await write(page, "  - ask:\n");
  await page.keyboard.type("    cal");
  const options = page.getByRole("listbox", { name: "Completions" });
  await options.getByRole("option", { name: /^call/ }).click();
  await options.getByRole("option", { name: "http", exact: true }).click();
  await expect(editor(page)).toContainText("call: http");
  await page.keyboard.press("Enter");
  await page.keyboard.type("wi");
  await expect(options.getByRole("option", { name: /^with/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Home");
  await editor(page).getByText("namespace").hover();
  await expect(page.getByText("The workflow's namespace.")).toBeVisible();
});

test("a draft outlives a reload, and is thrown away only when told", async ({ page }) => {
  await page.goto("/automation/workflows/shop.sync-catalog");
  await expect(page.getByRole("button", { name: "Save…" })).toHaveAccessibleDescription("Not available: nothing was changed");
  await write(page, "# a thought\n");
  await expect(page.getByText("not saved")).toBeVisible();
  await page.reload();
  await expect(page.getByText("draft from an earlier visit")).toBeVisible();
  await page.getByRole("button", { name: "Throw the draft away" }).click();
  await expect(page.getByText("draft from an earlier visit")).toHaveCount(0);
  await expect(editor(page)).not.toContainText("a thought");
});

test("a copy of what is shipped is saved, changed, refused once for its version, compared, tried, run and deleted", async ({ page }) => {
  await page.goto("/automation/workflows/restart-service");
  await expect(page.getByRole("button", { name: "Save…" })).toHaveAccessibleDescription(/it is shipped/);
  await page.getByRole("link", { name: "Save a copy…" }).click();
  await expect(page.getByText("Valid", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Save…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save as 0.1.0" }).click();
  await expect(page).toHaveURL(/workflows\/mine\.restart-service-copy/);
  await expect(page.getByRole("dialog"), "the question stays until the screen of the copy is there").toHaveCount(0);

  await write(page, "# once more\n");
  await expect(page.getByText("Valid", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Save…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Version")).toHaveValue("0.1.1");
  // Somebody else saves that version first.
  await page.evaluate(async () => {
    const { csrf_token } = (await (await fetch("/api/v1/session")).json()) as { csrf_token: string };
    const { source } = (await (await fetch("/api/v1/workflows/mine.restart-service-copy")).json()) as { source: string };
    await fetch("/api/v1/workflows/mine.restart-service-copy", { method: "PUT", headers: { "content-type": "application/json", "x-csrf-token": csrf_token }, body: JSON.stringify({ source: `${source.replace("'0.1.0'", "'0.1.1'").replace("0.1.0", "0.1.1")}# theirs\n` }) });
  });
  await dialog.getByRole("button", { name: "Save as 0.1.1" }).click();
  await expect(page.getByRole("dialog", { name: "This version exists" })).toContainText("is there with another text");
  await dialog.getByLabel("Version").selectOption({ label: "0.1.2 – a correction" });
  await dialog.getByRole("button", { name: "Save as 0.1.2" }).click();
  await expect(dialog).toBeHidden();

  await page.getByRole("radio", { name: "History" }).check();
  await expect(page.getByRole("button", { name: /^0\.1\.2/ })).toBeVisible();
  await page.getByLabel("From").selectOption("0.1.0");
  await expect(page.getByText("# once more")).toBeVisible();
  await page.getByRole("radio", { name: "In one" }).check();
  await expect(page).toHaveURL(/layout=unified/);

  await page.getByRole("radio", { name: "Try" }).check();
  await expect(page.getByRole("button", { name: "What would it do?" })).toHaveAccessibleDescription("Not available: fill in: service");
  await page.getByLabel("service", { exact: true }).selectOption("checkout");
  await page.getByRole("button", { name: "What would it do?" }).click();
  await expect(page.getByRole("list", { name: "Calls" })).toContainText("call process.restart on checkout");
  await page.getByRole("button", { name: "Run it" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Restart service copy", level: 1 })).toBeVisible();
  await expect(page.getByText("started by admin")).toBeVisible();

  await page.goto("/automation/workflows/mine.restart-service-copy");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(/\/automation\/workflows$/);
  await expect(page.getByText("mine.restart-service-copy")).toHaveCount(0);
});

test("the editor is left by keyboard: Escape, then Tab", async ({ page }) => {
  await page.goto("/automation/workflows/shop.sync-catalog");
  await editor(page).focus();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await expect(editor(page)).not.toBeFocused();
  await expect(page.getByText("not saved")).toHaveCount(0);
});
