/** What a screen shows when there is nothing, not yet anything, or something went wrong. */
import clsx from "clsx";
import { RotateCw, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "./Button";

export function Empty({ icon: Icon, title, children, action }: { icon?: LucideIcon; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-center px-6 py-10 text-center">
      {Icon && <span className="mb-3 flex size-10 items-center justify-center rounded-full bg-raised text-faint"><Icon aria-hidden className="size-5" /></span>}
      <p className="font-medium">{title}</p>
      {children && <div className="mt-1 max-w-md text-sm text-soft">{children}</div>}
      {action && <div className="mt-4">{action}</div>}
    </div>
  );
}

export const Skeleton = ({ className }: { className?: string }) => <div aria-hidden className={clsx("pulse rounded-md bg-raised", className)} />;

export function PageSkeleton() {
  return (
    <div role="status" aria-label="Loading" className="space-y-4">
      <Skeleton className="h-7 w-64" />
      <Skeleton className="h-24 w-full" />
      <Skeleton className="h-64 w-full" />
    </div>
  );
}

/** Reads like a Problem of the API: what, why, code. */
export function ErrorView({ error, retry }: { error: unknown; retry?: () => void }) {
  const e = error as { message?: string; detail?: string; code?: string; status?: number };
  return (
    <div role="alert" className="rounded-xl border bg-panel p-6">
      <p className="font-semibold text-bad">{e.message ?? "Something went wrong"}</p>
      {e.detail && <p className="mt-1 text-sm text-soft">{e.detail}</p>}
      {e.code && <p className="mt-2 text-xs text-faint">Code <code className="font-mono">{e.code}</code>{e.status ? ` · HTTP ${String(e.status)}` : ""}</p>}
      {retry && <Button className="mt-4" icon={RotateCw} onClick={retry}>Try again</Button>}
    </div>
  );
}
