/** The services of one cause as a map: thick arrows lead from the cause to where it shows, thin lines are calls beside the way. */
import { useNavigate } from "@tanstack/react-router";
import clsx from "clsx";
import { Activity, CircleCheck, CircleDashed, Crosshair, type LucideIcon } from "lucide-react";
import type { CausalLink, CausalNode } from "@/lib/causal";
import { percent } from "@/lib/format";
import { mapLine, type MapSize, type Point } from "@/lib/map-layout";
import { useNarrow } from "@/lib/narrow";

const NAME_MAX = 19;
type Size = Pick<MapSize, "box" | "way"> & { /** Between columns, and between rows. */ reach: number; gap: number };
const WIDE: Size = { box: { width: 172, height: 62 }, way: "LR", reach: 92, gap: 18 };
const TALL: Size = { box: { width: 152, height: 62 }, way: "TB", reach: 48, gap: 16 };
const MARGIN = 6;

/** Columns go along the way: to the right, or down. */
function place(nodes: readonly CausalNode[], { box, way, reach, gap }: Size) {
  const wide = way === "LR";
  const spot = (n: CausalNode): Point => ({
    x: MARGIN + box.width / 2 + (wide ? n.column * (box.width + reach) : n.row * (box.width + gap)),
    y: MARGIN + box.height / 2 + (wide ? n.row * (box.height + gap) : n.column * (box.height + reach)),
  });
  const at = new Map(nodes.map((n) => [n.name, spot(n)]));
  const far = (side: "x" | "y") => Math.max(...[...at.values()].map((p) => p[side]));
  return { at, width: far("x") + box.width / 2 + MARGIN, height: far("y") + box.height / 2 + MARGIN };
}

export default function CausalMap({ nodes, links }: { nodes: readonly CausalNode[]; links: readonly CausalLink[] }) {
  const size = useNarrow() ? TALL : WIDE;
  const { width, height, at } = place(nodes, size);
  return (
    // A box that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label="Map of the path" tabIndex={0} className="overflow-x-auto rounded-lg">
      <svg viewBox={`0 0 ${String(width)} ${String(height)}`} width={width} height={height} role="group" aria-label="From cause to symptom" className="mx-auto block h-auto max-w-full" style={{ minWidth: width * 0.8 }}>
        {links.filter((l) => l.kind === "call").map((l) => <Call key={`${l.from}>${l.to}`} from={at.get(l.from)} to={at.get(l.to)} size={size} says={`${l.to} calls ${l.from}`} />)}
        {links.filter((l) => l.kind === "way").map((l) => <Way key={`${l.from}>${l.to}`} link={l} from={at.get(l.from)} to={at.get(l.to)} size={size} />)}
        {nodes.map((n) => <Box key={n.name} node={n} at={at.get(n.name)} box={size.box} />)}
      </svg>
    </div>
  );
}

type Ends = { from: Point | undefined; to: Point | undefined; size: Size };

function Call({ from, to, size, says }: Ends & { says: string }) {
  if (!from || !to) return null;
  return <path d={mapLine(from, to, size).path} fill="none" className="stroke-line-strong opacity-60" strokeWidth={1.25}><title>{says}</title></path>;
}

function Way({ link: l, from, to, size }: Ends & { link: Extract<CausalLink, { kind: "way" }> }) {
  if (!from || !to) return null;
  const { path, head, middle } = mapLine(from, to, size);
  const beside = size.way === "TB";
  return (
    <g className={l.doubt ? "text-warn" : "text-bad"}>
      <path d={path} fill="none" className="stroke-current" strokeWidth={3} strokeDasharray={l.doubt ? "3 6" : undefined} strokeLinecap="round" />
      <path d={head} className="fill-current" transform={`translate(${beside ? "0,1" : "1,0"})`} />
      <text x={middle.x + (beside ? 10 : -2)} y={middle.y + (beside ? 4 : -9)} textAnchor={beside ? "start" : "middle"} className="num fill-ink stroke-panel text-[12px] font-medium [paint-order:stroke]" strokeWidth={4}>{l.doubt ? "not shown" : l.timing}</text>
    </g>
  );
}

type Look = { icon: LucideIcon; box: string; ink: string; line: string };

function lookOf({ stop, affected }: CausalNode): Look {
  if (stop?.doubt) return { icon: CircleDashed, box: "fill-panel stroke-warn", ink: "text-warn", line: stop.doubt };
  if (stop?.role === "cause") return { icon: Crosshair, box: "fill-bad-soft stroke-bad", ink: "text-bad", line: "cause" };
  if (stop) return { icon: Activity, box: "fill-panel stroke-bad", ink: "text-bad", line: stop.role === "symptom" ? "it shows here" : "on the way" };
  return affected ? { icon: Activity, box: "fill-panel stroke-line-strong", ink: "text-warn", line: "in this incident too" } : { icon: CircleCheck, box: "fill-panel stroke-line", ink: "text-faint", line: "no finding" };
}

function Box({ node: n, at, box: { width, height } }: { node: CausalNode; at: Point | undefined; box: Size["box"] }) {
  const navigate = useNavigate();
  if (!at) return null;
  const { icon: Icon, box, ink, line } = lookOf(n);
  const covers = n.stop?.covers == null ? null : `covers ${percent(n.stop.covers)}`;
  const open = () => void navigate({ to: "/systems/$name", params: { name: n.name }, search: {} });
  const said = [n.name, line, n.stop && !n.stop.doubt ? n.stop.timing : null, covers].filter(Boolean).join(", ");
  return (
    <g role="link" tabIndex={0} aria-label={said} onClick={open} onKeyDown={(e) => { if (e.key === "Enter") open(); }} transform={`translate(${String(at.x - width / 2)},${String(at.y - height / 2)})`} className="group cursor-pointer outline-none">
      <title>{said}</title>
      <rect width={width} height={height} rx="10" className={clsx(box, "group-focus-visible:stroke-accent group-hover:brightness-110")} strokeWidth={n.stop ? 2 : 1.25} strokeDasharray={n.stop?.doubt ? "5 4" : undefined} />
      <Icon x={12} y={13} width={16} height={16} className={ink} />
      <text x={35} y={26} className="fill-ink text-[13px] font-semibold">{n.name.length > NAME_MAX ? `${n.name.slice(0, NAME_MAX - 1)}…` : n.name}</text>
      <text x={13} y={49} className={clsx("text-[11px]", n.stop?.role === "cause" && !n.stop.doubt ? "fill-bad font-semibold" : n.stop?.doubt ? "fill-warn" : "fill-soft")}>{line}</text>
      {covers && <text x={width - 12} y={49} textAnchor="end" className="num fill-soft text-[11px]">{covers}</text>}
    </g>
  );
}
