/** A titled area of a screen. */
import clsx from "clsx";
import { useId, type ReactNode } from "react";

type Props = { title?: ReactNode; hint?: ReactNode; actions?: ReactNode; children: ReactNode; className?: string; flush?: boolean };

export function Panel({ title, hint, actions, children, className, flush }: Props) {
  const id = useId();
  return (
    <section aria-labelledby={title ? id : undefined} className={clsx("min-w-0 rounded-xl border bg-panel shadow-(--shadow)", className)}>
      {title && (
        <header className="flex min-h-11 flex-wrap items-center gap-x-3 gap-y-1 border-b px-4 py-2">
          <h2 id={id} className="text-sm font-semibold text-ink">{title}</h2>
          {hint && <span className="text-xs text-faint">{hint}</span>}
          {actions && <div className="ml-auto flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
      )}
      <div className={flush ? undefined : "p-4"}>{children}</div>
    </section>
  );
}

/** The head of a screen: where one is, what it is about, what one can do. */
export function PageHead({ title, lead, actions, children }: { title: ReactNode; lead?: ReactNode; actions?: ReactNode; children?: ReactNode }) {
  return (
    <header className="mb-5">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
        <div className="min-w-0 flex-1 basis-72">
          <h1 tabIndex={-1} className="text-xl leading-7 font-semibold tracking-tight text-balance outline-none">{title}</h1>
          {lead && <div className="mt-1 text-sm text-soft">{lead}</div>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
      {children}
    </header>
  );
}
