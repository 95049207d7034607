/** Sign in with a name and a password, or with the ticket in the address. */
import { SignInForm } from "@/features/session/SignInForm";
import { getRouteApi, useNavigate } from "@tanstack/react-router";

const route = getRouteApi("/sign-in");

export function SignInPage() {
  const { ticket, next } = route.useSearch();
  const navigate = useNavigate();
  // Only addresses of this app: a link must not carry people elsewhere after they sign in.
  const target = next?.startsWith("/") && !next.startsWith("//") && !next.startsWith("/\\") ? next : "/";
  return <SignInForm ticket={ticket} onDone={() => void navigate({ href: target, replace: true })} />;
}
