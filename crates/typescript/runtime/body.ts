/** What a request carries: one function for each kind of body. */

import { headerValue, queryString, type QueryStyle, text } from "./url.js";

/** What is sent, and how it is written. Both are apart until it is sent, so that it can be checked, and changed for another page. */
export interface Body {
  readonly value: unknown;
  readonly write: (value: unknown) => Content;
}

/** A body as it goes over the wire. */
export interface Content {
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
  return body(value, (each) => ({
    contentType,
    content: JSON.stringify(each),
    repeatable: true,
  }));
}

/** Text as it is: plain text, XML, CSV. */
export function textBody(value: unknown, contentType = "text/plain"): Body | undefined {
  return body(value, (each) => ({ contentType, content: text(each), repeatable: true }));
}

/** Bytes as they are. A stream is sent as it is read, so it cannot be retried. */
export function binary(
  value: Upload | string | undefined,
  contentType = "application/octet-stream",
): Body | undefined {
  return body(value, (each) => {
    if (each instanceof ReadableStream) return { contentType, content: each, repeatable: false };
    const given = each instanceof Blob && each.type !== "" ? each.type : contentType;
    const content = each instanceof Blob ? each : new Blob([each as BlobPart], { type: given });
    return { contentType: given, content, repeatable: true };
  });
}

/** `application/x-www-form-urlencoded`. */
export function form(
  value: object | undefined,
  styles: Readonly<Record<string, QueryStyle>> = {},
): Body | undefined {
  return body(value, (each) => ({
    contentType: "application/x-www-form-urlencoded",
    content: queryString(each as object, styles)
      .slice(1)
      .replaceAll("%20", "+"),
    repeatable: true,
  }));
}

/** `multipart/form-data`: files as they are, arrays as several parts of one name, objects as JSON. */
export function multipart(
  value: object | undefined,
  contentTypes: Readonly<Record<string, string>> = {},
): Body | undefined {
  return body(value, (each) => {
    const content = new FormData();
    for (const [name, item] of Object.entries(each as object) as [string, unknown][]) {
      for (const single of Array.isArray(item) ? (item as unknown[]) : [item]) {
        if (single !== undefined) append(content, name, single, contentTypes[name]);
      }
    }
    return { contentType: undefined, content, repeatable: true };
  });
}

function body(value: unknown, write: (value: unknown) => Content): Body | undefined {
  return value === undefined ? undefined : { value, write };
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
