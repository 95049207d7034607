/** Completion and hover for YAML that a JSON Schema describes. */
import { autocompletion, startCompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import type { EditorView} from "@codemirror/view";
import { hoverTooltip } from "@codemirror/view";
import { parseDocument } from "yaml";
import { docAt, keysAt, valuesAt, type KeyHelp, type Schema } from "@/lib/schema-walk";
import { yamlPlace } from "@/lib/yaml-place";

/** The text as far as it can be read: what is half written is missing, not an error. */
function valueOf(text: string): unknown {
  try {
    return parseDocument(text, { logLevel: "silent" }).toJS({ maxAliasCount: 50 }) as unknown;
  } catch {
    return undefined;
  }
}

function keyOption(help: KeyHelp, indent: number): Completion {
  const inner = `\n${" ".repeat(indent + 2)}`;
  const insert = indent < 0 || help.shape === "plain" ? `${help.name}: ` : `${help.name}:${inner}${help.shape === "list" ? "- " : ""}`;
  return {
    label: help.name, type: "property", detail: help.required ? "required" : undefined, info: help.doc || undefined, boost: help.required ? 10 : 0,
    apply: (view: EditorView, _completion: Completion, from: number, to: number) => {
      // What is there of the old key's end stays: `call|: http` keeps its colon.
      const rest = view.state.sliceDoc(to, view.state.doc.lineAt(to).to);
      const text = /^\s*:/.test(rest) ? help.name : insert;
      view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
      if (text !== help.name) startCompletion(view);
    },
  };
}

function complete(schema: Schema, context: CompletionContext): CompletionResult | null {
  const text = context.state.doc.toString();
  const place = yamlPlace(text, context.pos);
  if (place.word.includes("${") || /^[|>#]/.test(place.word)) return null;
  if (!context.explicit && place.writes === "key" && place.word === "" && place.indent === 0) return null;
  const value = valueOf(text);
  const options: Completion[] = place.writes === "key"
    ? keysAt(schema, value, place.path).filter((k) => k.name === place.word || !place.siblings.includes(k.name)).map((k) => keyOption(k, place.indent))
    : valuesAt(schema, value, place.path).map((v) => ({ label: v.value, type: "enum", info: v.doc || undefined }));
  return options.length === 0 ? null : { from: place.from, options, validFor: /^[\w.$-]*$/ };
}

export function schemaHelp(schema: Schema): Extension {
  return [
    autocompletion({ override: [(context) => complete(schema, context)], icons: false, activateOnTypingDelay: 60 }),
    hoverTooltip((view, pos) => {
      const text = view.state.doc.toString();
      const line = view.state.doc.lineAt(pos);
      const match = [...line.text.matchAll(/[\w$.-]+(?=\s*:(?:\s|$))/g)].find((m) => pos >= line.from + m.index && pos <= line.from + m.index + m[0].length);
      if (!match) return null;
      const end = line.from + match.index + match[0].length;
      const place = yamlPlace(text, end);
      const doc = docAt(schema, valueOf(text), [...place.path, match[0]]);
      if (!doc) return null;
      return {
        pos: line.from + match.index, end, above: true,
        create: () => {
          const dom = document.createElement("div");
          dom.className = "hs-doc";
          const [name, said] = [document.createElement("b"), document.createElement("span")];
          name.textContent = match[0];
          said.textContent = doc;
          dom.append(name, said);
          return { dom };
        },
      };
    }),
  ];
}
