/** The editing half of CodeEditor: CodeMirror with what it needs for YAML; other languages are loaded when a text is written in one. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { codeColours, codeRoot, codeTheme } from "./code-theme";
import type { EditorProps } from "./CodeEditor";
import { schemaHelp } from "./schema-help";

const common = (label: string): Extension => [
  lineNumbers(), foldGutter({ openText: "⌄", closedText: "›" }), history(), drawSelection(), indentOnInput(), indentUnit.of("  "), bracketMatching(), closeBrackets(), highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), lintGutter(),
  codeTheme, EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
];

const LANGUAGES: Record<Exclude<NonNullable<EditorProps["language"]>, "yaml">, () => Promise<Extension>> = {
  text: () => Promise.resolve([]),
  typescript: async () => [(await import("@codemirror/lang-javascript")).javascript({ typescript: true }), codeColours],
  markdown: async () => {
    const [{ markdown }, { javascript, typescriptLanguage }] = await Promise.all([import("@codemirror/lang-markdown"), import("@codemirror/lang-javascript")]);
    return [markdown({ codeLanguages: (name) => (/^(ts|js|typescript|javascript)$/.test(name) ? typescriptLanguage : null) }), javascript({ typescript: true }).support, codeColours, EditorView.lineWrapping];
  },
};

const fromOutside = Annotation.define<boolean>();

export default function CodeEditorHost({ label, value, onChange, onSave, readOnly = false, problems, language = "yaml", schema, goTo, className = "h-64 w-full" }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const live = useRef({ onChange, onSave, value });
  const help = useRef(new Compartment());
  const tongue = useRef(new Compartment());
  /** What was told to the parent and has not come back from it. */
  const told = useRef<string[]>([]);
  useEffect(() => { live.current = { onChange, onSave, value }; });

  useEffect(() => {
    if (!host.current) return;
    const { root, parent } = codeRoot(host.current);
    const editor = new EditorView({
      root,
      parent,
      state: EditorState.create({
        doc: live.current.value,
        extensions: [
          common(label),
          EditorState.readOnly.of(readOnly),
          EditorView.updateListener.of((u) => {
            if (!u.docChanged || u.transactions.some((t) => t.annotation(fromOutside))) return;
            const text = u.state.doc.toString();
            told.current.push(text);
            live.current.onChange?.(text);
          }),
          keymap.of([{ key: "Mod-s", preventDefault: true, run: () => { live.current.onSave?.(); return true; } }, ...closeBracketsKeymap, ...completionKeymap, ...searchKeymap, ...foldKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap, ...(readOnly ? [] : [indentWithTab])]),
          help.current.of([]),
          tongue.current.of(language === "yaml" ? yaml() : []),
        ],
      }),
    });
    view.current = editor;
    // When the room gets smaller (a list of problems opens below), the line that is written stays in sight.
    const watch = new ResizeObserver(() => { if (editor.hasFocus) editor.dispatch({ effects: EditorView.scrollIntoView(editor.state.selection.main.head, { y: "nearest", yMargin: 24 }) }); });
    watch.observe(host.current);
    let gone = false;
    if (language !== "yaml") void LANGUAGES[language]().then((known) => { if (!gone) editor.dispatch({ effects: tongue.current.reconfigure(known) }); });
    return () => { gone = true; watch.disconnect(); editor.destroy(); view.current = null; };
  }, [label, readOnly, language]);

  useEffect(() => { view.current?.dispatch({ effects: help.current.reconfigure(schema ? schemaHelp(schema) : autocompletion({ override: [] })) }); }, [schema, label, readOnly, language]);

  // A text that came from elsewhere (another version, a reset) replaces what is there. One that was typed here comes back
  // later, maybe after the next letters were typed: it is there already and must not take them away.
  useEffect(() => {
    const editor = view.current;
    const at = told.current.indexOf(value);
    told.current = told.current.slice(at + 1);
    if (at >= 0 || !editor || editor.state.doc.toString() === value) return;
    told.current = [];
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value }, annotations: fromOutside.of(true) });
  }, [value]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const doc = editor.state.doc;
    const found = (problems ?? []).map((p): Diagnostic => {
      const line = doc.line(Math.min(doc.lines, Math.max(1, p.line)));
      const from = Math.min(line.to, line.from + Math.max(0, p.column - 1));
      const word = /^[^\s:,\]}]*/.exec(doc.sliceString(from, line.to))?.[0].length ?? 0;
      return { from, to: Math.min(line.to, from + Math.max(1, word)), severity: p.severity ?? "error", message: p.message };
    });
    editor.dispatch(setDiagnostics(editor.state, found));
  }, [problems, readOnly, label, language]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || !goTo) return;
    const line = editor.state.doc.line(Math.min(editor.state.doc.lines, Math.max(1, goTo.line)));
    const at = Math.min(line.to, line.from + Math.max(0, goTo.column - 1));
    editor.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
    editor.focus();
  }, [goTo]);

  return <div ref={host} className={className} />;
}
