/** Proves that a call came from the service: HMAC signatures in the forms that are in use. */

import { base64 } from "./auth.js";

/** A call was not signed as it should be. Answer it with 400 and do nothing else. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
}

/** What was received and what is known. */
export interface SignedCall {
  /** The body exactly as it came; parsing and printing it again would break the signature. */
  readonly payload: string;
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The shared secret; `whsec_…` is decoded as Standard Webhooks wants it. */
  readonly secret: string;
  /** How old a call may be, in seconds. Default 300. */
  readonly toleranceS?: number;
}

/** Checks a call signed by the Standard Webhooks specification: `webhook-id`, `-timestamp`, `-signature`. */
export async function verifyStandardWebhook(call: SignedCall): Promise<void> {
  const id = header(call, "webhook-id") ?? header(call, "svix-id");
  const timestamp = header(call, "webhook-timestamp") ?? header(call, "svix-timestamp");
  const given = header(call, "webhook-signature") ?? header(call, "svix-signature");
  if (id === undefined || timestamp === undefined || given === undefined) {
    throw new SignatureError("The headers of a signed webhook are missing.");
  }
  checkAge(timestamp, call.toleranceS);
  const key = call.secret.startsWith("whsec_") ? decoded(call.secret.slice(6)) : utf8(call.secret);
  const expected = base64(await hmac("SHA-256", key, `${id}.${timestamp}.${call.payload}`));
  const matches = given.split(" ").map((each) => isSame(each.replace(/^v1,/, ""), expected));
  if (!matches.includes(true)) throw new SignatureError("The signature is not right.");
}

/** Checks a call with an HMAC of its body in a header, with or without a time. */
export async function verifyHmac(
  call: SignedCall & {
    /** The header with the signature: `X-Hub-Signature-256`, `Stripe-Signature`, … */
    readonly header: string;
    readonly algorithm?: "SHA-1" | "SHA-256" | "SHA-512";
    readonly encoding?: "hex" | "base64";
  },
): Promise<void> {
  const given = header(call, call.header);
  if (given === undefined) throw new SignatureError(`The header ${call.header} is missing.`);
  // Three forms: `<signature>`, `sha256=<signature>`, and `t=<time>,v1=<signature>` with the time signed too.
  const fields = given.split(",").map((part) => part.trim().split(/=(.*)/s));
  const time = fields.find(([name]) => name === "t")?.[1];
  if (time !== undefined) checkAge(time, call.toleranceS);
  const signed = time === undefined ? call.payload : `${time}.${call.payload}`;
  const bytes = await hmac(call.algorithm ?? "SHA-256", utf8(call.secret), signed);
  const expected = call.encoding === "base64" ? base64(bytes) : hex(bytes);
  const candidates =
    time === undefined
      ? [given, given.replace(/^sha\d+=/, "")]
      : fields.flatMap(([name, value]) => (name?.startsWith("v") && value ? [value] : []));
  const matches = candidates.map((each) => isSame(each, expected));
  if (!matches.includes(true)) throw new SignatureError("The signature is not right.");
}

function header({ headers }: SignedCall, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name.toLowerCase());
  const value = found?.[1];
  return typeof value === "string" ? value : value?.[0];
}

function checkAge(timestamp: string, toleranceS = 300): void {
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!(age <= toleranceS)) throw new SignatureError("The call is too old, or its time is wrong.");
}

async function hmac(hash: string, key: BufferSource, message: string): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, utf8(message)));
}

/** Compares in a time that does not tell where two texts differ. */
function isSame(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let index = 0; index < right.length; index++) {
    difference |= left.charCodeAt(index) ^ right.charCodeAt(index);
  }
  return difference === 0;
}

function utf8(text: string): BufferSource {
  return new TextEncoder().encode(text);
}

function decoded(text: string): BufferSource {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
