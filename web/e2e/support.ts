import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

/** Signs in by ticket, as the link that `homeostat demo` prints does. HOMEOSTAT_URL may carry the ticket itself. A ticket works once: HOMEOSTAT_PASSWORD serves for more. */
export async function signIn(page: Page) {
  const given = process.env.HOMEOSTAT_URL ? new URL(process.env.HOMEOSTAT_URL) : null;
  const inUrl = given?.searchParams.get("ticket") ?? /ticket=([^&]+)/.exec(given?.hash ?? "")?.[1];
  const { HOMEOSTAT_USER: user = "admin", HOMEOSTAT_PASSWORD: password } = process.env;
  if (password) {
    await page.goto("/sign-in");
    await page.getByLabel("Name").fill(user);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  } else {
    await page.goto(`/sign-in?ticket=${process.env.HOMEOSTAT_TICKET ?? inUrl ?? "demo"}`);
  }
  await page.waitForURL((u) => !u.pathname.startsWith("/sign-in"));
  // The address changes before the screen does.
  await page.getByRole("link", { name: "Skip to the content" }).waitFor({ state: "attached" });
}

export async function expectAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
  const said = violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.slice(0, 4).map((n) => `    ${n.target.join(" ")}  ${n.any[0]?.message ?? n.all[0]?.message ?? ""}`).join("\n")}`);
  expect(said.join("\n"), "axe finds no violation of WCAG A or AA").toBe("");
}

/** An answer of the API, as the signed-in browser gets it. */
export const api = <T>(page: Page, path: string): Promise<T> => page.evaluate((p) => fetch(`/api/v1${p}`).then((r) => r.json()), path) as Promise<T>;
