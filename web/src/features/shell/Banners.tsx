/** What must not be missed, above every screen. */
import { Link } from "@tanstack/react-router";
import { FlaskConical, OctagonPause, WifiOff } from "lucide-react";
import { useStreamState } from "@/api/stream";
import type { Overview } from "@/api/types";
import { Time } from "@/ui/Time";

export function Banners({ overview }: { overview: Overview | undefined }) {
  const lost = useStreamState() === "lost";
  const stop = overview?.stop_switch;
  return (
    <>
      {lost && (
        <div role="alert" className="flex items-center gap-2 bg-bad-soft px-4 py-1.5 text-sm text-bad sm:px-6"><WifiOff aria-hidden className="size-4 shrink-0" />The connection to the server is lost. What you see may be old; this page reconnects by itself.</div>
      )}
      {stop?.engaged && (
        <div role="status" className="flex flex-wrap items-center gap-x-2 bg-bad-soft px-4 py-1.5 text-sm text-bad sm:px-6">
          <OctagonPause aria-hidden className="size-4 shrink-0" /><strong>The stop switch is engaged.</strong> Homeostat watches and explains, but acts on nothing.
          {stop.reason && <span>“{stop.reason}”</span>}{stop.by && <span>– {stop.by}{stop.at && <>, <Time at={stop.at} /></>}</span>}
          <Link to="/settings" search={{ section: "stop-switch" }} className="font-medium underline">Release it</Link>
        </div>
      )}
      {overview?.simulated && (
        <p className="flex items-center gap-2 border-b bg-warn-soft px-4 py-1 text-xs text-warn sm:px-6"><FlaskConical aria-hidden className="size-3.5 shrink-0" /><span><strong>Demo:</strong> real processes, simulated shop</span></p>
      )}
    </>
  );
}
