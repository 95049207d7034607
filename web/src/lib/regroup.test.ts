import { describe, expect, it } from "vitest";
import { fits, reasonsOf } from "./regroup";
import { webAddress } from "./web-address";

describe("groups", () => {
  it("give each finding its own reason, and none where none is kept", () => {
    expect([...reasonsOf({ findings: ["a", "b", "c"], grouping: ["no other incident is open", "", "put here by ana"] })]).toEqual([["a", "no other incident is open"], ["c", "put here by ana"]]);
    expect(reasonsOf({ findings: ["a"], grouping: [] }).size).toBe(0);
  });
  it("are found by words of title, services and id, in any order", () => {
    const i = { id: "inc_42", title: "Orders fail", services: ["checkout", "gateway"] };
    expect(["", "gateway orders", "INC_42"].map((s) => fits(i, s))).toEqual([true, true, true]);
    expect(fits(i, "orders payments")).toBe(false);
  });
});

it("only addresses of the web become links", () => {
  expect(webAddress("https://alerts.example/#/a?b=1")).toBe("https://alerts.example/#/a?b=1");
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "//evil.example", "not an address", "", null, undefined]) expect(webAddress(bad)).toBeNull();
});
