/** Buttons. One that may not be used now stays in view, reachable, and says why. */
import clsx from "clsx";
import { LoaderCircle, type LucideIcon } from "lucide-react";
import { useId, type ButtonHTMLAttributes } from "react";
import { Tip } from "./Tip";

export type ButtonLook = "primary" | "secondary" | "ghost" | "danger";
type Props = ButtonHTMLAttributes<HTMLButtonElement> & { look?: ButtonLook; icon?: LucideIcon; small?: boolean; busy?: boolean; disabledReason?: string | null };

const LOOK: Record<ButtonLook, string> = {
  primary: "bg-accent-solid text-on-accent enabled:hover:brightness-110",
  secondary: "border bg-panel text-ink shadow-(--shadow) enabled:hover:bg-raised",
  ghost: "text-soft enabled:hover:bg-raised enabled:hover:text-ink",
  danger: "bg-bad-solid text-on-accent enabled:hover:brightness-110",
};

export const buttonClass = (look: ButtonLook = "secondary", small = false) =>
  clsx("inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors", small ? "h-7 px-2 text-xs" : "h-8 px-3 text-sm", LOOK[look]);

export function Button({ look = "secondary", icon: Icon, small, busy, disabledReason, children, className, onClick, ...rest }: Props) {
  const reasonId = useId();
  const blocked = Boolean(disabledReason);
  const button = (
    <button
      type="button"
      {...rest}
      aria-disabled={blocked || busy || undefined}
      aria-describedby={blocked ? reasonId : rest["aria-describedby"]}
      onClick={blocked || busy ? (e) => { e.preventDefault(); } : onClick}
      className={clsx(buttonClass(blocked ? "secondary" : look, small), blocked && "cursor-not-allowed border-dashed text-faint! shadow-none", className)}
    >
      {busy ? <LoaderCircle aria-hidden className="size-4 animate-spin" /> : Icon && <Icon aria-hidden className={small ? "size-3.5" : "size-4"} />}
      {children}
    </button>
  );
  if (!blocked) return button;
  return <><Tip text={disabledReason ?? ""}>{button}</Tip><span id={reasonId} className="sr-only">Not available: {disabledReason}</span></>;
}

export function IconButton({ label, icon: Icon, className, ...rest }: { label: string; icon: LucideIcon } & Omit<ButtonHTMLAttributes<HTMLButtonElement>, "aria-label">) {
  return (
    <Tip text={label}>
      <button type="button" {...rest} aria-label={label} className={clsx("inline-flex size-8 shrink-0 items-center justify-center rounded-md text-soft hover:bg-raised hover:text-ink", className)}>
        <Icon aria-hidden className="size-4" />
      </button>
    </Tip>
  );
}
