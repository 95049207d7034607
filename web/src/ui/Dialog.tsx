/** Modal dialogs on the platform's own <dialog>: focus stays inside, Escape closes, the page behind is inert. */
import clsx from "clsx";
import { X } from "lucide-react";
import { useEffect, useId, useRef, type ReactNode } from "react";
import { Button, IconButton, type ButtonLook } from "./Button";

type Props = { title: string; onClose: () => void; children: ReactNode; className?: string; bare?: boolean; wide?: boolean };

export function Dialog({ title, onClose, children, className, bare, wide }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      // Where one types, else the title: never the close button, which is merely first.
      (dialog.querySelector<HTMLElement>("textarea, input, select") ?? dialog.querySelector<HTMLElement>("h2"))?.focus();
    }
    return () => { dialog?.close(); };
  }, []);
  return (
    // A click on the backdrop is a click on the dialog element itself; Escape is the keyboard's way.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog ref={ref} aria-labelledby={id} onCancel={(e) => { e.preventDefault(); onClose(); }} onClick={(e) => { if (e.target === ref.current) onClose(); }} className={clsx(wide ? "w-[min(46rem,calc(100vw-2rem))]" : "w-[min(32rem,calc(100vw-2rem))]", "overflow-auto rounded-xl border bg-panel shadow-(--pop)", className)}>
      {bare ? <><h2 id={id} className="sr-only">{title}</h2>{children}</> : (
        <>
          <header className="sticky top-0 z-10 flex items-center gap-3 border-b bg-panel py-2 pr-2 pl-4">
            <h2 id={id} tabIndex={-1} className="flex-1 text-sm font-semibold outline-none">{title}</h2>
            <IconButton label="Close" icon={X} onClick={onClose} />
          </header>
          <div className="p-4">{children}</div>
        </>
      )}
    </dialog>
  );
}

type ConfirmProps = { title: string; confirm: string; look?: ButtonLook; busy?: boolean; error?: string | null; blocked?: string | null; wide?: boolean; onConfirm: () => void; onClose: () => void; children?: ReactNode };

/** Asks before something happens; shows the refusal where the question was. */
export function Confirm({ title, confirm, look = "primary", busy, error, blocked, wide, onConfirm, onClose, children }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose} wide={wide}>
      <form onSubmit={(e) => { e.preventDefault(); if (!blocked && !busy) onConfirm(); }} className="space-y-4">
        <div className="space-y-3 text-sm text-soft">{children}</div>
        {error && <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-sm text-bad">{error}</p>}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look={look} busy={busy} disabledReason={blocked}>{confirm}</Button>
        </div>
      </form>
    </Dialog>
  );
}
