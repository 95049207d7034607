/** What schemas of zod need beside zod itself. */

import { z } from "zod";

/** A schema that is made when it is first needed, so that schemas may refer to each other. */
/* @__NO_SIDE_EFFECTS__ */
export function schema<Output, Input>(make: () => z.ZodType): z.ZodType<Output, Input> {
  return z.lazy(make) as unknown as z.ZodType<Output, Input>;
}

/** An object with these properties; others follow `rest`. */
/* @__NO_SIDE_EFFECTS__ */
export function withRest(
  rest: z.ZodType,
  properties: Readonly<Record<string, z.ZodType>>,
): z.ZodType {
  return z.object(properties).catchall(rest);
}

/** An RFC 3339 time as a `Date`. */
export const dateFromTime: z.ZodType = z.string().pipe(z.coerce.date());
/** An RFC 3339 date as the `Date` of its first moment in UTC. */
export const dateFromDay: z.ZodType = z.string().pipe(z.coerce.date());
/** A `Date` as an RFC 3339 time. */
export const timeOfDate: z.ZodType = z.date().transform((date) => date.toISOString());
/** A `Date` as an RFC 3339 date, in UTC. */
export const dayOfDate: z.ZodType = z.date().transform((date) => date.toISOString().slice(0, 10));
