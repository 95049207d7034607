/** The form in front of everything. */
import { useEffect, useRef, useState } from "react";
import { useSignIn } from "@/api/actions";
import { ApiError } from "@/api/client";
import { Button } from "@/ui/Button";
import { TextField } from "@/ui/Field";

export function SignInForm({ ticket, onDone }: { ticket: string | undefined; onDone: () => void }) {
  const signIn = useSignIn();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const spent = useRef<string>(undefined);
  const done = useRef(onDone);
  useEffect(() => { done.current = onDone; });
  const { mutate, error, isPending } = signIn;

  useEffect(() => {
    // A ticket works once; effects may run twice.
    if (!ticket || spent.current === ticket) return;
    spent.current = ticket;
    mutate({ ticket }, { onSuccess: () => { done.current(); } });
  }, [ticket, mutate]);

  const problem = error instanceof ApiError ? error : null;
  const byTicket = signIn.variables !== undefined && "ticket" in signIn.variables;
  return (
    <main className="flex min-h-dvh items-center justify-center px-4">
      <div className="w-full max-w-sm">
        <svg viewBox="0 0 32 32" aria-hidden className="mb-5 size-10"><rect width="32" height="32" rx="8" className="fill-accent-solid" /><path d="M5 17h5l2.5-6 4.5 11 3.5-8 1.5 3h5" fill="none" className="stroke-on-accent" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round" /></svg>
        <h1 className="text-xl font-semibold tracking-tight">Sign in to Homeostat</h1>
        <p className="mt-1 mb-6 text-sm text-soft">It keeps what you run, running.</p>
        <form className="space-y-4 rounded-xl border bg-panel p-5 shadow-(--shadow)" onSubmit={(e) => { e.preventDefault(); mutate({ username, password }, { onSuccess: onDone }); }}>
          <TextField label="Name" name="username" autoComplete="username" required value={username} onChange={(e) => { setUsername(e.target.value); }} />
          <TextField label="Password" name="password" type="password" autoComplete="current-password" required value={password} onChange={(e) => { setPassword(e.target.value); }} />
          {problem && <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-sm text-bad"><strong className="block">{byTicket ? "The ticket was not accepted" : problem.status === 401 ? "Name or password is wrong" : problem.message}</strong>{problem.status !== 401 && problem.detail ? problem.detail : (byTicket ? "A ticket works once. Use a name and a password, or ask for a new one." : "Mind capitals and the keyboard layout.")}</p>}
          <Button type="submit" look="primary" busy={isPending} className="w-full">{isPending && ticket ? "Signing in with the ticket…" : "Sign in"}</Button>
        </form>
        <p className="mt-4 text-xs text-faint">The first password is printed once, when the server starts for the first time.</p>
      </div>
    </main>
  );
}
