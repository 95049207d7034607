/** Where the document of a connector comes from: what is being written, what is sent, and what a made connector was made of. */

/** Largest document that the server takes, in bytes. */
export const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;
/** Longer texts are sent as they are and not put into an editor. */
export const EDITED_CHARACTERS_MAX = 1_500_000;

export type Source = { text: string; file?: string } | { url: string } | { sample: string };
export type SourceDraft = { kind: "text" | "url"; text: string; file: string; url: string };
export const NO_SOURCE: SourceDraft = { kind: "text", text: "", file: "", url: "" };

/** The source that a draft means, or what is lacking. */
export function readSource(draft: SourceDraft): { source: Source } | { lacks: string } {
  if (draft.kind === "url") {
    const url = draft.url.trim();
    if (!url) return { lacks: "say where the document is" };
    return /^https?:\/\/[^\s/]+/.test(url) ? { source: { url } } : { lacks: "an address begins with http:// or https://" };
  }
  if (!draft.text.trim()) return { lacks: "paste a document, or choose a file" };
  return { source: { text: draft.text, ...(draft.file ? { file: draft.file } : {}) } };
}

/** A file that a person chose or dropped. */
export async function readFile(file: Pick<File, "name" | "size" | "text">): Promise<{ draft: SourceDraft } | { refused: string }> {
  if (file.size > DOCUMENT_BYTES_MAX) return { refused: `${file.name} has ${(file.size / 1_048_576).toFixed(1)} MiB; at most 16 MiB are taken` };
  const text = await file.text();
  return text.includes("\0") ? { refused: `${file.name} is no text` } : { draft: { ...NO_SOURCE, text, file: file.name } };
}

const KEY = "homeostat.connector.";
const here = new Map<string, Source>();

/** Keeps what a connector was made of, in this tab only, so that what is wrong with it can be shown where it stands. */
export function rememberSource(id: string, source: Source): void {
  here.set(id, source);
  const old = Object.keys(sessionStorage).filter((key) => key.startsWith(KEY));
  if (old.length >= 16) for (const key of old) sessionStorage.removeItem(key);
  // A browser keeps a few megabytes; a longer document lives as long as the page.
  try { sessionStorage.setItem(KEY + id, JSON.stringify(source)); } catch { /* it stays in memory */ }
}

export function recallSource(id: string): Source | null {
  const kept = here.get(id) ?? (JSON.parse(sessionStorage.getItem(KEY + id) ?? "null") as Source | null);
  if (kept) here.set(id, kept);
  return kept;
}

export const sourceName = (source: Source): string => ("text" in source ? (source.file ?? "openapi.yaml") : "url" in source ? source.url : `${source.sample}.yaml`);
