/**
 * The promise, on screen: break a process, watch it found, explained, repaired and verified, and ask why.
 * Against a real demo: HOMEOSTAT_URL=http://127.0.0.1:7070/?ticket=… npm run test:live; else against the mock.
 */
import { expect, test } from "@playwright/test";
import { signIn } from "./support";

const patience = process.env.HOMEOSTAT_URL ? 180_000 : 30_000;

test("crash: injected, resolved and verified, with the rule that decided", async ({ page }) => {
  await signIn(page);
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
