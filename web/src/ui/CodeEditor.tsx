/** A text editor for YAML and JSON, and a view of other code. The editor itself is loaded when the first one is shown. */
import { lazy, Suspense } from "react";
import type { SourceError } from "@/api/types";
import { Skeleton } from "./States";

export type EditorProps = {
  label: string;
  value: string;
  onChange?: (text: string) => void;
  onSave?: () => void;
  readOnly?: boolean;
  problems?: readonly (SourceError & { severity?: "error" | "warning" | "info" })[];
  /** What the text is written in; YAML, of which JSON is a part, unless told. */
  language?: "yaml" | "typescript" | "markdown" | "text";
  /** JSON Schema for completion and for what a key means on hover. */
  schema?: Record<string, unknown>;
  /** Where the cursor is put: line from 1. Each new object moves it again. */
  goTo?: { line: number; column: number } | null;
  className?: string;
};

const Host = lazy(() => import("./CodeEditorHost"));

export function CodeEditor(props: EditorProps) {
  return <Suspense fallback={<Skeleton className={props.className ?? "h-64 w-full"} />}><Host {...props} /></Suspense>;
}

export type DiffProps = { label: string; before: string; after: string; sideBySide: boolean };
const Diff = lazy(() => import("./CodeDiffHost"));

/** Two texts, and what differs. */
export function CodeDiff(props: DiffProps) {
  return <Suspense fallback={<Skeleton className="h-64 w-full" />}><Diff {...props} /></Suspense>;
}
