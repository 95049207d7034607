import { describe, expect, it } from "vitest";
import { changedSettings, settingWords } from "./detection-settings";

describe("settings of detection", () => {
  const settings = { clear_after_s: 3, metric_anomaly: true, disk_full_ratio: 0.97 };

  it("have names that people read", () => {
    expect(settingWords("clear_after_s")).toBe("Clear after, s");
    expect(settingWords("log_burst_min_per_s")).toBe("Log burst at least, a second");
    expect(settingWords("metric_anomaly")).toBe("Metric anomaly");
  });

  it("are sent only where they differ", () => {
    expect(changedSettings(settings, {})).toEqual({ changes: {}, fault: null });
    expect(changedSettings(settings, { clear_after_s: "3", metric_anomaly: true })).toEqual({ changes: {}, fault: null });
    expect(changedSettings(settings, { clear_after_s: "10", metric_anomaly: false })).toEqual({ changes: { clear_after_s: 10, metric_anomaly: false }, fault: null });
  });

  it("are not sent when they are no numbers", () => {
    for (const text of ["", "many", "-1"]) expect(changedSettings(settings, { clear_after_s: text }).fault).toContain("Clear after, s");
  });
});
