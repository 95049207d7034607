/** The five shipped runbooks as the mock knows them. */
import { stringify } from "yaml";
import type { components } from "../src/api/schema";
import { iso } from "./ids";

type S = components["schemas"];
const call = (action: string, parameters: object = { service: "${ .service }" }) => ({ call: "action", with: { action, parameters } });
const verify = { call: "action", with: { action: "verify.healthy", parameters: { service: "${ .service }", window: "PT8S" } } };
const doc = (name: string, tasks: object[]) => ({ document: { dsl: "1.0.1", namespace: "homeostat", name, version: "1.0.0" }, do: tasks });

export const DEFINITIONS: Record<string, { definition: { do: Record<string, Record<string, unknown>>[] } & object; title: string; summary: string; handles: S["FailureClass"][]; actions: string[]; radius: S["BlastRadius"] }> = {
  "restart-service": {
    title: "Restart a service", summary: "Restarts the instance at fault and watches that the service is well again.", handles: ["crash", "hang", "memory_leak", "cpu_spin", "log_flood"], actions: ["process.restart"], radius: "instance",
    definition: doc("restart-service", [{ restart: { ...call("process.restart", { service: "${ .service }", instance: "${ .instance }" }) } }, { settle: { wait: { seconds: 2 } } }, { verify }]) as never,
  },
  "reset-state": {
    title: "Reset the state of a service", summary: "Moves the state folder aside and starts afresh, when restarts did not hold.", handles: ["crash_loop"], actions: ["process.restart", "data.reset"], radius: "service",
    definition: doc("reset-state", [
      { attempt: { try: [{ restart: call("process.restart") }, { hold: { wait: { seconds: 4 } } }, { check: call("verify.running") }], catch: { do: [{ reset: call("data.reset") }] } } },
      { verify },
    ]) as never,
  },
  "replace-instance": {
    title: "Replace an instance", summary: "Starts one more instance, stops the slow one, and keeps the number as it was.", handles: ["slow_dependency"], actions: ["process.scale", "process.stop"], radius: "instance",
    definition: doc("replace-instance", [
      { choose: { switch: [{ alone: { when: ".instances < 2", then: "add" } }, { spare: { then: "remove" } }] } },
      { add: call("process.scale", { service: "${ .service }", instances: "${ .instances + 1 }" }) },
      { remove: call("process.stop", { service: "${ .service }", instance: "${ .instance }" }) },
      { verify },
    ]) as never,
  },
  "rollback-release": {
    title: "Roll back the last change", summary: "Puts back the release or the configuration that ran before, whichever changed last.", handles: ["bad_release", "bad_config"], actions: ["deploy.rollback"], radius: "service",
    definition: doc("rollback-release", [{ rollback: call("deploy.rollback") }, { settle: { wait: { seconds: 3 } } }, { verify }]) as never,
  },
  "reclaim-disk": {
    title: "Reclaim disk", summary: "Moves expendable files out of the data folder into a trash outside the quota.", handles: ["disk_full"], actions: ["data.reclaim"], radius: "instance",
    definition: doc("reclaim-disk", [{ reclaim: call("data.reclaim") }, { verify }]) as never,
  },
};

const markdown = (name: string, title: string, summary: string, actions: string[]) => `# ${title}

${summary}

## When to use

| sign | where to look |
|---|---|
| the service does not answer | **Systems**, probe findings |
| its process ended or burns a core | instances of the service |

## What it does

1. Calls ${actions.map((a) => `\`${a}\``).join(", then ")} on the service at fault.
2. Waits until the process says it is ready.
3. Watches error ratio, latency and probes for **8 s**. When they are not back in their bands, the inverse runs and a person is called.

> Safe to repeat: every call carries an idempotency key, and the actuator does the work once for each key.

\`\`\`sh
homeostat workflow run ${name} --input '{"service":"checkout"}'
\`\`\`

See also [how verification works](https://example.org/homeostat/verification).
`;

export function tracks(now: number): S["Track"][] {
  const rows: [S["FailureClass"], string, number, number, number][] = [
    ["crash", "restart-service", 30, 1, 0], ["hang", "restart-service", 23, 1, 0], ["memory_leak", "restart-service", 17, 1, 0], ["cpu_spin", "restart-service", 14, 1, 0],
    ["log_flood", "restart-service", 13, 1, 0], ["crash_loop", "reset-state", 4, 2, 1], ["slow_dependency", "replace-instance", 11, 1, 0],
    ["bad_release", "rollback-release", 8, 1, 0], ["bad_config", "rollback-release", 10, 1, 0], ["disk_full", "reclaim-disk", 2, 1, 0],
  ];
  return rows.map(([cls, runbook, held, failed, consecutive_failures], i) => ({ class: cls, runbook, held, failed, consecutive_failures, updated_at: iso(now - i * 740_000) }));
}

export function runbook(name: string, now: number): S["RunbookDetail"] | undefined {
  const book = DEFINITIONS[name];
  if (!book) return undefined;
  return {
    summary: { name, title: book.title, summary: book.summary, owner: "platform", handles: book.handles, actions: book.actions, blast_radius: book.radius, prior: 0.8, prior_reason: "such a step mostly helps, and is cheap to undo", track: tracks(now).filter((t) => t.runbook === name) },
    markdown: markdown(name, book.title, book.summary, book.actions), workflow: stringify(book.definition), definition: book.definition,
  };
}
