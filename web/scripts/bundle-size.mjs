// Adds up what the first page costs over the wire and fails when it is over the budget.
// First page: index.html, what it names, the chunks of the Overview screen with their static imports, and the fonts.
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const budget = 200_000;
const dist = new URL("../dist", import.meta.url).pathname;
const wire = async (name) => (await stat(join(dist, `${name}.br`)).catch(() => stat(join(dist, name)))).size;

const manifest = JSON.parse(await readFile(join(dist, ".vite/manifest.json"), "utf8"));
const wanted = new Set(["index.html"]);
const walk = (key) => {
  const entry = manifest[key];
  if (!entry || wanted.has(entry.file)) return;
  wanted.add(entry.file);
  for (const css of entry.css ?? []) wanted.add(css);
  for (const next of entry.imports ?? []) walk(next);
};
walk("index.html");
for (const key of Object.keys(manifest)) if (key.endsWith("routes/OverviewPage.tsx")) walk(key);
for (const name of await readdir(join(dist, "assets"))) if (/inter-latin-wght-normal.*\.woff2$/.test(name)) wanted.add(`assets/${name}`);

let total = 0;
for (const name of wanted) {
  const bytes = await wire(name);
  total += bytes;
  console.log(`${String(bytes).padStart(8)}  ${name}`);
}
console.log(`${String(total).padStart(8)}  first page, brotli, of at most ${budget}`);
if (total > budget) process.exit(1);
