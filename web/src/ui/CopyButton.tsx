/** Copies a text, and says that it did. */
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "./Button";

export function CopyButton({ label, text, iconOnly }: { label: string; text: string; iconOnly?: boolean }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => { setCopied(false); }, 1_200);
    });
  };
  const icon = copied ? Check : Copy;
  return (
    <>
      {iconOnly ? <IconButton label={label} icon={icon} onClick={copy} /> : <Button small icon={icon} onClick={copy}>{label}</Button>}
      <span role="status" className="sr-only">{copied ? "Copied" : ""}</span>
    </>
  );
}
