/** A hint on hover and focus. Never the only place where something is said. */
import { useId, useState, type ReactElement } from "react";

export function Tip({ text, children }: { text: string; children: ReactElement }) {
  const id = useId();
  const [open, setOpen] = useState(false);
  return (
    // The wrapper only listens for what the button inside it does.
    <span className="relative inline-flex" onPointerEnter={() => { setOpen(true); }} onPointerLeave={() => { setOpen(false); }} onFocus={(e) => { if (e.target.matches(":focus-visible")) setOpen(true); }} onBlur={() => { setOpen(false); }} onKeyDown={(e) => { if (e.key === "Escape") setOpen(false); }} role="presentation">
      {children}
      {open && text && (
        <span id={id} role="tooltip" className="pointer-events-none absolute top-full left-1/2 z-50 mt-1.5 w-max max-w-56 -translate-x-1/2 rounded-md border bg-panel px-2 py-1 text-xs font-normal whitespace-normal text-ink shadow-(--pop)">
          {text}
        </span>
      )}
    </span>
  );
}
