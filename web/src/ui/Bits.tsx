/** Small things: meters, sparklines, key caps, definition lists, JSON. */
import clsx from "clsx";
import type { ReactNode } from "react";
import { percent } from "@/lib/format";
import { asObject, isEmpty, plain } from "@/lib/json";

/** A share of one as a bar. */
export function Meter({ value, label, tone = "accent", className }: { value: number; label: string; tone?: "accent" | "ok" | "neutral"; className?: string }) {
  const share = Math.min(1, Math.max(0, value));
  return (
    <svg role="img" aria-label={`${label}: ${percent(value)}`} viewBox="0 0 100 4" preserveAspectRatio="none" className={clsx("h-1.5 w-full overflow-hidden rounded-full", className)}>
      <rect width="100" height="4" className="fill-raised" />
      <rect width={share * 100} height="4" className={tone === "accent" ? "fill-accent-solid" : tone === "ok" ? "fill-ok" : "fill-line-strong"} />
    </svg>
  );
}

/** The shape of a series, without axes. */
export function Sparkline({ values, label, bars, className }: { values: readonly number[]; label: string; bars?: boolean; className?: string }) {
  const w = 120;
  const h = 28;
  const max = Math.max(...values, 0);
  const min = bars ? 0 : Math.min(...values, max);
  const y = (v: number) => h - 2 - ((v - min) / (max - min || 1)) * (h - 4);
  const x = (i: number) => (i / Math.max(1, values.length - 1)) * w;
  const line = values.map((v, i) => `${i === 0 ? "M" : "L"}${x(i).toFixed(1)},${y(v).toFixed(1)}`).join("");
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${String(w)} ${String(h)}`} preserveAspectRatio="none" className={clsx("h-7 w-full text-accent", className)}>
      {bars ? values.map((v, i) => <rect key={i} x={(i * w) / values.length} width={Math.max(1, w / values.length - 1.5)} y={y(v)} height={h - y(v)} rx="1" className="fill-current opacity-60" />)
        : values.length > 1 && <><path d={`${line}L${String(w)},${String(h)}L0,${String(h)}Z`} className="fill-current opacity-10" /><path d={line} fill="none" className="stroke-current" strokeWidth="1.5" vectorEffect="non-scaling-stroke" /></>}
    </svg>
  );
}

export const Kbd = ({ children }: { children: ReactNode }) => <kbd className="inline-flex h-5 min-w-5 items-center justify-center rounded border bg-raised px-1 font-sans text-[11px] font-medium text-soft">{children}</kbd>;

export function Facts({ items, className }: { items: readonly (readonly [string, ReactNode])[]; className?: string }) {
  return (
    <dl className={clsx("grid grid-cols-[auto_1fr] gap-x-6 gap-y-1.5 text-sm", className)}>
      {items.map(([name, value]) => <div key={name} className="contents"><dt className="text-faint">{name}</dt><dd className="min-w-0 wrap-anywhere text-ink">{value}</dd></div>)}
    </dl>
  );
}

/** An object of the API as readable pairs; anything deeper as JSON. */
export function JsonView({ value, empty = "nothing" }: { value: unknown; empty?: string }) {
  if (isEmpty(value)) return <span className="text-xs text-faint">{empty}</span>;
  const entries = Object.entries(asObject(value));
  if (entries.length === 0) return <code className="font-mono text-xs wrap-anywhere">{plain(value)}</code>;
  return <Facts className="font-mono text-xs!" items={entries.map(([k, v]) => [k, plain(v)] as const)} />;
}

export const Card = ({ children, className }: { children: ReactNode; className?: string }) => <div className={clsx("rounded-lg border p-3", className)}>{children}</div>;
