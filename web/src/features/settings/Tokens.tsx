/** API tokens: made, shown once, taken away. */
import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useCreateToken, useDeleteToken } from "@/api/actions";
import { useRefusal } from "@/api/may";
import { tokensQuery } from "@/api/queries";
import type { ApiToken, Role } from "@/api/types";
import { words } from "@/lib/format";
import { Button, IconButton } from "@/ui/Button";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Select, TextField } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { Empty, ErrorView, Skeleton } from "@/ui/States";
import { Time } from "@/ui/Time";

const ROLES: readonly Role[] = ["viewer", "operator", "approver", "admin"];
/** What a token may do: a role in the API, and whether it may send telemetry. */
const MAY = [["", "Send telemetry only"], ...ROLES.map((r) => [r, words(r)] as const)] as const;
const LIVES = [["30", "30 days"], ["90", "90 days"], ["365", "a year"], ["", "no end"]] as const;

export function Tokens() {
  const { data: tokens, error } = useQuery({ ...tokensQuery, throwOnError: false });
  const refused = useRefusal("create_token", "make tokens");
  const [open, setOpen] = useState(false);
  const [leaving, setLeaving] = useState<ApiToken | null>(null);
  const remove = useDeleteToken();
  if (error) return <ErrorView error={error} />;
  if (!tokens) return <Skeleton className="h-40 w-full" />;
  return (
    <Panel flush title="API tokens" hint="for senders of telemetry, CI and agents" actions={<Button small icon={Plus} disabledReason={refused} onClick={() => { setOpen(true); }}>New token</Button>}>
      {tokens.length === 0 ? <Empty icon={KeyRound} title="No token yet">A token lets a program in without a password, with a role of its own and an end.</Empty> : (
        <ul>{tokens.map((t) => (
          <li key={t.id} className="flex items-center gap-3 border-b px-4 py-2.5 text-sm last:border-b-0">
            <span className="min-w-0 flex-1"><span className="font-medium">{t.name}</span> <span className="ml-1 rounded bg-raised px-1.5 text-xs text-soft">{[t.role, t.ingest && "sends telemetry"].filter(Boolean).join(", ")}</span><span className="block text-xs text-faint">made by {t.created_by} <Time at={t.created_at} />{t.expires_at ? <>, ends <Time at={t.expires_at} /></> : ", has no end"}</span></span>
            <IconButton label={`Delete ${t.name}`} icon={Trash2} onClick={() => { setLeaving(t); }} />
          </li>
        ))}</ul>
      )}
      {open && <NewToken onClose={() => { setOpen(false); }} />}
      {leaving && <Confirm title={`Delete “${leaving.name}”?`} confirm="Delete" look="danger" busy={remove.isPending} error={remove.error?.message} onClose={() => { setLeaving(null); }} onConfirm={() => { remove.mutate(leaving.id, { onSuccess: () => { setLeaving(null); } }); }}><p>What uses it is refused from now on. This cannot be undone.</p></Confirm>}
    </Panel>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role | "">("");
  const [days, setDays] = useState("90");
  const create = useCreateToken();
  if (create.data) {
    return (
      <Dialog title="Token made" onClose={onClose}>
        <p className="text-sm text-soft">Copy it now: it is shown this once and cannot be read again.</p>
        <code className="my-3 block rounded-lg border bg-raised p-3 font-mono text-sm break-all select-all">{create.data.secret}</code>
        <div className="flex justify-end gap-2"><Button onClick={() => void navigator.clipboard.writeText(create.data.secret)}>Copy</Button><Button look="primary" onClick={onClose}>Done</Button></div>
      </Dialog>
    );
  }
  const expires_at = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : undefined;
  return (
    <Confirm title="New token" confirm="Make token" busy={create.isPending} error={create.error?.message} blocked={name.trim() ? null : "give it a name"} onClose={onClose} onConfirm={() => { create.mutate({ name: name.trim(), role: role || null, ingest: role === "", expires_at }); }}>
      <TextField label="Name" hint="What will use it, for example: ci deploys" required maxLength={100} value={name} onChange={(e) => { setName(e.target.value); }} />
      <div className="grid grid-cols-2 gap-3">
        <Select label="May" value={role} onChange={(e) => { setRole(e.target.value as Role | ""); }} options={MAY} />
        <Select label="Ends after" value={days} onChange={(e) => { setDays(e.target.value); }} options={LIVES} />
      </div>
    </Confirm>
  );
}
