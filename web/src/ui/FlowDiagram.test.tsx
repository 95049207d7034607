// @vitest-environment jsdom
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import type { FlowGraph } from "@/api/types";
import FlowDiagram from "./FlowDiagram";

const names = ["first", "second", "third"];
const fork: FlowGraph = {
  nodes: [
    { id: "start", kind: "start", name: "Start" },
    { id: "fork", kind: "fork", name: "fork" },
    ...names.map((name) => ({ id: name, kind: "set", name, parent: "fork" })),
    { id: "end", kind: "end", name: "End" },
  ],
  edges: [
    { from: "start", to: "fork", way: "next" },
    ...names.map((to) => ({ from: "fork", to, way: "into" as const })),
    { from: "fork", to: "end", way: "next" },
  ],
};

test("branches stand from left to right as they are written", () => {
  const drawn = new DOMParser().parseFromString(renderToStaticMarkup(<FlowDiagram graph={fork} />), "text/html");
  const left = names.map((name) => {
    const text = [...drawn.querySelectorAll("text")].find((t) => t.textContent.toLowerCase() === name);
    return Number(text?.getAttribute("x"));
  });
  expect(left.every((x) => x > 0)).toBe(true);
  expect([...left].sort((a, b) => a - b)).toEqual(left);
});
