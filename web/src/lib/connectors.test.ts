// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from "vitest";
import { connectCommand, diffCommand } from "./connector-command";
import { NO_SOURCE, readFile, readSource, recallSource, rememberSource } from "./connector-source";
import { firstFile, moveInTree, treeRows } from "./file-tree";
import { nextVersion } from "./semver";

const file = (path: string) => ({ path, bytes: 10, language: "typescript" });
const FILES = ["README.md", "src/client.ts", "src/resources/users.ts", "src/resources/groups.ts", "package.json"].map(file);

describe("the tree of files", () => {
  it("has folders first, and each row knows its place among those beside it", () => {
    const rows = treeRows(FILES, new Set());
    expect(rows.map((r) => `${"  ".repeat(r.depth)}${r.name} ${String(r.position)}/${String(r.of)}`)).toEqual([
      "src 1/3", "  resources 1/2", "    groups.ts 1/2", "    users.ts 2/2", "  client.ts 2/2", "package.json 2/3", "README.md 3/3",
    ]);
    expect(rows[0]).toMatchObject({ kind: "folder", files: 3, open: true });
  });
  it("leaves out what is in a closed folder", () => {
    expect(treeRows(FILES, new Set(["src"])).map((r) => r.name)).toEqual(["src", "package.json", "README.md"]);
  });
  it("is walked by keys as the pattern of trees says", () => {
    const rows = treeRows(FILES, new Set(["src/resources"]));
    expect(rows.map((r) => r.name)).toEqual(["src", "resources", "client.ts", "package.json", "README.md"]);
    expect(moveInTree(rows, 0, "ArrowRight")).toEqual({ to: 1 });
    expect(moveInTree(rows, 1, "ArrowRight")).toEqual({ toggle: "src/resources" });
    expect(moveInTree(rows, 2, "ArrowLeft")).toEqual({ to: 0 });
    expect(moveInTree(rows, 0, "ArrowLeft")).toEqual({ toggle: "src" });
    expect(moveInTree(rows, 2, "Enter")).toEqual({ choose: "src/client.ts" });
    expect(moveInTree(rows, 4, "ArrowDown")).toEqual({ to: 4 });
    expect(moveInTree(rows, 4, "p")).toEqual({ to: 3 });
    expect(moveInTree(rows, 0, "Tab")).toBeNull();
  });
  it("begins with what one reads first", () => {
    expect(firstFile(FILES)).toBe("README.md");
    expect(firstFile(FILES.slice(1))).toBe("src/client.ts");
    expect(firstFile([])).toBeUndefined();
  });
});

describe("a source", () => {
  beforeEach(() => { sessionStorage.clear(); });
  it("is a text, or an address that is one", () => {
    expect(readSource(NO_SOURCE)).toEqual({ lacks: "paste a document, or choose a file" });
    expect(readSource({ ...NO_SOURCE, text: "openapi: 3.1.0", file: "a.yaml" })).toEqual({ source: { text: "openapi: 3.1.0", file: "a.yaml" } });
    expect(readSource({ ...NO_SOURCE, kind: "url", url: "localhost/x" })).toHaveProperty("lacks");
    expect(readSource({ ...NO_SOURCE, kind: "url", url: " http://127.0.0.1/o.json " })).toEqual({ source: { url: "http://127.0.0.1/o.json" } });
  });
  it("of a file is its text, unless it is none", async () => {
    const file = (name: string, text: string, size = text.length) => ({ name, size, text: () => Promise.resolve(text) });
    expect(await readFile(file("a.yaml", "openapi: 3.1.0"))).toEqual({ draft: { ...NO_SOURCE, text: "openapi: 3.1.0", file: "a.yaml" } });
    expect(await readFile(file("a.zip", "\0\0"))).toEqual({ refused: "a.zip is no text" });
    expect(await readFile(file("all.json", "", 20 * 1_048_576))).toEqual({ refused: "all.json has 20.0 MiB; at most 16 MiB are taken" });
  });
  it("is remembered by the connector that was made of it", () => {
    rememberSource("con_1", { sample: "users" });
    expect(recallSource("con_1")).toEqual({ sample: "users" });
    expect(recallSource("con_2")).toBeNull();
  });
});

describe("the command that does the same", () => {
  it("says only what differs from what happens anyway", () => {
    expect(connectCommand({ sample: "users" }, { license: "MIT" }, "roster")).toBe("homeostat connect users.yaml -o ./roster");
    expect(connectCommand({ text: "x", file: "my api.yaml" }, { name: "@acme/billing", version: "1.2.0", license: "Apache-2.0" })).toBe("homeostat connect 'my api.yaml' -o ./billing --name @acme/billing --package-version 1.2.0 --license Apache-2.0");
  });
  it("allows a host that is not this machine, and quotes what a shell would read", () => {
    expect(connectCommand({ url: "https://api.example/o.json?v=1&x" }, { license: "MIT" })).toBe("homeostat connect 'https://api.example/o.json?v=1&x' -o ./client --allow-url api.example");
    expect(connectCommand({ url: "http://127.0.0.1:8080/openapi.json" }, { license: "MIT" })).toBe("homeostat connect http://127.0.0.1:8080/openapi.json -o ./client");
    expect(connectCommand({ text: "x", file: "it's.yaml" }, { license: "MIT" })).toContain("'it'\\''s.yaml'");
  });
  it("of a comparison tells two texts without names apart", () => {
    expect(diffCommand({ text: "a" }, { text: "b" })).toBe("homeostat connect diff old-openapi.yaml new-openapi.yaml");
    expect(diffCommand({ text: "a", file: "v1.yaml" }, { text: "b", file: "v2.yaml" })).toBe("homeostat connect diff v1.yaml v2.yaml");
  });
});

it("the next version follows the step", () => {
  expect(["major", "minor", "patch", "none"].map((step) => nextVersion("1.4.2", step))).toEqual(["2.0.0", "1.5.0", "1.4.3", null]);
  expect(nextVersion("2026-11-01", "major")).toBeNull();
});
