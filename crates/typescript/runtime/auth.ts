/** Who asks: credentials of any kind, put where the API wants them. */

import { encode } from "./url.js";

/** A secret, or how to get it; it is asked for before each request, so it may change. */
export type Credential = string | (() => string | Promise<string>);

/** Something that gets tokens and renews them, as the functions of `oauth.ts` make. */
export interface TokenSource {
  /** A token that is valid now; another one than `refused`, if the service has just refused that. */
  token(refused?: string): Promise<string>;
}

/** What a request is sent with. */
export interface Proof {
  readonly headers: Headers;
  readonly query: Record<string, unknown>;
}

/** Puts credentials into a request. */
export interface Authenticator {
  prove(proof: Proof): Promise<void>;
  /** Forgets what was refused. Whether trying again can help. */
  refused?(): boolean;
}

/** Ways to prove who asks, by the names that the API gives them; `undefined` where nothing is configured. */
export type Authenticators = Readonly<Record<string, Authenticator | undefined>>;

/** An API key. */
export function apiKey(
  place: "header" | "query" | "cookie",
  name: string,
  credential: Credential | undefined,
): Authenticator | undefined {
  if (credential === undefined) return undefined;
  return {
    async prove({ headers, query }) {
      const key = await read(credential);
      if (place === "header") headers.set(name, key);
      else if (place === "query") query[name] = key;
      else addCookie(headers, name, key);
    },
  };
}

/** `Authorization: Bearer …`, for bearer tokens, OAuth 2 and OpenID Connect. */
export function bearer(
  credential: Credential | TokenSource | undefined,
  scheme = "Bearer",
): Authenticator | undefined {
  if (credential === undefined) return undefined;
  if (typeof credential !== "object") {
    return {
      async prove({ headers }) {
        headers.set("authorization", `${scheme} ${await read(credential)}`);
      },
    };
  }
  let used: string | undefined;
  let refused: string | undefined;
  return {
    async prove({ headers }) {
      used = await credential.token(refused);
      headers.set("authorization", `${scheme} ${used}`);
    },
    refused() {
      refused = used;
      return true;
    },
  };
}

/** `Authorization: Basic …` (RFC 7617, in UTF-8). */
export function basic(
  username: Credential | undefined,
  password: Credential | undefined,
): Authenticator | undefined {
  if (username === undefined) return undefined;
  return {
    async prove({ headers }) {
      const pair = `${await read(username)}:${password === undefined ? "" : await read(password)}`;
      headers.set("authorization", `Basic ${base64(new TextEncoder().encode(pair))}`);
    },
  };
}

/** Adds a cookie to those that are there. */
export function addCookie(headers: Headers, name: string, value: string): void {
  const before = headers.get("cookie");
  const pair = `${name}=${encode(value)}`;
  headers.set("cookie", before === null ? pair : `${before}; ${pair}`);
}

/** The first alternative whose credentials are all there; none of them when nothing fits. */
export function choose(
  authenticators: Authenticators,
  alternatives: readonly (readonly string[])[],
): Authenticator[] {
  for (const names of alternatives) {
    const found = names.flatMap((name) => authenticators[name] ?? []);
    if (names.length > 0 && found.length === names.length) return found;
  }
  return [];
}

/** A variable of the environment, where there is an environment. */
export function environment(name: string): string | undefined {
  const { process } = globalThis as {
    process?: { env?: Readonly<Record<string, string | undefined>> };
  };
  const value = process?.env?.[name];
  return value === "" ? undefined : value;
}

/** Base64 (RFC 4648, section 4). */
export function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function read(credential: Credential): string | Promise<string> {
  return typeof credential === "string" ? credential : credential();
}
