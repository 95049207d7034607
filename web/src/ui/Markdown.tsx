/** Markdown as HTML that has been cleaned. Loaded only where a page carries Markdown. */
import DOMPurify from "dompurify";
import { marked } from "marked";
import { useMemo } from "react";

// Links that people wrote may lead anywhere: they open apart and carry nothing along.
DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A" && node.getAttribute("href")?.startsWith("http")) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
  if (node.tagName === "PRE") node.setAttribute("tabindex", "0");
});

export default function Markdown({ text }: { text: string }) {
  const html = useMemo(() => DOMPurify.sanitize(marked.parse(text, { async: false, gfm: true }), { FORBID_TAGS: ["style", "form", "input", "img"], FORBID_ATTR: ["style", "class", "id"] }), [text]);
  return <div className="prose-doc" dangerouslySetInnerHTML={{ __html: html }} />;
}
