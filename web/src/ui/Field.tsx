/** Form fields with their labels. */
import clsx from "clsx";
import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from "react";

export const inputClass = "h-8 min-w-0 rounded-md border border-line-strong/60 bg-panel px-2.5 text-sm text-ink placeholder:text-faint";

export function TextField({ label, hint, className, ...rest }: { label: string; hint?: string } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className={clsx("flex flex-col gap-1", className)}>
      <label htmlFor={id} className="text-xs font-medium text-soft">{label}</label>
      <input id={id} aria-describedby={hint ? `${id}h` : undefined} {...rest} className={inputClass} />
      {hint && <span id={`${id}h`} className="text-xs text-faint">{hint}</span>}
    </div>
  );
}

export function TextArea({ label, className, ...rest }: { label: string } & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-xs font-medium text-soft">{label}</label>
      <textarea id={id} rows={3} {...rest} className={clsx(inputClass, "h-auto py-2", className)} />
    </div>
  );
}

type SelectProps = { label: string; hideLabel?: boolean; options: readonly (readonly [value: string, label: string])[] } & Omit<SelectHTMLAttributes<HTMLSelectElement>, "children">;

export function Select({ label, hideLabel, options, className, ...rest }: SelectProps) {
  const id = useId();
  return (
    <div className={clsx(hideLabel ? "inline-flex" : "flex flex-col gap-1", className)}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "text-xs font-medium text-soft"}>{label}</label>
      <select id={id} {...rest} className={clsx(inputClass, "pr-7")}>
        {options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
      </select>
    </div>
  );
}

/** One of a few, side by side. */
export function Segmented<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: readonly (readonly [value: T, label: ReactNode])[]; onChange: (value: T) => void }) {
  const name = useId();
  return (
    <fieldset className="inline-flex max-w-full min-w-0 overflow-x-auto rounded-md border bg-raised p-0.5">
      <legend className="sr-only">{label}</legend>
      {options.map(([option, text]) => (
        <label key={option} className="relative">
          <input type="radio" name={name} value={option} checked={value === option} onChange={() => { onChange(option); }} className="peer absolute inset-0 opacity-0" />
          <span className="flex h-6.5 items-center rounded-[5px] px-2.5 text-xs font-medium whitespace-nowrap text-soft peer-checked:bg-panel peer-checked:text-ink peer-checked:shadow-(--shadow) peer-focus-visible:outline-2 peer-focus-visible:outline-accent">{text}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Switch({ label, checked, onChange }: { label: string; checked: boolean; onChange: (on: boolean) => void }) {
  return (
    <button type="button" role="switch" aria-checked={checked} onClick={() => { onChange(!checked); }} className="inline-flex h-8 items-center gap-2 text-sm text-soft">
      <span className={clsx("relative h-4.5 w-8 rounded-full transition-colors", checked ? "bg-accent-solid" : "bg-line-strong")}>
        <span className={clsx("absolute top-0.5 size-3.5 rounded-full bg-panel transition-[left]", checked ? "left-4" : "left-0.5")} />
      </span>
      {label}
    </button>
  );
}
