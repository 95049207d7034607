/** The one way an id is shown: short, monospaced, copied whole on click. */
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { shortId } from "@/lib/format";

export function Id({ value }: { value: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(value).then(() => {
      setCopied(true);
      setTimeout(() => { setCopied(false); }, 1_200);
    });
  };
  const Icon = copied ? Check : Copy;
  return (
    <button type="button" onClick={copy} title={`${value} – copy`} aria-label={`Copy id ${value}`} className="group inline-flex min-h-6 items-center gap-1 font-mono text-xs text-faint hover:text-ink">
      {shortId(value)}
      <Icon aria-hidden className="size-3 opacity-0 group-hover:opacity-100 group-focus-visible:opacity-100" />
      <span role="status" className="sr-only">{copied ? "Copied" : ""}</span>
    </button>
  );
}
