/**
 * Checks values and converts dates in them, as the API's description says. What is unknown to it stays as it is: services grow.
 * Every schema follows Standard Schema, so that forms, routers and other libraries take it.
 */

import type { Checked, StandardSchema } from "./client.js";
import type { SchemaIssue } from "./errors.js";

/** A part of a schema: gives the value as it goes on, and adds what is wrong with it. */
export interface Rule {
  readonly check: (value: unknown, path: Path, issues: SchemaIssue[]) => unknown;
}

/** A schema of values of a type. */
export interface Schema<Input, Output = Input> extends StandardSchema<Input, Output>, Rule {}

type Path = readonly PropertyKey[];

/** A schema that refuses what does not fit. It is made when it is first needed, so that schemas may refer to each other. */
/* @__NO_SIDE_EFFECTS__ */
export function schema<Input, Output = Input>(make: () => Rule): Schema<Input, Output> {
  const rule = once(make);
  return standard(rule, (value, issues) => (issues.length === 0 ? { value } : { issues }));
}

/** A schema that only converts: what does not fit stays as it is. */
/* @__NO_SIDE_EFFECTS__ */
export function conversion<Input, Output = Input>(make: () => Rule): Schema<Input, Output> {
  return standard(once(make), (value) => ({ value }));
}

function standard<Input, Output>(
  rule: Rule,
  result: (value: Output, issues: readonly SchemaIssue[]) => Checked<Output>,
): Schema<Input, Output> {
  const validate = (value: unknown): Checked<Output> => {
    const issues: SchemaIssue[] = [];
    return result(rule.check(value, [], issues) as Output, issues);
  };
  return { check: rule.check, "~standard": { version: 1, vendor: "homeostat", validate } };
}

function once(make: () => Rule): Rule {
  let made: Rule | undefined;
  return { check: (value, path, issues) => (made ??= make()).check(value, path, issues) };
}

/** A rule that keeps what fits. */
function plain(expected: string, fits: (value: unknown) => boolean): Rule {
  return {
    check(value, path, issues) {
      if (!fits(value)) issues.push({ message: `${kind(value)} is no ${expected}`, path });
      return value;
    },
  };
}

function kind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Anything. */
export const unknown: Rule = { check: (value) => value };
export const string: Rule = plain("string", (value) => typeof value === "string");
export const number: Rule = plain("number", (value) => typeof value === "number");
export const boolean: Rule = plain("boolean", (value) => typeof value === "boolean");
/** Nothing: what has this schema must not be there. */
export const never: Rule = plain("value that is allowed", () => false);

/** One of these values. */
/* @__NO_SIDE_EFFECTS__ */
export function literal(...values: readonly (string | number | boolean | null)[]): Rule {
  const expected = values.map((value) => JSON.stringify(value)).join(" or ");
  return {
    check(value, path, issues) {
      if (!(values as readonly unknown[]).includes(value)) {
        issues.push({ message: `it is not ${expected}`, path });
      }
      return value;
    },
  };
}

/** What the rule says, or null. */
/* @__NO_SIDE_EFFECTS__ */
export function nullable(rule: Rule): Rule {
  return {
    check: (value, path, issues) => (value === null ? null : rule.check(value, path, issues)),
  };
}

/* @__NO_SIDE_EFFECTS__ */
export function array(item: Rule): Rule {
  return {
    check(value, path, issues) {
      if (!Array.isArray(value)) return refused("array", value, path, issues);
      return value.map((each: unknown, index) => item.check(each, [...path, index], issues));
    },
  };
}

/** A list with a rule for each place; what comes after those follows `rest`, or must not be there. */
/* @__NO_SIDE_EFFECTS__ */
export function tuple(items: readonly Rule[], rest: Rule = never): Rule {
  return {
    check(value, path, issues) {
      if (!Array.isArray(value) || value.length < items.length) {
        return refused(`list of ${items.length}`, value, path, issues);
      }
      return value.map((each: unknown, index) =>
        (items[index] ?? rest).check(each, [...path, index], issues),
      );
    },
  };
}

/** What marks a property that may be left out. */
export interface Optional {
  readonly optional: Rule;
}

/* @__NO_SIDE_EFFECTS__ */
export function optional(rule: Rule): Optional {
  return { optional: rule };
}

/** An object with these properties; others stay as they are. */
/* @__NO_SIDE_EFFECTS__ */
export function object(properties: Readonly<Record<string, Rule | Optional>>): Rule {
  return withRest(unknown, properties);
}

/** An object whose names may be any. */
/* @__NO_SIDE_EFFECTS__ */
export function record(each: Rule): Rule {
  return withRest(each, {});
}

/** An object with these properties; others follow `rest`. */
/* @__NO_SIDE_EFFECTS__ */
export function withRest(rest: Rule, properties: Readonly<Record<string, Rule | Optional>>): Rule {
  const known = new Map(Object.entries(properties));
  return {
    check(value, path, issues) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        return refused("object", value, path, issues);
      }
      for (const [name, rule] of known) {
        if (!("optional" in rule) && (value as Fields)[name] === undefined) {
          issues.push({ message: "it is missing", path: [...path, name] });
        }
      }
      const entries = Object.entries(value).map(([name, each]: [string, unknown]) => {
        const rule = known.get(name) ?? rest;
        if (each === undefined) return [name, each] as const;
        const inner = "optional" in rule ? rule.optional : rule;
        return [name, inner.check(each, [...path, name], issues)] as const;
      });
      return Object.fromEntries(entries);
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** The first of these that fits. */
/* @__NO_SIDE_EFFECTS__ */
export function union(...variants: readonly Rule[]): Rule {
  return {
    check(value, path, issues) {
      let nearest: readonly SchemaIssue[] | undefined;
      for (const variant of variants) {
        const found: SchemaIssue[] = [];
        const made = variant.check(value, path, found);
        if (found.length === 0) return made;
        if (nearest === undefined || deepest(found) > deepest(nearest)) nearest = found;
      }
      // What the variant says that got furthest helps most.
      issues.push(...(nearest ?? [{ message: "nothing is allowed here", path }]));
      return value;
    },
  };
}

function deepest(issues: readonly SchemaIssue[]): number {
  return Math.min(...issues.map(({ path }) => path?.length ?? 0));
}

/** All of these at once. */
/* @__NO_SIDE_EFFECTS__ */
export function all(...parts: readonly Rule[]): Rule {
  return {
    check(value, path, issues) {
      const made = parts.map((part) => part.check(value, path, issues));
      return made.reduce((before, each) => merged(value, before, each), value);
    },
  };
}

/** What either of two parts has made of a value. */
function merged(value: unknown, left: unknown, right: unknown): unknown {
  if (left === value || right === value) return left === value ? right : left;
  if (!isFields(value) || !isFields(left) || !isFields(right)) return right;
  const names = Object.keys(value);
  return Object.fromEntries(
    names.map((name) => [name, merged(value[name], left[name], right[name])]),
  );
}

function isFields(value: unknown): value is Fields {
  return Object.prototype.toString.call(value) === "[object Object]";
}

/** An RFC 3339 time as a `Date`. */
export const dateFromTime: Rule = dateFrom("time");
/** An RFC 3339 date as the `Date` of its first moment in UTC. */
export const dateFromDay: Rule = dateFrom("date");
/** A `Date` as an RFC 3339 time. */
export const timeOfDate: Rule = ofDate((date) => date.toISOString());
/** A `Date` as an RFC 3339 date, in UTC. */
export const dayOfDate: Rule = ofDate((date) => date.toISOString().slice(0, 10));

function dateFrom(what: string): Rule {
  return {
    check(value, path, issues) {
      if (typeof value !== "string") return refused(what, value, path, issues);
      const date = new Date(value);
      if (Number.isNaN(date.getTime())) issues.push({ message: `it is no ${what}`, path });
      return date;
    },
  };
}

function ofDate(write: (date: Date) => string): Rule {
  return {
    check(value, path, issues) {
      const valid = value instanceof Date && !Number.isNaN(value.getTime());
      return valid ? write(value) : refused("valid Date", value, path, issues);
    },
  };
}

function refused(expected: string, value: unknown, path: Path, issues: SchemaIssue[]): unknown {
  issues.push({ message: `${kind(value)} is no ${expected}`, path });
  return value;
}
