/**
 * OAuth 2: tokens for machines (client credentials) and for people (authorization code with PKCE, refresh).
 * Tokens are kept until shortly before they expire; however many requests wait, one asks for a new one.
 */

import { base64, type TokenSource } from "./auth.js";

/** What a token endpoint answers (RFC 6749, section 5.1). */
export interface Tokens {
  readonly access_token: string;
  readonly token_type?: string;
  readonly expires_in?: number;
  readonly refresh_token?: string;
  readonly scope?: string;
  readonly id_token?: string;
}

/** Who asks, and whom. */
export interface OAuthClient {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  /** Where the secret is sent: in the header `Authorization` (the default) or in the body. */
  readonly secretIn?: "header" | "body" | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** More that the service wants to know, for example `{ audience: "…" }`. */
  readonly extra?: Readonly<Record<string, string>> | undefined;
  readonly fetch?: typeof fetch | undefined;
}

/** No token was given. */
export class OAuthError extends Error {
  override readonly name = "OAuthError";
  /** The code of RFC 6749, section 5.2: `invalid_grant`, `invalid_client`, … */
  readonly code: string;
  readonly status: number;

  constructor(code: string, description: string | undefined, status: number) {
    super(`No token: ${code}${description === undefined ? "" : `: ${description}`}`);
    this.code = code;
    this.status = status;
  }
}

/** Tokens for the application itself (RFC 6749, section 4.4). */
export function clientCredentials(client: OAuthClient): TokenSource {
  return kept(() => requestTokens(client, { grant_type: "client_credentials" }));
}

/** What was kept of an earlier login. */
export interface RefreshOptions extends OAuthClient {
  readonly refreshToken: string;
  readonly accessToken?: string | undefined;
  /** Called with each new set of tokens: store the refresh token, many services give it only once. */
  readonly onTokens?: ((tokens: Tokens) => void | Promise<void>) | undefined;
}

/** Tokens for a person who has agreed before (RFC 6749, section 6). */
export function refreshing(options: RefreshOptions): TokenSource {
  let { refreshToken } = options;
  const renew = async (): Promise<Tokens> => {
    const parameters = { grant_type: "refresh_token", refresh_token: refreshToken };
    const tokens = await requestTokens(options, parameters);
    refreshToken = tokens.refresh_token ?? refreshToken;
    await options.onTokens?.(tokens);
    return tokens;
  };
  return kept(renew, options.accessToken);
}

/** A secret of one login and its hash (PKCE, RFC 7636). Keep the verifier until the person comes back. */
export async function pkce(): Promise<{ readonly verifier: string; readonly challenge: string }> {
  const verifier = base64Url(crypto.getRandomValues(new Uint8Array(32)));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return { verifier, challenge: base64Url(new Uint8Array(digest)) };
}

/** Where to send a person to agree (RFC 6749, section 4.1.1). */
export function authorizationUrl(options: {
  readonly authorizationUrl: string;
  readonly clientId: string;
  readonly redirectUri: string;
  /** A random text that must come back, so that nobody else can start a login for this person. */
  readonly state: string;
  readonly challenge?: string;
  readonly scopes?: readonly string[];
  readonly extra?: Readonly<Record<string, string>>;
}): string {
  const url = new URL(options.authorizationUrl);
  const set = (name: string, value: string): void => url.searchParams.set(name, value);
  set("response_type", "code");
  set("client_id", options.clientId);
  set("redirect_uri", options.redirectUri);
  set("state", options.state);
  if (options.scopes !== undefined) set("scope", options.scopes.join(" "));
  if (options.challenge !== undefined) {
    set("code_challenge", options.challenge);
    set("code_challenge_method", "S256");
  }
  for (const [name, value] of Object.entries(options.extra ?? {})) set(name, value);
  return url.href;
}

/** Tokens for the code that the person came back with (RFC 6749, section 4.1.3). */
export function exchangeCode(
  client: OAuthClient,
  login: { readonly code: string; readonly redirectUri: string; readonly verifier?: string },
): Promise<Tokens> {
  return requestTokens(client, {
    grant_type: "authorization_code",
    code: login.code,
    redirect_uri: login.redirectUri,
    ...(login.verifier === undefined ? {} : { code_verifier: login.verifier }),
  });
}

async function requestTokens(
  client: OAuthClient,
  parameters: Readonly<Record<string, string>>,
): Promise<Tokens> {
  const body = new URLSearchParams({ ...parameters, ...client.extra });
  if (client.scopes !== undefined && parameters["grant_type"] !== "authorization_code") {
    body.set("scope", client.scopes.join(" "));
  }
  const headers = new Headers({ accept: "application/json" });
  if (client.clientSecret === undefined || client.secretIn === "body") {
    body.set("client_id", client.clientId);
    if (client.clientSecret !== undefined) body.set("client_secret", client.clientSecret);
  } else {
    const pair = [client.clientId, client.clientSecret].map(encodeURIComponent).join(":");
    headers.set("authorization", `Basic ${base64(new TextEncoder().encode(pair))}`);
  }
  const send = client.fetch ?? fetch;
  const response = await send(client.tokenUrl, { method: "POST", headers, body });
  const answer = (await response.json().catch(() => ({}))) as Partial<Tokens> & {
    readonly error?: string;
    readonly error_description?: string;
  };
  const { access_token } = answer;
  if (!response.ok || access_token === undefined) {
    const code = answer.error ?? `status ${response.status}`;
    throw new OAuthError(code, answer.error_description, response.status);
  }
  return { ...answer, access_token };
}

/** Seconds before the end of a token at which a new one is asked for. */
const EARLY_S = 60;

function kept(request: () => Promise<Tokens>, initial?: string): TokenSource {
  let current = initial;
  let expiresAt = Number.POSITIVE_INFINITY;
  let pending: Promise<string> | undefined;
  const renew = async (): Promise<string> => {
    const tokens = await request();
    current = tokens.access_token;
    const lifetime = tokens.expires_in ?? Number.POSITIVE_INFINITY;
    expiresAt = Date.now() + Math.max(lifetime - EARLY_S, lifetime / 2) * 1000;
    return current;
  };
  return {
    token(refused) {
      if (current !== undefined && current !== refused && Date.now() < expiresAt) {
        return Promise.resolve(current);
      }
      pending ??= renew().finally(() => {
        pending = undefined;
      });
      return pending;
    },
  };
}

function base64Url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
