// One n8n workflow of 40 tiny nodes, timed from the request to its webhook until the answer of the last node.
//
// Usage: measure.mjs FOLDER RUNS. Starts n8n from FOLDER on loopback with a data folder of its own, ends it, and prints
// one JSON line. What n8n says is shown only when something fails.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';

const STEPS = 40;
const WARM_UP = 3;
const READY_MS = 240_000;
const [folder, runsText] = process.argv.slice(2);
const runs = Number(runsText);
const program = join(folder, 'node_modules/n8n/bin/n8n');
const version = JSON.parse(readFileSync(join(folder, 'node_modules/n8n/package.json'), 'utf8')).version;

/** A webhook, then nodes that each add one to a number. */
function workflow() {
  const nodes = [
    {
      id: 'start',
      name: 'start',
      type: 'n8n-nodes-base.webhook',
      typeVersion: 2,
      position: [0, 0],
      webhookId: 'forty',
      parameters: { path: 'forty', httpMethod: 'POST', responseMode: 'lastNode' },
    },
  ];
  const connections = {};
  for (let step = 1; step <= STEPS; step += 1) {
    const before = step === 1 ? 'start' : `step ${step - 1}`;
    const value = step === 1 ? '={{ $json.body.number + 1 }}' : '={{ $json.number + 1 }}';
    nodes.push({
      id: `step${step}`,
      name: `step ${step}`,
      type: 'n8n-nodes-base.set',
      typeVersion: 3.4,
      position: [step * 200, 0],
      parameters: {
        mode: 'manual',
        assignments: { assignments: [{ id: 'number', name: 'number', type: 'number', value }] },
        options: {},
      },
    });
    connections[before] = { main: [[{ node: `step ${step}`, type: 'main', index: 0 }]] };
  }
  const settings = { executionOrder: 'v1', saveExecutionProgress: true, saveDataSuccessExecution: 'all' };
  return { id: 'forty', name: 'forty', active: false, nodes, connections, settings };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Only what is said here: settings of an n8n that somebody uses stay out. Nothing is told to its makers. */
function environment(home, port, brokerPort) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(N8N_|DB_|EXECUTIONS_|QUEUE_)/.test(name));
  return {
    ...Object.fromEntries(kept),
    N8N_USER_FOLDER: home,
    N8N_HOST: '127.0.0.1',
    N8N_LISTEN_ADDRESS: '127.0.0.1',
    N8N_PORT: String(port),
    N8N_RUNNERS_BROKER_PORT: String(brokerPort),
    N8N_LOG_LEVEL: 'warn',
    DB_TYPE: 'sqlite',
    EXECUTIONS_DATA_SAVE_ON_PROGRESS: 'true',
    EXECUTIONS_DATA_SAVE_ON_SUCCESS: 'all',
    N8N_DIAGNOSTICS_ENABLED: 'false',
    N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
    N8N_TEMPLATES_ENABLED: 'false',
    N8N_PERSONALIZATION_ENABLED: 'false',
    N8N_HIRING_BANNER_ENABLED: 'false',
    N8N_COMMUNITY_PACKAGES_ENABLED: 'false',
    N8N_LICENSE_AUTO_RENEW_ENABLED: 'false',
    DO_NOT_TRACK: '1',
  };
}

async function once(url) {
  const began = performance.now();
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"number":0}',
    signal: AbortSignal.timeout(60_000),
  });
  const result = await answer.json();
  const took = performance.now() - began;
  if (answer.status !== 200 || result.number !== STEPS) {
    throw new Error(`the workflow answered ${answer.status} ${JSON.stringify(result)}`);
  }
  return took;
}

/** The webhook is there once n8n has published the workflow; until then it answers 404 or nobody does. */
async function untilReady(url, server) {
  const end = performance.now() + READY_MS;
  while (performance.now() < end) {
    if (server.exitCode !== null) throw new Error(`n8n ended with ${server.exitCode}`);
    const ready = await once(url).then(() => true, () => false);
    if (ready) return;
    await pause(250);
  }
  throw new Error(`n8n was not ready within ${READY_MS / 1_000} s`);
}

/** What n8n itself says of its store, and how many executions with every node in them it kept. */
function stored(home) {
  const database = new DatabaseSync(join(home, '.n8n/database.sqlite'), { readOnly: true });
  try {
    const rows = database.prepare('select data from execution_data').all();
    const whole = rows.filter((row) => row.data.includes(`step ${STEPS}`)).length;
    return { whole, journal: database.prepare('pragma journal_mode').get().journal_mode };
  } finally {
    database.close();
  }
}

async function end(server) {
  if (server.exitCode !== null) return;
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  const late = setTimeout(() => server.kill('SIGKILL'), 20_000);
  await ended;
  clearTimeout(late);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const home = mkdtempSync(join(tmpdir(), 'homeostat-bench-n8n-'));
const log = join(home, 'server.log');
const out = openSync(log, 'a');
let server;
const stop = () => server?.kill('SIGKILL');
process.once('SIGTERM', () => {
  stop();
  process.exit(1);
});
try {
  const [port, brokerPort] = [await freePort(), await freePort()];
  const options = { env: environment(home, port, brokerPort), cwd: home, stdio: ['ignore', out, out] };
  const file = join(home, 'workflow.json');
  writeFileSync(file, JSON.stringify([workflow()]));
  const asked = { ...options, timeout: READY_MS };
  execFileSync(process.execPath, [program, 'import:workflow', `--input=${file}`], asked);
  execFileSync(process.execPath, [program, 'publish:workflow', '--id=forty'], asked);
  server = spawn(process.execPath, [program, 'start'], options);
  const url = `http://127.0.0.1:${port}/webhook/forty`;
  await untilReady(url, server);
  for (let run = 0; run < WARM_UP; run += 1) await once(url);
  const before = stored(home).whole;
  const times = [];
  for (let run = 0; run < runs; run += 1) times.push(await once(url));
  const { whole, journal } = stored(home);
  if (whole - before < runs) throw new Error(`${whole - before} executions are stored whole, not ${runs}`);
  await end(server);
  const result = {
    name: 'n8n',
    version,
    forty_steps_ms: median(times),
    min_ms: Math.min(...times),
    max_ms: Math.max(...times),
    runs,
    durability:
      '"save execution progress" on: after each node the whole execution so far is written to SQLite and synced to disk ' +
      `(journal_mode=${journal}, synchronous=FULL, its defaults) before the next; n8n does not go on from it by itself`,
  };
  console.log(JSON.stringify(result));
} catch (error) {
  process.stderr.write(readFileSync(log, 'utf8').slice(-4_000));
  process.stderr.write(`${error.stack ?? error}\n`);
  process.exitCode = 1;
} finally {
  stop();
  closeSync(out);
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}
