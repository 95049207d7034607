/** How parameters become a URL: RFC 6570 and the styles of the OpenAPI specification. */

/** A value that can be part of a URL. `undefined` leaves a parameter out. */
export type ParameterValue = unknown;

/** How an array or object is written in a query. The default is `form`: the name once for each item. */
export type QueryStyle =
  | "form"
  | "csv"
  | "spaceDelimited"
  | "pipeDelimited"
  | "tabDelimited"
  | "deepObject"
  | "json"
  | "reserved";

/** How a value is written in a path. */
export interface PathStyle {
  readonly style: "simple" | "label" | "matrix";
  readonly name: string;
  readonly explode: boolean;
  readonly value: ParameterValue;
}

/**
 * A path whose values are percent-encoded: path`/pets/${petId}`.
 * A value that would lead to another path (empty, `.` or `..`) is refused.
 */
export function path(parts: TemplateStringsArray, ...values: readonly unknown[]): string {
  return parts.reduce((url, part, index) => `${url}${segment(values[index - 1])}${part}`);
}

/** A path parameter of a style other than a plain value. */
export function styled(
  style: PathStyle["style"],
  name: string,
  explode: boolean,
  value: ParameterValue,
): PathStyle {
  return { style, name, explode, value };
}

function segment(value: unknown): string {
  const text = isPathStyle(value) ? styledSegment(value) : plain(value, ",");
  if (text === "" || text === "." || text === "..") {
    throw new TypeError(
      `A path parameter must not be ${text === "" ? "empty" : `"${text}"`}: it would be another path.`,
    );
  }
  return text;
}

function isPathStyle(value: unknown): value is PathStyle {
  return typeof value === "object" && value !== null && "style" in value && "explode" in value;
}

function styledSegment({ style, name, explode, value }: PathStyle): string {
  if (style === "simple") return plain(value, explode ? "=" : ",");
  const prefix = style === "label" ? "." : ";";
  const named = (text: string): string =>
    style === "label" ? text : `${name}${text === "" ? "" : `=${text}`}`;
  if (!explode || typeof value !== "object" || value === null) {
    return `${prefix}${named(plain(value, ","))}`;
  }
  const parts = Array.isArray(value)
    ? value.map((item) => named(encode(item)))
    : entries(value).map(([key, item]) => `${encode(key)}=${encode(item)}`);
  return parts.map((part) => `${prefix}${part}`).join("");
}

/** A value without a name: items by comma; `pair` stands between the name and the value of a property. */
function plain(value: unknown, pair: "," | "="): string {
  if (Array.isArray(value)) return value.map(encode).join(",");
  if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    return entries(value)
      .map(([key, item]) => `${encode(key)}${pair}${encode(item)}`)
      .join(",");
  }
  return encode(value);
}

/** The query of a URL with its `?`, or nothing. */
export function queryString(
  parameters: object,
  styles: Readonly<Record<string, QueryStyle>> = {},
): string {
  const parts = entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : queryParts(name, value, styles[name] ?? "form"),
  );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

function queryParts(name: string, value: unknown, style: QueryStyle): string[] {
  const key = encode(name);
  if (style === "json") return [`${key}=${encodeURIComponent(JSON.stringify(value))}`];
  if (style === "reserved") return [`${key}=${plain(value, ",").replace(RESERVED, unescaped)}`];
  if (typeof value !== "object" || value === null || value instanceof Date) {
    return [`${key}=${encode(value)}`];
  }
  if (style === "deepObject") return deepParts(name, value);
  if (style !== "form") return [`${key}=${joined(value, SEPARATORS[style])}`];
  if (Array.isArray(value)) return value.map((item) => `${key}=${encode(item)}`);
  return entries(value).flatMap(([inner, item]) =>
    item === undefined ? [] : queryParts(inner, item, "form"),
  );
}

const SEPARATORS = {
  csv: ",",
  spaceDelimited: "%20",
  pipeDelimited: "|",
  tabDelimited: "%09",
} as const;

function joined(value: object, separator: string): string {
  const items = Array.isArray(value) ? value : entries(value).flat();
  return items.map(encode).join(separator);
}

/** `filter[a][b]=1`, and `filter[a][]=1` for the items of an array. */
function deepParts(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((item) => deepParts(`${name}[]`, item));
  if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    return entries(value).flatMap(([key, item]) => deepParts(`${name}[${key}]`, item));
  }
  return [`${encode(name)}=${encode(value)}`];
}

/** The value of a header or cookie: items by comma, an object as JSON where it has no other form. */
export function headerValue(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join(",");
  return text(value);
}

/** One value as text: dates by RFC 3339, objects as JSON. */
export function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "object") return JSON.stringify(value);
  return String(value as string | number | boolean | bigint);
}

/** A date without its time, in UTC. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** Percent-encodes everything but the unreserved characters of RFC 3986. */
export function encode(value: unknown): string {
  return encodeURIComponent(text(value)).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const RESERVED = /%(?:3A|2F|3F|23|5B|5D|40|21|24|26|27|28|29|2A|2B|2C|3B|3D)/g;

function unescaped(code: string): string {
  return decodeURIComponent(code);
}

function entries(value: object): [string, unknown][] {
  return Object.entries(value) as [string, unknown][];
}

/** A base URL and a path, with exactly one slash between them. */
export function join(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`;
}
