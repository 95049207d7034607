import { describe, expect, it } from "vitest";
import { graphOf } from "../../mock/graph";
import { drawnFlow } from "./flow";
import { purposeWords, workflowId, workflowTitle } from "./purpose";
import { scheduleWords } from "./schedule-words";

const draw = (definition: unknown) => {
  const flow = drawnFlow(graphOf(definition));
  return { ...flow, lines: flow.edges.map((e) => `${e.from}>${e.to}`) };
};

describe("a diagram", () => {
  it("keeps the JSON pointers that steps carry", () => {
    const { nodes, lines } = draw({ do: [{ check: { set: {} } }, { restart: { call: "process.restart" } }] });
    expect(nodes.map((n) => n.id)).toEqual(["start", "/do/0/check", "/do/1/restart", "end"]);
    expect(lines).toEqual(["start>/do/0/check", "/do/0/check>/do/1/restart", "/do/1/restart>end"]);
  });
  it("says how long a task waits in words, and of a case its name before its condition", () => {
    const { nodes, edges } = draw({ do: [{ rest: { wait: { seconds: 2 } } }, { nap: { wait: "PT5S" } }, { choose: { switch: [{ big: { when: ".n > 1", then: "end" } }, { other: { then: "end" } }] } }] });
    expect(nodes.flatMap((n) => n.detail ?? [])).toEqual(["2 seconds", "5 seconds"]);
    expect(edges.filter((e) => e.from.endsWith("choose")).map((e) => [e.label, e.hint])).toEqual([["big", "big: .n > 1"]]);
  });
  it("leads from the last task inside to what comes after the task around it", () => {
    const { lines, groups, nodes } = draw({
      do: [
        { guard: { try: [{ act: { call: "a" } }], catch: { retry: { limit: { attempt: { count: 3 } } }, do: [{ undo: { call: "b" } }] } } },
        { both: { fork: { branches: [{ x: { wait: {} } }, { y: { wait: {} } }] } } },
        { last: { call: "c" } },
      ],
    });
    expect(lines).toEqual(expect.arrayContaining([
      "/do/0/guard>/do/0/guard/try/0/act", "/do/0/guard>/do/0/guard/catch/do/0/undo", "/do/0/guard/try/0/act>/do/1/both", "/do/0/guard/catch/do/0/undo>/do/1/both",
      "/do/1/both>/do/1/both/fork/branches/0/x", "/do/1/both/fork/branches/1/y>/do/2/last", "/do/2/last>end",
    ]));
    expect(lines).not.toContain("/do/0/guard>/do/1/both");
    expect(groups).toEqual(["/do/0/guard", "/do/1/both"]);
    expect(nodes.find((n) => n.name === "guard")?.again).toBe("up to 3 more");
  });
  it("draws cases with their names, loops and what is done on an error with broken lines", () => {
    const { edges } = draw({
      do: [
        { choose: { switch: [{ good: { when: ".ok", then: "end" } }, { bad: { then: "each" } }] } },
        { each: { for: { in: ".x" }, do: [{ one: { call: "a" } }, { two: { call: "b" } }] } },
      ],
    });
    expect(edges.find((e) => e.from === "/do/0/choose" && e.to === "end")?.label).toBe("good");
    expect(edges.find((e) => e.to === "/do/1/each/do/0/one" && e.from === "/do/1/each/do/1/two")?.dashed).toBe(true);
    expect(edges.find((e) => e.from === "/do/1/each/do/1/two" && e.to === "end")?.dashed).toBe(false);
  });
  it("survives edges to nowhere and tasks inside of themselves", () => {
    const odd = drawnFlow({ nodes: [{ id: "a", kind: "do", name: "a", parent: "a" }, { id: "b", kind: "do", name: "b", parent: "gone" }], edges: [{ from: "a", to: "x", way: "next" }, { from: "a", to: "b", way: "next" }, { from: "b", to: "b", way: "retry" }] });
    expect(odd.edges.map((e) => `${e.from}>${e.to}`)).toEqual(["a>b"]);
  });
});

describe("names of runs", () => {
  it("leave out namespace and version", () => {
    expect(workflowTitle("shop.nightly-report:1.2.0")).toBe("Nightly report");
    expect(workflowTitle("restart-service")).toBe("Restart service");
    expect(workflowId("shop.nightly-report:1.2.0")).toBe("shop.nightly-report");
  });
  it("say why there is a run", () => { expect(purposeWords({ type: "subflow", run: "run_1", key: "k" })).toBe("part of another run"); });
});

describe("schedules", () => {
  const check = (schedule: unknown, expected: string | null) => { const s = scheduleWords(schedule); expect(s === null ? null : `${s.how} ${s.what}`).toBe(expected); };
  it("are said in words", () => {
    check({ cron: "0 3 * * *" }, "at set times 0 3 * * *");
    check({ every: { minutes: 15, seconds: 1 } }, "every 15 minutes 1 second");
    check({ every: "PT15M" }, "every 15 minutes");
    check({ after: "P1DT30S" }, "after the last one ended, by 1 day 30 seconds");
    check({ every: "${ .often }" }, "every ${ .often }");
    check({ cron: "CRON_TZ=Europe/Berlin 0 8 * * 1-5" }, "at set times 0 8 * * 1-5, time of Europe/Berlin");
    check({ after: { hours: 1 } }, "after the last one ended, by 1 hour");
    check({ on: { one: { with: { type: "com.a" } } } }, "on com.a");
    check({ on: { any: [{ with: { type: "a" } }, {}] } }, "on a or any event");
    check(null, null);
  });
});
