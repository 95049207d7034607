import { describe, expect, it } from "vitest";
import { bytes, count, metricValue, percent, plural, shortId, tie, words } from "./format";
import { groupBy, groupIncidents } from "./group";
import { highlight } from "./highlight";
import { lifeLine } from "./life";
import { readable } from "./page";
import { shift } from "./scroll";
import { ago, duration } from "./time";

describe("durations", () => {
  const check = (ms: number | null, expected: string) => { expect(duration(ms)).toBe(expected); };
  it("keeps the two units that matter", () => {
    check(0, "0 ms");
    check(840, "840 ms");
    check(4_210, "4.2 s");
    check(59_499, "59 s");
    check(200_000, "3 min 20 s");
    check(7_500_000, "2 h 5 min");
    check(273_600_000, "3 d 4 h");
  });
  it("never says 60 of a unit", () => {
    check(9_960, "10 s");
    check(59_600, "1 min");
    check(119_900, "2 min");
    check(3_599_900, "1 h");
    check(86_399_000, "1 d");
  });
  it("says a dash when unknown", () => { check(null, "–"); check(Number.NaN, "–"); });
});

describe("ago", () => {
  it("has one unit and knows the future", () => {
    expect(ago(0, 4_000)).toBe("now");
    expect(ago(0, 59_999)).toBe("59 s ago");
    expect(ago(0, 3_600_000)).toBe("1 h ago");
    expect(ago(300_000, 0)).toBe("in 5 min");
  });
});

describe("numbers", () => {
  it("are short", () => {
    expect(count(0)).toBe("0");
    expect(count(3.14159)).toBe("3.14");
    expect(count(1234)).toBe("1,234");
    expect(count(12_345)).toBe("12.3 k");
    expect(count(999_600)).toBe("1.0 M");
    expect(count(null)).toBe("–");
  });
  it("percent never hides a small share", () => {
    expect(percent(0.004)).toBe("0.4 %");
    expect(percent(0.42)).toBe("42 %");
    expect(percent(0.997)).toBe("99.7 %");
    expect(percent(1)).toBe("100 %");
    expect(percent(0.9999)).toBe("> 99.9 %");
  });
  it("a number and its unit stay together, other words do not", () => {
    expect(tie("4 of 6 requests (67 %) in 16 s, 75 MB, 3 services")).toBe("4 of 6 requests (67\u00a0%) in 16\u00a0s, 75\u00a0MB, 3 services");
  });
  it("bytes and metrics follow the unit that ends the name", () => {
    expect(bytes(64_000_000)).toBe("64.0 MB");
    expect(metricValue("request_duration_p95_ms", 812)).toBe("812 ms");
    expect(metricValue("process_cpu_ratio", 1.98)).toBe("198 %");
    expect(metricValue("request_rate", 24.6)).toBe("24.6/s");
    expect(metricValue("log_rate", 2041.2)).toBe("2,041/s");
    expect(metricValue("request_rate", 8)).toBe("8.0/s");
  });
  it("names", () => {
    expect(words("slow_dependency")).toBe("Slow dependency");
    expect(words("cpu_spin")).toBe("CPU spin");
    expect(words("restartUntilItHolds")).toBe("Restart until it holds");
    expect(plural(1, "finding")).toBe("1 finding");
    expect(plural(3, "finding")).toBe("3 findings");
    expect(shortId("inc_01jd0000000000000000abcdef")).toBe("inc_…abcdef");
  });
});

describe("grouping of incidents", () => {
  const incident = (id: string, status: string, severity: string, opened: number, needs: string | null = null) => ({
    id, status, severity, needs_person: needs, opened_at: new Date(opened).toISOString(),
  });
  it("puts those that wait for a person apart, worst then newest first", () => {
    const groups = groupIncidents([
      incident("a", "open", "low", 5),
      incident("b", "open", "critical", 1, "critical severity"),
      incident("c", "mitigating", "high", 2),
      incident("d", "mitigating", "high", 3),
      incident("e", "resolved", "critical", 4, "stale"),
    ]);
    expect(groups.needsPerson.map((i) => i.id)).toEqual(["b"]);
    expect(groups.working.map((i) => i.id)).toEqual(["d", "c", "a"]);
    expect(groups.resolved.map((i) => i.id)).toEqual(["e"]);
  });
  it("groupBy keeps the order of first appearance", () => {
    expect(groupBy(["b1", "a1", "b2"], (s) => s.charAt(0))).toEqual([["b", ["b1", "b2"]], ["a", ["a1"]]]);
  });
});

describe("life line", () => {
  const base = { started_at: "2026-01-01T00:00:00Z", opened_at: "2026-01-01T00:00:01Z", timeline: [] };
  it("shows what is ahead of an open incident, and counts the current stage", () => {
    const stages = lifeLine({ ...base, status: "open" }, Date.parse("2026-01-01T00:00:31Z"));
    expect(stages.map((s) => [s.name, s.ms, s.state])).toEqual([
      ["started", 1_000, "done"], ["open", 30_000, "current"],
      ["mitigating", null, "ahead"], ["verifying", null, "ahead"], ["resolved", null, "ahead"],
    ]);
  });
  it("leaves out stages that a resolved incident never had", () => {
    const stages = lifeLine({ ...base, status: "resolved", resolved_at: "2026-01-01T00:01:01Z" }, 0);
    expect(stages.map((s) => [s.name, s.ms])).toEqual([["started", 1_000], ["open", 60_000], ["resolved", null]]);
  });
});

describe("life line of a repaired incident", () => {
  it("takes mitigating and verifying from the run when the timeline does not say", () => {
    const at = (s: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, s)).toISOString();
    const run = { started_at: at(2), steps: [{ kind: "call", call: "process.restart", started_at: at(2) }, { kind: "call", call: "verify", started_at: at(4) }] };
    const stages = lifeLine({ status: "resolved", started_at: at(0), opened_at: at(1), resolved_at: at(10), timeline: [] }, 0, [run]);
    expect(stages.map((s) => [s.name, s.ms])).toEqual([["started", 1_000], ["open", 1_000], ["mitigating", 2_000], ["verifying", 6_000], ["resolved", null]]);
  });
});

describe("the readable part of a runbook page", () => {
  it("has neither front matter nor title nor the workflow", () => {
    expect(readable("---\ntitle: x\n---\n\n# X\n\n```yaml workflow\ndo: []\n```\n\n```sh\nls\n```\n")).toBe("```sh\nls\n```");
  });
  it("leaves a page without them alone", () => { expect(readable("## X\n\n---\n\ntext\n\n---")).toBe("## X\n\n---\n\ntext\n\n---"); });
});

describe("highlight", () => {
  it("marks every word and changes no character", () => {
    const parts = highlight("Timeout calling payments: timeout", "timeout pay");
    expect(parts.map((p) => p.text).join("")).toBe("Timeout calling payments: timeout");
    expect(parts.filter((p) => p.hit).map((p) => p.text)).toEqual(["Timeout", "pay", "timeout"]);
  });
  it("survives an empty search and hostile text", () => {
    expect(highlight("<b>x</b>", "")).toEqual([{ text: "<b>x</b>", hit: false }]);
    expect(highlight("a.*b", ".*").some((p) => p.hit && p.text === ".*")).toBe(true);
  });
});

describe("scrolling into view", () => {
  const check = (top: number, bottom: number, expected: number) => { expect(shift(top, bottom, 100, 500)).toBe(expected); };
  it("does nothing for what is in view, and as little as can be for what is not", () => {
    check(100, 500, 0);
    check(60, 160, -40);
    check(450, 530, 30);
  });
  it("shows the beginning of what is too tall, unless one looks at its middle already", () => {
    check(700, 1_400, 600);
    check(101, 600, 1);
    check(40, 900, 0);
    check(-600, 20, -480);
  });
});
