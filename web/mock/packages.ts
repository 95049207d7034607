/** Small packages in the shape of generated ones, so that trees and previews have something true to show. */
export type Api = { title: string; version: string; operations: { id: string; method: string; path: string; tag: string; summary: string }[]; schemas: string[] };
export type Made = { path: string; text: string };

const pascal = (name: string) => name.replace(/(?:^|[^a-zA-Z0-9]+)([a-zA-Z0-9])/g, (_, c: string) => c.toUpperCase());
const camel = (name: string) => { const p = pascal(name); return p.charAt(0).toLowerCase() + p.slice(1); };
export const packageName = (title: string) => title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "client";

function resource(api: Api, tag: string): string {
  const methods = api.operations.filter((o) => o.tag === tag).map((o) => {
    const names = [...o.path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!);
    return `  /** ${o.summary || o.id} */\n  ${camel(o.id)}(${[...names.map((n) => `${camel(n)}: string`), "options?: RequestOptions"].join(", ")}): ApiPromise<unknown> {\n    return this.client.request("${o.method}", \`${o.path.replaceAll(/\{(\w+)\}/g, (_, n: string) => `\${encodeURIComponent(${camel(n)})}`)}\`, options);\n  }`;
  });
  return `import type { ApiPromise } from "../runtime/promise.js";\nimport { Resource, type RequestOptions } from "../runtime/resource.js";\n\nexport class ${pascal(tag)}Resource extends Resource {\n${methods.join("\n\n")}\n}\n`;
}

export function packageOf(api: Api, name: string, version: string, license: string): Made[] {
  const title = pascal(api.title) || "Client";
  const tags = [...new Set(api.operations.map((o) => o.tag))];
  const first = api.operations[0];
  return [
    { path: "README.md", text: `# ${name}\n\nTypeScript client of ${api.title}, with every operation as a typed method.\n\n## Install\n\n\`\`\`sh\nnpm install ${name}\n\`\`\`\n\n## Use\n\n\`\`\`ts\nimport { ${title} } from "${name}";\n\nconst client = new ${title}();\n${first ? `const answer = await client.${camel(first.tag)}.${camel(first.id)}();\nconsole.log(answer);\n` : ""}\`\`\`\n\nNames on the wire are kept as the API has them, so its own documentation applies as it is.\n` },
    { path: "package.json", text: `${JSON.stringify({ name, version, license, type: "module", engines: { node: ">=20" }, sideEffects: false, exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } } }, null, 2)}\n` },
    { path: "tsconfig.json", text: `${JSON.stringify({ compilerOptions: { target: "ES2022", module: "NodeNext", strict: true, exactOptionalPropertyTypes: true }, include: ["src"] }, null, 2)}\n` },
    { path: "LICENSE", text: `${license}\n` },
    { path: "src/index.ts", text: `export { ${title}, type ${title}Options } from "./client.js";\nexport type * from "./models.js";\n` },
    { path: "src/client.ts", text: `// Generated from ${api.title} ${api.version}. Changes to this file are lost when it is generated again.\n\n${tags.map((t) => `import { ${pascal(t)}Resource } from "./resources/${packageName(t)}.js";`).join("\n")}\nimport { Client, type ClientOptions } from "./runtime/client.js";\n\n/** How a \`${title}\` is set up. */\nexport interface ${title}Options extends ClientOptions {\n  /** Sent as \`Authorization: Bearer\`. */\n  readonly token?: string | undefined;\n}\n\nexport class ${title} extends Client {\n${tags.map((t) => `  readonly ${camel(t)} = new ${pascal(t)}Resource(this);`).join("\n")}\n\n  constructor(options: ${title}Options = {}) {\n    super({ ...options, retries: options.retries ?? 2 });\n  }\n}\n` },
    { path: "src/models.ts", text: api.schemas.map((s) => `export interface ${pascal(s)} {\n  readonly id: string;\n}\n`).join("\n") },
    ...tags.map((t) => ({ path: `src/resources/${packageName(t)}.ts`, text: resource(api, t) })),
    ...["client", "promise", "resource", "retry"].map((m) => ({ path: `src/runtime/${m}.ts`, text: `/** The part of the package that depends on no document: ${m}. */\nexport const part = "${m}" as const;\n` })),
    { path: "test/operations.test.ts", text: api.operations.map((o) => `// ${o.method.toUpperCase()} ${o.path}: ${o.id}`).join("\n") },
  ];
}
