/** The readable part of a runbook page: without the front matter, and without the workflow that is drawn beside it. */
export function readable(markdown: string): string {
  return markdown
    .replace(/^\uFEFF?---\r?\n[\s\S]*?\r?\n---[ \t]*(\r?\n|$)/, "")
    .replace(/^(`{3,}|~{3,})ya?ml workflow[^\n]*\n[\s\S]*?^\1[ \t]*$/gm, "")
    .trim()
    // The title stands above the page already.
    .replace(/^# [^\n]*\n+/, "");
}
