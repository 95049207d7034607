/** The one place where a state becomes a word, a shape and a colour. Never colour alone. */
import clsx from "clsx";
import {
  Activity, Ban, BellOff, CalendarClock, Check, ChevronDown, ChevronsUp, ChevronUp, CircleCheck, CircleDashed, CircleDot, CircleX, Clock3, Equal, Eye, EyeOff, Flag, Group, Hand,
  Hourglass, LoaderCircle, MessageSquare, Minus, OctagonX, Pause, Play, Plus, RotateCcw, ScanEye, ShieldCheck, ShieldQuestionMark, SkipForward, TriangleAlert, Undo2, Ungroup, UserCheck, UserRound, Wrench, X, Zap, type LucideIcon,
} from "lucide-react";
import { words } from "@/lib/format";

export type Tone = "ok" | "warn" | "bad" | "accent" | "neutral";
type Look = { tone: Tone; icon: LucideIcon; label?: string; moves?: boolean };

const LOOKS = {
  health: {
    healthy: { tone: "ok", icon: CircleCheck }, degraded: { tone: "warn", icon: TriangleAlert }, down: { tone: "bad", icon: OctagonX }, unknown: { tone: "neutral", icon: CircleDashed },
  },
  incident: {
    open: { tone: "bad", icon: CircleDot }, acknowledged: { tone: "accent", icon: UserCheck }, mitigating: { tone: "accent", icon: Wrench, moves: true },
    verifying: { tone: "warn", icon: ScanEye, moves: true }, resolved: { tone: "ok", icon: CircleCheck },
  },
  severity: {
    critical: { tone: "bad", icon: ChevronsUp }, high: { tone: "bad", icon: ChevronUp }, medium: { tone: "warn", icon: Equal }, low: { tone: "neutral", icon: ChevronDown },
  },
  impact: {
    high: { tone: "bad", icon: ChevronUp, label: "High impact" }, medium: { tone: "warn", icon: Equal, label: "Medium impact" }, low: { tone: "neutral", icon: ChevronDown, label: "Low impact" },
  },
  run: {
    pending: { tone: "neutral", icon: Clock3 }, running: { tone: "accent", icon: LoaderCircle, moves: true }, waiting: { tone: "accent", icon: Hourglass, moves: true }, suspended: { tone: "warn", icon: Pause },
    cancelled: { tone: "neutral", icon: Ban }, faulted: { tone: "bad", icon: CircleX }, completed: { tone: "ok", icon: CircleCheck },
  },
  step: {
    running: { tone: "accent", icon: LoaderCircle, moves: true }, retrying: { tone: "warn", icon: RotateCcw, moves: true }, completed: { tone: "ok", icon: Check }, faulted: { tone: "bad", icon: X },
    skipped: { tone: "neutral", icon: SkipForward }, compensated: { tone: "warn", icon: Undo2 }, cancelled: { tone: "neutral", icon: Ban },
  },
  verdict: {
    auto_resolve: { tone: "ok", icon: Zap, label: "Fix it now" }, schedule_maintenance: { tone: "warn", icon: CalendarClock, label: "Plan it" }, escalate_human: { tone: "bad", icon: UserRound, label: "Call a person" },
  },
  disposition: {
    noted: { tone: "neutral", icon: Eye }, proposed: { tone: "accent", icon: Hand, label: "Waits for approval" }, scheduled: { tone: "warn", icon: CalendarClock }, started: { tone: "ok", icon: Play, label: "Run started" },
    escalated: { tone: "bad", icon: UserRound, label: "Person called" }, approved: { tone: "ok", icon: UserCheck }, rejected: { tone: "neutral", icon: Ban }, superseded: { tone: "neutral", icon: SkipForward },
  },
  autonomy: {
    observe: { tone: "neutral", icon: Eye }, propose: { tone: "neutral", icon: MessageSquare }, approve: { tone: "warn", icon: Hand }, auto: { tone: "ok", icon: Zap },
  },
  path: { verified: { tone: "ok", icon: ShieldCheck, label: "Verified path" }, assumed: { tone: "warn", icon: ShieldQuestionMark, label: "Not verified" } },
  priority: { p1: { tone: "bad", icon: Flag, label: "P1" }, p2: { tone: "warn", icon: Flag, label: "P2" }, p3: { tone: "neutral", icon: Flag, label: "P3" }, p4: { tone: "neutral", icon: Flag, label: "P4" } },
  silence: { pending: { tone: "neutral", icon: CalendarClock, label: "Begins later" }, active: { tone: "warn", icon: BellOff, label: "In force" }, over: { tone: "neutral", icon: Check } },
  triage: {
    mute: { tone: "warn", icon: BellOff }, inhibit: { tone: "warn", icon: EyeOff }, group: { tone: "accent", icon: Group }, separate: { tone: "accent", icon: Ungroup }, priority: { tone: "neutral", icon: Flag },
  },
  finding: { firing: { tone: "bad", icon: Activity }, cleared: { tone: "ok", icon: Check } },
  instance: {
    starting: { tone: "accent", icon: LoaderCircle, moves: true }, running: { tone: "ok", icon: CircleCheck }, stopped: { tone: "neutral", icon: Pause }, exited: { tone: "bad", icon: OctagonX },
  },
  approval: {
    pending: { tone: "accent", icon: Hand }, approved: { tone: "ok", icon: UserCheck }, rejected: { tone: "bad", icon: Ban }, expired: { tone: "neutral", icon: Clock3 }, withdrawn: { tone: "neutral", icon: SkipForward },
  },
  schedule: { on: { tone: "ok", icon: CalendarClock }, resting: { tone: "neutral", icon: Pause } },
  connector: {
    reading: { tone: "accent", icon: LoaderCircle, moves: true }, generating: { tone: "accent", icon: LoaderCircle, moves: true }, ready: { tone: "ok", icon: CircleCheck }, failed: { tone: "bad", icon: CircleX },
  },
  diagnostic: { error: { tone: "bad", icon: CircleX }, warning: { tone: "warn", icon: TriangleAlert }, note: { tone: "neutral", icon: MessageSquare } },
  compatibility: {
    breaking: { tone: "bad", icon: OctagonX, label: "Breaks" }, caution: { tone: "warn", icon: TriangleAlert }, addition: { tone: "ok", icon: Plus }, documentation: { tone: "neutral", icon: MessageSquare, label: "Words only" },
  },
  component: { running: { tone: "ok", icon: CircleCheck }, degraded: { tone: "warn", icon: TriangleAlert }, quarantined: { tone: "bad", icon: OctagonX } },
} satisfies Record<string, Record<string, Look>>;

export type StatusKind = keyof typeof LOOKS;

const INK: Record<Tone, string> = { ok: "text-ok", warn: "text-warn", bad: "text-bad", accent: "text-accent", neutral: "text-faint" };
const FILL: Record<Tone, string> = { ok: "bg-ok-soft text-ok", warn: "bg-warn-soft text-warn", bad: "bg-bad-soft text-bad", accent: "bg-accent-soft text-accent", neutral: "bg-raised text-soft" };

export const toneInk = (tone: Tone): string => INK[tone];

export function look(kind: StatusKind, value: string): Look & { label: string } {
  const table = LOOKS[kind] as Record<string, Look>;
  const found = table[value] ?? { tone: "neutral" as const, icon: Minus };
  return { ...found, label: found.label ?? words(value) };
}

/** A badge; `quiet` drops the background, `bare` the shape too, `iconOnly` keeps the word for screen readers. */
export function Status({ kind, value, quiet, bare, iconOnly }: { kind: StatusKind; value: string; quiet?: boolean; bare?: boolean; iconOnly?: boolean }) {
  const { tone, icon: Icon, label, moves } = look(kind, value);
  return (
    <span className={clsx("inline-flex shrink-0 items-center gap-1 text-xs font-medium whitespace-nowrap", quiet || bare || iconOnly ? INK[tone] : ["rounded-full px-2 py-0.5", FILL[tone]])} title={iconOnly ? label : undefined}>
      {!bare && <Icon aria-hidden className={clsx(iconOnly ? "size-4" : "size-3.5", moves && "pulse")} strokeWidth={2.25} />}
      <span className={iconOnly ? "sr-only" : undefined}>{label}</span>
    </span>
  );
}
