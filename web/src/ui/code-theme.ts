/** How code looks: the page's colours, which reach into the shadow root that holds an editor. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

const mono = 'ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "Liberation Mono", monospace';

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--panel)", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: mono, lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection": { backgroundColor: "var(--accent-soft) !important" },
  ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--faint)", border: "none", paddingLeft: "4px" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--raised) 60%, transparent)" },
  ".cm-activeLineGutter": { color: "var(--ink)" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-soft) !important", outline: "1px solid var(--line-strong)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--raised)", color: "var(--soft)", border: "1px solid var(--line)" },
  ".cm-tooltip": { backgroundColor: "var(--panel)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "8px", boxShadow: "var(--pop)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: mono, fontSize: "12px", maxHeight: "16em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", lineHeight: "1.5" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent-solid)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "inherit", opacity: "0.8", fontStyle: "normal", marginLeft: "1em" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-tooltip.cm-completionInfo": { padding: "8px 10px", maxWidth: "22rem", fontFamily: "system-ui, sans-serif", fontSize: "12px", lineHeight: "1.5" },
  ".hs-doc": { padding: "8px 10px", maxWidth: "26rem", fontFamily: "system-ui, sans-serif", fontSize: "12px", lineHeight: "1.5" },
  ".hs-doc b": { display: "block", fontFamily: mono },
  ".hs-doc span": { color: "var(--soft)" },
  ".cm-diagnostic": { fontFamily: "system-ui, sans-serif", fontSize: "12px", padding: "6px 10px" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--bad)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad) 1px", textUnderlineOffset: "3px" },
  ".cm-lint-marker-error": { content: "''", width: "10px", height: "10px", marginTop: "5px", borderRadius: "50%", backgroundColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--warn)" },
  ".cm-diagnostic-info": { borderLeft: "4px solid var(--line-strong)" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn) 1px", textUnderlineOffset: "3px" },
  ".cm-lintRange-info": { backgroundImage: "none", textDecoration: "underline dotted var(--line-strong) 1px", textUnderlineOffset: "3px" },
  ".cm-lint-marker-warning": { content: "''", width: "10px", height: "10px", marginTop: "5px", borderRadius: "50%", backgroundColor: "var(--warn)" },
  ".cm-lint-marker-info": { content: "''", width: "8px", height: "8px", margin: "6px 0 0 1px", borderRadius: "50%", backgroundColor: "var(--line-strong)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-panels input, .cm-panels button": { backgroundColor: "var(--panel)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "5px", backgroundImage: "none", padding: "2px 6px" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-soft)", outline: "1px solid var(--warn)" },
  ".cm-changedLine, .cm-insertedLine": { backgroundColor: "var(--ok-soft) !important" },
  "&.cm-merge-a .cm-changedLine, .cm-deletedLine, .cm-deletedChunk": { backgroundColor: "var(--bad-soft) !important" },
  "&.cm-merge-b .cm-changedText, .cm-insertedLine .cm-changedText, .cm-changedLine .cm-changedText": { background: "color-mix(in srgb, var(--ok) 13%, transparent)" },
  "&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText": { background: "color-mix(in srgb, var(--bad) 13%, transparent)" },
  // Their own glyphs are in few fonts.
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: "'·····' !important" },
  ".cm-collapsedLines": { background: "var(--raised)", color: "var(--soft)", padding: "4px 12px", fontFamily: "system-ui, sans-serif", fontSize: "12px" },
});

const colours = HighlightStyle.define([
  { tag: [t.propertyName, t.definition(t.propertyName), t.labelName], color: "var(--accent)" },
  { tag: [t.string, t.special(t.string), t.content, t.attributeValue], color: "var(--ink)" },
  { tag: [t.number, t.bool, t.null, t.atom, t.keyword], color: "var(--warn)" },
  { tag: [t.comment, t.lineComment], color: "var(--faint)", fontStyle: "italic" },
  { tag: [t.separator, t.punctuation, t.squareBracket, t.brace, t.meta, t.typeName], color: "var(--faint)" },
  { tag: t.quote, color: "var(--ok)" },
]);

/** Programs have other parts than data: what is said, named and built in are told apart, prose stays quiet. */
const programs = HighlightStyle.define([
  { tag: [t.keyword, t.modifier, t.operatorKeyword, t.controlKeyword, t.definitionKeyword, t.moduleKeyword, t.self, t.null, t.bool], color: "var(--accent)" },
  { tag: [t.string, t.special(t.string), t.regexp, t.monospace], color: "var(--ok)" },
  { tag: [t.number, t.atom], color: "var(--warn)" },
  { tag: [t.typeName, t.className, t.namespace], color: "var(--warn)" },
  { tag: [t.function(t.variableName), t.function(t.propertyName), t.function(t.definition(t.variableName))], color: "var(--ink)", fontWeight: "600" },
  { tag: [t.variableName, t.propertyName, t.definition(t.propertyName), t.definition(t.variableName)], color: "var(--ink)" },
  { tag: [t.comment, t.lineComment, t.blockComment, t.docComment], color: "var(--faint)", fontStyle: "italic" },
  { tag: [t.punctuation, t.separator, t.bracket, t.brace, t.squareBracket, t.paren, t.operator, t.processingInstruction, t.contentSeparator], color: "var(--soft)" },
  { tag: [t.heading], color: "var(--ink)", fontWeight: "700" },
  { tag: t.strong, fontWeight: "700" },
  { tag: t.emphasis, fontStyle: "italic" },
  { tag: [t.link, t.url], color: "var(--accent)" },
]);

export const codeColours: Extension = syntaxHighlighting(programs);

export const codeTheme: Extension = [look, syntaxHighlighting(colours, { fallback: true })];

/**
 * Where an editor lives. Its styles are adopted by a shadow root of its own: a style element in the page would be refused
 * by the content security policy.
 */
export function codeRoot(host: HTMLElement): { root: ShadowRoot; parent: HTMLElement } {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  root.replaceChildren();
  const parent = document.createElement("div");
  parent.style.height = "100%";
  root.append(parent);
  return { root, parent };
}
