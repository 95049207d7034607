/** What a finding carries besides its sentence: who says it, where to look at it there, why it opens no incident. */
import { BellOff, ExternalLink } from "lucide-react";
import type { Finding } from "@/api/types";
import { tie } from "@/lib/format";
import { withClock } from "@/lib/time";
import { webAddress } from "@/lib/web-address";

/** A link to another system: it opens beside this page and is told nothing of it. */
export function Outward({ url, children }: { url: string | null | undefined; children: React.ReactNode }) {
  const href = webAddress(url);
  if (!href) return <>{children}</>;
  return <a href={href} target="_blank" rel="noreferrer noopener" className="inline-flex items-center gap-1 font-medium text-accent hover:underline">{children}<ExternalLink aria-hidden className="size-3" /><span className="sr-only">(opens another system)</span></a>;
}

/** Of what kind of thing a finding speaks, when its words alone do not say it. */
export function FindingSubject({ subject: s }: { subject: Finding["subject"] }) {
  if (s.type === "alert") return <span>alert <Outward url={s.url}>{s.name}</Outward> of {s.source}</span>;
  if (s.type === "objective") return <span>objective {s.name}</span>;
  return null;
}

export function Quieted({ reason }: { reason: string | null | undefined }) {
  if (!reason) return null;
  return <p className="mt-0.5 flex items-start gap-1.5 text-xs text-warn"><BellOff aria-hidden className="mt-0.5 size-3.5 shrink-0" /><span className="wrap-anywhere">Opens no incident: {tie(withClock(reason))}</span></p>;
}
