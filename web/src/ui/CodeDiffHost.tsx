/** The drawing half of CodeDiff: two texts side by side, or one text with what went and what came. */
import { yaml } from "@codemirror/lang-yaml";
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { codeRoot, codeTheme } from "./code-theme";
import type { DiffProps } from "./CodeEditor";

const reading = (label: string): Extension => [lineNumbers(), EditorView.lineWrapping, yaml(), codeTheme, EditorState.readOnly.of(true), EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" })];
const collapseUnchanged = { margin: 3, minSize: 6 };

export default function CodeDiffHost({ label, before, after, sideBySide }: DiffProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return;
    const { root, parent } = codeRoot(host.current);
    const view = sideBySide
      ? new MergeView({ root, parent, a: { doc: before, extensions: reading(`${label}, before`) }, b: { doc: after, extensions: reading(`${label}, after`) }, collapseUnchanged, gutter: true })
      : new EditorView({ root, parent, state: EditorState.create({ doc: after, extensions: [reading(label), unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged })] }) });
    return () => { view.destroy(); };
  }, [label, before, after, sideBySide]);
  return <div ref={host} className="max-h-[60dvh] min-h-24 overflow-auto rounded-lg border" />;
}
