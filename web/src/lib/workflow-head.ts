/** The head of a workflow document as text: reads it, and changes single fields without touching anything else. */
import { isMap, isScalar, parseDocument } from "yaml";

export type WorkflowHead = { namespace: string; name: string; version: string };
export type InputField = { name: string; kind: "text" | "number" | "switch" | "choice" | "json"; required: boolean; doc: string; choices: string[]; start: unknown };

const say = (v: unknown) => (typeof v === "string" ? v : typeof v === "number" ? String(v) : "");

export function readHead(source: string): WorkflowHead {
  const head = (parseDocument(source, { logLevel: "silent" }).toJS() as { document?: Record<string, unknown> } | null)?.document;
  return { namespace: say(head?.namespace), name: say(head?.name), version: say(head?.version) };
}

/** Writes one field of `document`; a text that has no such field is given back as it is. */
export function setHead(source: string, field: keyof WorkflowHead, value: string): string {
  const root = parseDocument(source, { logLevel: "silent" }).contents;
  const head = isMap(root) ? root.get("document", true) : null;
  const node = isMap(head) ? head.get(field, true) : null;
  if (!isScalar(node) || !node.range) return source;
  const [from, to] = node.range;
  return `${source.slice(0, from)}${field === "version" ? `'${value}'` : value}${source.slice(to)}`;
}

/** `1.2.3` → its next patch, minor and major; nothing for what is not of that form. */
export function nextVersions(version: string): { patch: string; minor: string; major: string } | null {
  const m = /^(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (!m) return null;
  const [major = 0, minor = 0, patch = 0] = m.slice(1).map(Number);
  return { patch: `${String(major)}.${String(minor)}.${String(patch + 1)}`, minor: `${String(major)}.${String(minor + 1)}.0`, major: `${String(major + 1)}.0.0` };
}

type Property = { type?: string | string[]; enum?: unknown[]; description?: string; default?: unknown; title?: string };

/** The fields that the input schema of a document asks for; none when it has no schema of an object. */
export function inputFields(source: string): InputField[] {
  const value = parseDocument(source, { logLevel: "silent" }).toJS() as { input?: { schema?: { document?: { properties?: Record<string, Property>; required?: string[] } } } } | null;
  const schema = value?.input?.schema?.document;
  return Object.entries(schema?.properties ?? {}).map(([name, p]) => {
    const types = Array.isArray(p.type) ? p.type : [p.type];
    const kind = p.enum ? "choice" : types.includes("boolean") ? "switch" : types.includes("number") || types.includes("integer") ? "number" : types.includes("string") ? "text" : "json";
    return { name, kind, required: schema?.required?.includes(name) ?? false, doc: p.description ?? "", choices: (p.enum ?? []).map(say), start: p.default };
  });
}

/** What a new document begins with. */
export const TEMPLATE = `document:
  dsl: '1.0.3'
  namespace: mine
  name: my-first-workflow
  version: '0.1.0'
  title: My first workflow
input:
  schema:
    document:
      type: object
      required: [service]
      properties:
        service: { type: string, description: The service to look after. }
do:
  - restart:
      call: process.restart
      with:
        service: \${ .service }
  - verify:
      call: verify
      with:
        service: \${ .service }
        window: { seconds: 30 }
        conditions: [healthy]
`;
