/** Deterministic ids and noise. Same facts, same value. */
import { createHash } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

export function id(prefix: string, at: number, ...facts: string[]): string {
  const digest = createHash("sha256").update(facts.join("\0")).digest();
  let value = BigInt(at);
  for (const byte of digest.subarray(0, 10)) value = (value << 8n) | BigInt(byte);
  let text = "";
  for (let i = 25; i >= 0; i -= 1) text += ALPHABET[Number((value >> BigInt(i * 5)) & 31n)]!;
  return `${prefix}_${text}`;
}

/** 0 to 1 from two whole numbers. */
export function noise(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
}

export const hash = (text: string): number => [...text].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619), 2166136261) >>> 0;
export const iso = (ms: number): string => new Date(Math.round(ms)).toISOString();
