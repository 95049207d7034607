import { describe, expect, it } from "vitest";
import { celText, conditionFor, readDraft, type Draft } from "./silence";

describe("the condition of a silence", () => {
  it("means a finding and such as it", () => {
    expect(conditionFor({ service: "db", kind: "disk_filling", subject: { type: "metric", name: "data_folder_bytes" } })).toBe("service == 'db' && kind == 'disk_filling'");
    expect(conditionFor({ service: "shop", kind: "alert", subject: { type: "alert", source: "alertmanager", name: "It's down" } })).toBe("service == 'shop' && kind == 'alert' && subject == 'It\\'s down'");
  });
  it("keeps hostile text a text", () => { expect(celText("a' || true\\\n")).toBe("'a\\' || true\\\\\\n'"); });
});

describe("a silence that is being made", () => {
  const now = Date.parse("2026-01-01T10:00:00Z");
  const draft: Draft = { when: " service == 'db' ", span: "4h", until: "", from: "", reason: "disks are replaced" };
  const later = (h: number) => new Date(now + h * 3_600_000).toISOString();
  it("begins now unless told, and ends when it is said", () => {
    expect(readDraft(draft, now)).toEqual({ value: { when: "service == 'db'", ends_at: later(4), reason: "disks are replaced" } });
    expect(readDraft({ ...draft, from: later(2), span: "1h" }, now)).toEqual({ value: { when: "service == 'db'", starts_at: later(2), ends_at: later(3), reason: "disks are replaced" } });
    expect(readDraft({ ...draft, span: "until", until: later(30) }, now)).toMatchObject({ value: { ends_at: later(30) } });
  });
  it("says what is missing", () => {
    const error = (change: Partial<Draft>) => (readDraft({ ...draft, ...change }, now) as { error: string }).error;
    expect([error({ when: " " }), error({ span: "until" }), error({ span: "until", until: later(-1) }), error({ reason: "" }), error({ from: "soon" })]).toEqual(["write a condition", "say until when", "it must end after it begins", "say why", "say when it begins"]);
  });
});
