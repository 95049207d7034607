/** What the person who is signed in may call. The server says it with the session; no role is compared here. */
import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "./queries";
import type { Operation } from "./types";
import { words } from "@/lib/format";

/** Why an operation of the API is not for this person; nothing when it is. */
export function useRefusal(operation: Operation, deed: string): string | null {
  const { data: session } = useQuery(sessionQuery);
  if (!session || session.permissions.includes(operation)) return null;
  return `${words(session.user.role).toLowerCase()}s may not ${deed}; ask for another role`;
}
