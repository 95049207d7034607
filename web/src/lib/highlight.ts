/** Splits text around every occurrence of a search, without regard to case. Text stays text: nothing becomes markup. */
export type Part = { text: string; hit: boolean };

export function highlight(text: string, search: string): Part[] {
  const words = search.split(/\s+/).filter((w) => w.length > 1).map((w) => w.toLowerCase());
  if (words.length === 0) return [{ text, hit: false }];
  const lower = text.toLowerCase();
  const parts: Part[] = [];
  let at = 0;
  while (at < text.length) {
    const next = words
      .map((w) => ({ from: lower.indexOf(w, at), length: w.length }))
      .filter((m) => m.from >= 0)
      .sort((a, b) => a.from - b.from || b.length - a.length)[0];
    if (!next) break;
    if (next.from > at) parts.push({ text: text.slice(at, next.from), hit: false });
    parts.push({ text: text.slice(next.from, next.from + next.length), hit: true });
    at = next.from + next.length;
  }
  if (at < text.length) parts.push({ text: text.slice(at), hit: false });
  return parts;
}
