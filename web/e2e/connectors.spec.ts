/** From a document to a package, against the mock. */
import { expect, test, type Page } from "@playwright/test";
import { api, signIn } from "./support";

const DOCUMENT = `openapi: 3.1.0
info: { title: Shelves, version: 1.0.0 }
paths:
  /shelves:
    get: { operationId: listShelves, summary: Lists shelves, responses: {} }
  /books:
    get: { operationId: listShelves, summary: Lists books, responses: {} }
`;
const editor = (page: Page, name: string) => page.getByRole("textbox", { name, exact: true });

/** Chooses a text as a file. */
const choose = (page: Page, field: string, name: string, text: string) => page.getByLabel(`${field}: file`).setInputFiles({ name, mimeType: "application/yaml", buffer: Buffer.from(text) });

test.beforeEach(async ({ page }) => { await signIn(page); });

test("a sample becomes a package that one looks at and takes along", async ({ page }) => {
  await page.goto("/connectors");
  await page.getByRole("button", { name: "Make the package of Roster" }).click();
  await expect(page.getByRole("progressbar", { name: "Progress of the package" })).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("roster");
  const tree = page.getByRole("tree", { name: "Files of the package" });
  await expect(tree.getByRole("treeitem", { name: /^README\.md/ })).toHaveAttribute("aria-selected", "true");
  // By keyboard alone: up to the folder, close it, open it, and a file inside.
  await tree.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  await expect(tree.getByRole("treeitem", { name: /^src/ })).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("ArrowRight");
  // Invitations are first, the index second.
  await page.keyboard.press("i");
  await page.keyboard.press("i");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/path=src%2Findex\.ts/);
  await expect(editor(page, "src/index.ts")).toContainText("RosterOptions");
  await expect(page.getByText("homeostat connect users.yaml -o ./roster")).toBeVisible();
  const saved = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download zip" }).click();
  expect((await saved).suggestedFilename()).toBe("roster.zip");
});

test("a document of one's own: its faults lead to their places, are mended and made again", async ({ page }) => {
  await page.goto("/connectors");
  await expect(page.getByRole("button", { name: "Make package", exact: true })).toHaveAccessibleDescription("Not available: paste a document, or choose a file");
  await choose(page, "Your document", "shelves.yaml", DOCUMENT);
  await expect(editor(page, "Your document")).toContainText("listShelves");
  await page.getByLabel("Package name").fill("Not A Name");
  await page.getByRole("button", { name: "Make package", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("is no name of a package");
  await page.getByLabel("Package name").fill("@library/shelves");
  await expect(page.getByText("homeostat connect shelves.yaml -o ./shelves --name @library/shelves")).toBeVisible();
  await page.getByRole("button", { name: "Make package", exact: true }).click();
  await page.getByRole("link", { name: /Document and diagnostics/ }).click();
  await expect(page.getByRole("list", { name: "Diagnostics" })).toContainText("duplicate-operation-id");
  await page.getByRole("button", { name: "shelves.yaml:7:25" }).click();
  await expect(editor(page, "Document")).toBeFocused();
  await expect(page.getByRole("button", { name: "Make again" })).toHaveAccessibleDescription("Not available: change something first");
  await page.keyboard.press("Control+Delete");
  await page.keyboard.type("listBooks");
  await page.getByRole("button", { name: "Make again" }).click();
  await expect(page.getByText("Nothing to say")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("@library/shelves");
});

test("a text that is no document says so, and stays to be mended", async ({ page }) => {
  await page.goto("/connectors");
  await choose(page, "Your document", "notes.txt", "hello: world\n");
  await page.getByRole("button", { name: "Make package", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("neither a version nor paths");
  await expect(editor(page, "Document")).toContainText("hello: world");
});

test("a dropped file is taken, and one that is no text is refused", async ({ page }) => {
  await page.goto("/connectors");
  const drop = async (name: string, text: string) => {
    const data = await page.evaluateHandle(([n, t]) => { const d = new DataTransfer(); d.items.add(new File([t!], n!)); return d; }, [name, text]);
    const target = page.getByText("Choose a file…");
    await target.dispatchEvent("dragenter", { dataTransfer: data });
    await target.dispatchEvent("drop", { dataTransfer: data });
  };
  await drop("photo.png", "\0\0");
  await expect(page.getByRole("alert")).toHaveText("photo.png is no text");
  await drop("shelves.yaml", DOCUMENT);
  await expect(editor(page, "Your document")).toContainText("Shelves");
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("an address is fetched by the server, within its rules", async ({ page }) => {
  await page.goto("/connectors");
  await page.getByRole("radio", { name: "Address" }).check();
  await page.getByRole("textbox", { name: "Address" }).fill("https://api.example/openapi.json");
  await expect(page.getByText("--allow-url api.example")).toBeVisible();
  await page.getByRole("button", { name: "Make package", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("connectors.allow_hosts");
});

test("two documents are compared: what breaks, which version, and where it stands", async ({ page }) => {
  await page.goto("/connectors/compare");
  await choose(page, "Before", "v1.yaml", DOCUMENT.replace("get: { operationId: listShelves, summary: Lists books", "get: { operationId: listBooks, summary: Lists books"));
  await choose(page, "After", "v2.yaml", DOCUMENT.replace("/books", "/volumes").replace("1.0.0", "1.1.0"));
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByText("Major", { exact: true })).toBeVisible();
  await expect(page.getByRole("region", { name: "GET /books" })).toContainText("The operation is gone");
  await page.getByRole("radio", { name: "Addition 1" }).check();
  await expect(page.getByRole("region", { name: "GET /books" })).toHaveCount(0);
  await page.getByRole("button", { name: "After: line 7" }).click();
  await expect(editor(page, "After")).toBeFocused();
  await expect(page.getByText("homeostat connect diff v1.yaml v2.yaml")).toBeVisible();
});

test("who may only look makes nothing, and sees what was made", async ({ page }) => {
  const { items } = await api<{ items: { id: string }[] }>(page, "/connectors");
  expect(items.length).toBeGreaterThan(1);
  await page.context().clearCookies();
  await page.goto("/sign-in");
  await page.getByLabel("Name").fill("viewer");
  await page.getByLabel("Password").fill("viewer");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((u) => !u.pathname.startsWith("/sign-in"));
  await page.goto("/connectors");
  await expect(page.getByRole("button", { name: "Make the package of Roster" })).toHaveAccessibleDescription(/viewers may not make packages/);
});
