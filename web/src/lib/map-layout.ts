/** Where the boxes of a map of services go. Depends on names and lines alone, so that nothing jumps while numbers change. */
import dagre from "@dagrejs/dagre";

export type Point = { x: number; y: number };
export type MapSize = { box: { width: number; height: number }; /** Left to right, or top to bottom. */ way: "LR" | "TB"; /** Between boxes side by side. */ gap: number; /** Between a box and what follows it: room for what is written on the line. */ reach: number; margin: number };

export function placeMap(names: readonly string[], lines: readonly (readonly [from: string, to: string])[], size: MapSize) {
  const g = new dagre.graphlib.Graph().setGraph({ rankdir: size.way, nodesep: size.gap, ranksep: size.reach, marginx: size.margin, marginy: size.margin }).setDefaultEdgeLabel(() => ({}));
  for (const n of names) g.setNode(n, { ...size.box });
  for (const [a, b] of lines) if (names.includes(a) && names.includes(b)) g.setEdge(a, b);
  dagre.layout(g);
  const { width = 600, height = 400 } = g.graph();
  return { width, height, at: new Map(names.map((n) => [n, g.node(n) as Point])) };
}

const HEAD = 9;

/** A line from the edge of one box to that of another, the head of its arrow, and its middle, where words go. */
export function mapLine(from: Point, to: Point, { box, way }: Pick<MapSize, "box" | "way">): { path: string; head: string; middle: Point } {
  const at = (p: Point) => `${String(p.x)},${String(p.y)}`;
  const side = way === "LR" ? "x" : "y";
  const half = (way === "LR" ? box.width : box.height) / 2;
  const ahead = to[side] >= from[side] ? 1 : -1;
  const start = { ...from, [side]: from[side] + ahead * half };
  const end = { ...to, [side]: to[side] - ahead * (half + HEAD - 2) };
  const middle = { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 };
  const [bend1, bend2] = way === "LR" ? [{ x: middle.x, y: start.y }, { x: middle.x, y: end.y }] : [{ x: start.x, y: middle.y }, { x: end.x, y: middle.y }];
  const tip = at({ ...to, [side]: to[side] - ahead * half });
  const back = String(-ahead * HEAD);
  return { path: `M${at(start)} C${at(bend1)} ${at(bend2)} ${at(end)}`, head: way === "LR" ? `M${tip} l${back},-4.5 v9 z` : `M${tip} l-4.5,${back} h9 z`, middle };
}
