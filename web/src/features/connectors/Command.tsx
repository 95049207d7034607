/** A command that does the same as the screen. */
import { CopyButton } from "@/ui/CopyButton";

export function Command({ text }: { text: string }) {
  return (
    <div className="flex items-center gap-2 border-t bg-raised/50 py-1.5 pr-2 pl-4">
      {/* A box that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div role="region" aria-label="The same on the command line" tabIndex={0} className="min-w-0 flex-1 overflow-x-auto py-1"><code className="font-mono text-xs whitespace-nowrap text-soft"><span aria-hidden className="text-faint select-none">$ </span>{text}</code></div>
      <CopyButton iconOnly label="Copy the command" text={text} />
    </div>
  );
}
