import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse, parseDocument } from "yaml";
import { docAt, keysAt, valuesAt, type Schema } from "./schema-walk";
import { inputFields, nextVersions, readHead, setHead, TEMPLATE } from "./workflow-head";
import { yamlPlace } from "./yaml-place";

const schema = parse(readFileSync(new URL("../../mock/workflow-schema.yaml", import.meta.url), "utf8")) as Schema;

/** The place of the `|` in a text, and the keys and values that are offered there. */
function place(marked: string) {
  const offset = marked.indexOf("|");
  const text = marked.slice(0, offset) + marked.slice(offset + 1);
  return { ...yamlPlace(text, offset), text };
}
const keys = (marked: string) => { const p = place(marked); return keysAt(schema, parseDocument(p.text).toJS(), p.path).map((k) => k.name).filter((k) => !p.siblings.includes(k)); };
const values = (marked: string) => { const p = place(marked); return valuesAt(schema, parseDocument(p.text).toJS(), p.path).map((v) => v.value); };

describe("the place in a YAML text", () => {
  const at = (marked: string) => { const { path, writes, word } = place(marked); return [path.join("/"), writes, word]; };
  it("is a key of the mapping that the indentation says", () => {
    expect(at("doc|")).toEqual(["", "key", "doc"]);
    expect(at("document:\n  na|")).toEqual(["document", "key", "na"]);
    expect(at("document:\n  name: x\ndo:\n  - a:\n      call: http\n      wi|")).toEqual(["do/0/a", "key", "wi"]);
    expect(at("do:\n  - a:\n      call: http\n  - b:\n      |")).toEqual(["do/1/b", "key", ""]);
  });
  it("knows lists that are not indented, and items that begin on the dash", () => {
    expect(at("do:\n- a:\n    call: x\n- b:\n    ca|")).toEqual(["do/1/b", "key", "ca"]);
    expect(at("x:\n  - one: 1\n    tw|")).toEqual(["x/0", "key", "tw"]);
  });
  it("is a value after the colon", () => {
    expect(at("do:\n  - a:\n      call: ht|")).toEqual(["do/0/a/call", "value", "ht"]);
    expect(at("a: { b: 1, c: | }")).toEqual(["a/c", "value", ""]);
  });
  it("reads flow mappings and skips block texts and comments", () => {
    expect(at("with: { method: get, en|")).toEqual(["with", "key", "en"]);
    expect(place("with: { method: get, en|").siblings).toEqual(["method"]);
    expect(at("a: |-\n  not: a key\n  x: y\nb|".replace("|-", ">-"))).toEqual(["", "key", "b"]);
    expect(at("# do:\nb:\n  # x:\n  c|")).toEqual(["b", "key", "c"]);
  });
  it("knows what stands beside", () => {
    expect(place("do:\n  - a:\n      call: http\n      w|\n      then: end\n  - b:\n      if: x\n").siblings.sort()).toEqual(["call", "then"]);
  });
});

describe("what the schema of the DSL offers", () => {
  it("at the top and in the head", () => {
    expect(keys("|")).toEqual(expect.arrayContaining(["document", "do", "use", "schedule"]));
    expect(keys("document:\n  dsl: '1.0.3'\n  |").sort()).toEqual(["metadata", "name", "namespace", "summary", "tags", "title", "version"]);
  });
  it("in a task: every kind while none is chosen, then what belongs to it", () => {
    expect(keys("do:\n  - a:\n      |")).toEqual(expect.arrayContaining(["call", "fork", "set", "switch", "try", "wait", "if", "then"]));
    expect(keys("do:\n  - a:\n      cal|")).toContain("call");
    expect(keys("do:\n  - a:\n      call: http\n      wi|")).toContain("with");
    const http = keys("do:\n  - a:\n      call: http\n      |");
    expect(http).toEqual(expect.arrayContaining(["with", "if", "then"]));
    expect(http).not.toContain("fork");
  });
  it("of a call by its function", () => {
    const http = keys("do:\n  - a:\n      call: http\n      with:\n        |");
    expect(http).toEqual(expect.arrayContaining(["method", "endpoint", "headers", "body"]));
    expect(http).not.toContain("proto");
    expect(keys("do:\n  - a:\n      call: grpc\n      with:\n        |")).toEqual(expect.arrayContaining(["proto", "service", "method"]));
  });
  it("as values", () => {
    expect(values("do:\n  - a:\n      call: |")).toEqual(expect.arrayContaining(["http", "grpc", "openapi"]));
    expect(values("do:\n  - a:\n      call: x\n      then: |")).toEqual(expect.arrayContaining(["continue", "exit", "end"]));
  });
  it("as words on a key", () => {
    expect(docAt(schema, parse("document: {}"), ["document", "namespace"])).toBe("The workflow's namespace.");
    expect(docAt(schema, parse("do: [{ a: { fork: {} } }]"), ["do", 0, "a", "fork", "branches"])).not.toBe("");
  });
  it("never fails on a text that is broken", () => {
    for (const text of ["a: [|", "do: - x|", "  - - |", "{|", "a:\n\tb|", ": |", "'a|"]) expect(() => keys(text)).not.toThrow();
  });
});

describe("the head of a document", () => {
  it("is read, and one field is changed without touching the rest", () => {
    expect(readHead(TEMPLATE)).toEqual({ namespace: "mine", name: "my-first-workflow", version: "0.1.0" });
    const changed = setHead(TEMPLATE, "version", "0.2.0");
    expect(readHead(changed).version).toBe("0.2.0");
    expect(changed.replace("'0.2.0'", "'0.1.0'")).toBe(TEMPLATE);
  });
  it("is left alone where it cannot be read", () => { for (const text of ["", "document: 7", "- a", "document:\n  version"]) expect(setHead(text, "version", "1.0.0")).toBe(text); });
  it("knows the next versions", () => {
    expect(nextVersions("1.2.3")).toEqual({ patch: "1.2.4", minor: "1.3.0", major: "2.0.0" });
    expect(nextVersions("next")).toBeNull();
  });
  it("asks for the fields of the input schema", () => {
    expect(inputFields(TEMPLATE).map((f) => [f.name, f.kind, f.required])).toEqual([["service", "text", true]]);
    expect(inputFields("input:\n  schema:\n    document:\n      properties:\n        n: { type: integer }\n        on: { type: boolean }\n        c: { enum: [a, b] }\n        l: { type: array }\n").map((f) => f.kind)).toEqual(["number", "switch", "choice", "json"]);
    expect(inputFields("do: []")).toEqual([]);
  });
});
