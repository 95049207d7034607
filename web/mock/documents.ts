/** Workflows of the mock's people, with their versions. Texts are documents of the DSL as one would write them. */
const MIN = 60_000;
const DAY = 24 * 60 * MIN;

const head = (name: string, version: string, title: string, summary: string) => `document:
  dsl: '1.0.3'
  namespace: shop
  name: ${name}
  version: '${version}'
  title: ${title}
  summary: ${summary}
`;

const release = (version: string, soak: string, more: string) => `${head("release-with-care", version, "Release with care", "Puts a release on one instance, watches it, asks a person, then rolls it out.")}input:
  schema:
    document:
      type: object
      required: [service, release]
      properties:
        service: { type: string, minLength: 1, description: The service that gets the release. }
        release: { type: string, description: 'Version to put out, for example 1.2.0.' }
        soak_s: { type: number, default: ${soak}, description: How long the canary is watched. }
        regions: { type: array, items: { type: string }, default: [eu, us] }
use:
  retries:
    gently:
      delay: { seconds: 2 }
      backoff: { exponential: {} }
      limit: { attempt: { count: 3 } }
do:
  - checkBudget:
      call: http
      with:
        method: get
        endpoint: http://127.0.0.1:7102/budgets/\${ .service }
  - canary:
      try:
        - deployOne:
            call: deploy.release
            with: { service: '\${ .service }', release: '\${ .release }', instances: 1 }
            metadata:
              homeostat: { undo: { call: deploy.rollback } }
        - watch:
            call: verify
            with: { service: '\${ .service }', window: { seconds: '\${ .soak_s }' }, conditions: [healthy] }
      catch:
        retry: gently
  - askSomeone:
      call: approve
      with:
        message: Roll \${ .release } out to every region?
        role: approver
        timeout: PT30M
  - rollOut:
      fork:
        branches:
          - europe:
              call: deploy.release
              with: { service: '\${ .service }', release: '\${ .release }', region: eu }
          - america:
              call: deploy.release
              with: { service: '\${ .service }', release: '\${ .release }', region: us }
${more}  - verifyAll:
      call: verify
      with: { service: '\${ .service }', window: { minutes: 1 }, conditions: [healthy, no_firing_findings] }
  - tell:
      call: notify
      with: { channel: releases, text: '\${ "\\(.service) \\(.release) is out" }' }
`;

const report = (version: string) => `${head("nightly-report", version, "Nightly report", "Collects the numbers of every service and writes the report.")}schedule:
  cron: 0 0 3 * * *
do:
  - list:
      call: http
      with: { method: get, endpoint: 'http://127.0.0.1:7101/services' }
  - each:
      for: { each: service, in: .services }
      do:
        - collect:
            call: http
            with: { method: get, endpoint: 'http://127.0.0.1:7101/services/\${ $service }/numbers' }
  - archive:
      run:
        workflow: { namespace: shop, name: archive-report, version: '1.0.0', input: '\${ . }' }
`;

const refund = (version: string) => `${head("refund-order", version, "Refund an order", "Pays an order back and waits until the bank says so.")}schedule:
  on:
    one:
      with: { type: com.shop.order.refused }
do:
  - refund:
      call: openapi
      with:
        document: { endpoint: 'http://127.0.0.1:7104/openapi.json' }
        operationId: createRefund
        parameters: { order: '\${ .order }' }
      metadata:
        homeostat: { undo: { call: openapi, with: { operationId: deleteRefund } } }
  - settled:
      listen:
        to:
          one:
            with: { type: com.shop.payment.settled, subject: '\${ .order }' }
  - tell:
      call: notify
      with: { channel: orders, text: '\${ "order \\(.order) is paid back" }' }
`;

const archive = `${head("archive-report", "1.0.0", "Archive a report", "Writes a report where it is kept for ten years.")}do:
  - write:
      call: http
      with: { method: put, endpoint: 'http://127.0.0.1:7101/archive' }
`;

const sync = `${head("sync-catalog", "2.3.0", "Synchronise the catalog", "Brings prices from the supplier every fifteen minutes.")}schedule:
  every: PT15M
do:
  - fetchPrices:
      try:
        - fetch:
            call: http
            with: { method: get, endpoint: 'https://supplier.example/prices' }
      catch:
        errors: { with: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication' } }
        retry:
          delay: { seconds: 20 }
          backoff: { exponential: {} }
          limit: { attempt: { count: 5 } }
  - apply:
      call: http
      with: { method: post, endpoint: 'http://127.0.0.1:7102/prices' }
`;

export type Kept = { version: string; at: number; by: string; source: string };
export type Own = { namespace: string; name: string; title: string; summary: string; versions: Kept[] };

/** Newest version last. */
export function ownDocuments(now: number): Own[] {
  const flag = `  - liftFlag:
      call: http
      with: { method: post, endpoint: 'http://127.0.0.1:7101/flags/\${ .service }' }
`;
  return [
    { namespace: "shop", name: "release-with-care", title: "Release with care", summary: "Puts a release on one instance, watches it, asks a person, then rolls it out.", versions: [
      { version: "1.0.0", at: now - 21 * DAY, by: "ana", source: release("1.0.0", "60", "") },
      { version: "1.1.0", at: now - 9 * DAY, by: "ana", source: release("1.1.0", "120", "") },
      { version: "1.2.0", at: now - 2 * DAY, by: "admin", source: release("1.2.0", "120", flag) },
    ] },
    { namespace: "shop", name: "nightly-report", title: "Nightly report", summary: "Collects the numbers of every service and writes the report.", versions: [{ version: "1.0.0", at: now - 60 * DAY, by: "admin", source: report("1.0.0") }] },
    { namespace: "shop", name: "archive-report", title: "Archive a report", summary: "Writes a report where it is kept for ten years.", versions: [{ version: "1.0.0", at: now - 60 * DAY, by: "admin", source: archive }] },
    { namespace: "shop", name: "refund-order", title: "Refund an order", summary: "Pays an order back and waits until the bank says so.", versions: [{ version: "1.4.1", at: now - 5 * DAY, by: "ben", source: refund("1.4.1") }] },
    { namespace: "shop", name: "sync-catalog", title: "Synchronise the catalog", summary: "Brings prices from the supplier every fifteen minutes.", versions: [{ version: "2.3.0", at: now - 14 * DAY, by: "ben", source: sync }] },
  ];
}
