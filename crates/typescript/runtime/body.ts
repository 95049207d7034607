/** What a request carries: one function for each kind of body. */

import { headerValue, queryString, type QueryStyle, text } from "./url.js";

/** A body that is ready to be sent, as often as needed. */
export interface Body {
  /** `undefined` where `fetch` has to write the header, because only it knows the boundary. */
  readonly contentType: string | undefined;
  readonly content: string | Blob | FormData | ReadableStream<Uint8Array>;
  /** Whether the same content can be sent a second time; a stream cannot. */
  readonly repeatable: boolean;
}

/** Anything that can be uploaded. A `File` carries its own name and type. */
export type Upload = Blob | BufferSource | ReadableStream<Uint8Array>;

/** JSON. */
export function json(value: unknown, contentType = "application/json"): Body | undefined {
  if (value === undefined) return undefined;
  return { contentType, content: JSON.stringify(value), repeatable: true };
}

/** Text as it is: plain text, XML, CSV. */
export function textBody(value: unknown, contentType = "text/plain"): Body | undefined {
  if (value === undefined) return undefined;
  return { contentType, content: text(value), repeatable: true };
}

/** Bytes as they are. A stream is sent as it is read, so it cannot be retried. */
export function binary(
  value: Upload | string | undefined,
  contentType = "application/octet-stream",
): Body | undefined {
  if (value === undefined) return undefined;
  if (value instanceof ReadableStream) return { contentType, content: value, repeatable: false };
  const given = value instanceof Blob && value.type !== "" ? value.type : contentType;
  const content = value instanceof Blob ? value : new Blob([value], { type: given });
  return { contentType: given, content, repeatable: true };
}

/** `application/x-www-form-urlencoded`. */
export function form(
  value: object | undefined,
  styles: Readonly<Record<string, QueryStyle>> = {},
): Body | undefined {
  if (value === undefined) return undefined;
  const content = queryString(value, styles).slice(1).replaceAll("%20", "+");
  return { contentType: "application/x-www-form-urlencoded", content, repeatable: true };
}

/** `multipart/form-data`: files as they are, arrays as several parts of one name, objects as JSON. */
export function multipart(
  value: object | undefined,
  contentTypes: Readonly<Record<string, string>> = {},
): Body | undefined {
  if (value === undefined) return undefined;
  const data = new FormData();
  for (const [name, item] of Object.entries(value) as [string, unknown][]) {
    for (const single of Array.isArray(item) ? (item as unknown[]) : [item]) {
      if (single !== undefined) append(data, name, single, contentTypes[name]);
    }
  }
  return { contentType: undefined, content: data, repeatable: true };
}

function append(data: FormData, name: string, value: unknown, contentType?: string): void {
  if (value instanceof Blob) {
    data.append(name, value, value instanceof File ? value.name : name);
  } else if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const type = contentType ?? "application/octet-stream";
    data.append(name, new Blob([value as BlobPart], { type }), name);
  } else if (contentType !== undefined && contentType !== "text/plain") {
    data.append(name, new Blob([asText(value)], { type: contentType }));
  } else {
    data.append(name, asText(value));
  }
}

function asText(value: unknown): string {
  return typeof value === "object" && !(value instanceof Date)
    ? JSON.stringify(value)
    : headerValue(value);
}
