/** What a screen asks for, as a command that does the same. */
import type { ConnectorOptions } from "@/api/types";
import { sourceName, type Source } from "./connector-source";

/** A word of a command line, quoted where a shell would read it otherwise. */
const word = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

const isLoopback = (host: string) => host === "localhost" || host === "[::1]" || /^127\./.test(host);

function allowed(source: Source): string[] {
  if (!("url" in source) || !URL.canParse(source.url)) return [];
  const { hostname } = new URL(source.url);
  return isLoopback(hostname) ? [] : ["--allow-url", hostname];
}

/** The folder that a package goes into: its name without the scope. */
const folder = (name: string | null | undefined): string => `./${name?.split("/").at(-1) ?? "client"}`;

export function connectCommand(source: Source, options: ConnectorOptions, made?: string): string {
  const flags: [flag: string, value: string | null | undefined][] = [
    ["--name", options.name], ["--package-version", options.version], ["--author", options.author],
    ["--license", options.license && options.license !== "MIT" ? options.license : null],
  ];
  const given = flags.flatMap(([flag, value]) => (value ? [flag, value] : []));
  return ["homeostat", "connect", sourceName(source), "-o", folder(options.name ?? made), ...given, ...allowed(source)].map(word).join(" ");
}

export const diffCommand = (before: Source, after: Source): string => {
  const [a, b] = [sourceName(before), sourceName(after)];
  // Two texts without a name of their own.
  const names = a === b && !("url" in before) ? [`old-${a}`, `new-${b}`] : [a, b];
  return ["homeostat", "connect", "diff", ...names, ...new Set([...allowed(before), ...allowed(after)])].map(word).join(" ");
};
