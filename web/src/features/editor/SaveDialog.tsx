/** Saves a text as a version. A version never changes: one that exists asks for a new number, and shows what is there. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSaveWorkflow } from "@/api/actions";
import { ApiError } from "@/api/client";
import { versionsQuery } from "@/api/queries";
import { nextVersions, readHead, setHead } from "@/lib/workflow-head";
import { CodeDiff } from "@/ui/CodeEditor";
import { Confirm } from "@/ui/Dialog";
import { Select, TextField } from "@/ui/Field";

type Props = {
  text: string;
  /** The document that is open; none for one that is new. */
  id: string | null;
  /** The newest version that is known. */
  newest: string | null;
  onClose: () => void;
  onSaved: (id: string, text: string) => void;
};

export function SaveDialog({ text, id, newest, onClose, onSaved }: Props) {
  const head = readHead(text);
  const next = nextVersions(newest ?? head.version);
  const fresh = newest === null || head.version !== newest;
  const [version, setVersion] = useState(fresh ? head.version : (next?.patch ?? head.version));
  const save = useSaveWorkflow();
  const key = `${head.namespace}.${head.name}`;
  const taken = save.error instanceof ApiError && save.error.status === 409;
  const refused = save.variables ? readHead(save.variables.source).version : "";
  const versions = useQuery({ ...versionsQuery(key), enabled: taken, throwOnError: false });
  const theirs = versions.data?.find((v) => v.version === refused);
  const choices = [...new Set([...(fresh ? [head.version] : []), ...(next ? [next.patch, next.minor, next.major] : [])])];
  const titles = new Map(next ? [[next.patch, "a correction"], [next.minor, "something new"], [next.major, "breaks with what was"]] : []);
  const wrong = id !== null && id !== key ? `the document says ${key}; a document keeps its name. Change it back, or make a new workflow` : head.namespace === "" || head.name === "" ? "the document needs a namespace and a name" : version.trim() === "" ? "give it a version" : null;
  const go = () => {
    const source = setHead(text, "version", version.trim());
    save.mutate({ id: key, source }, { onSuccess: () => { onSaved(key, source); } });
  };
  return (
    <Confirm title={taken ? "This version exists" : `Save ${key}`} confirm={`Save as ${version}`} wide={taken} busy={save.isPending || save.isSuccess} blocked={wrong} error={save.error ? `${save.error.message}. ${save.error instanceof ApiError ? save.error.detail : ""}` : null} onClose={onClose} onConfirm={go}>
      <p>Runs that are under way keep the version they began with. New runs use this one.</p>
      {choices.length > 0 ? <Select label="Version" value={version} onChange={(e) => { setVersion(e.target.value); }} options={choices.map((v) => [v, titles.has(v) ? `${v} – ${titles.get(v) ?? ""}` : `${v} – as written`] as const)} />
        : <TextField label="Version" value={version} onChange={(e) => { setVersion(e.target.value); }} />}
      {taken && theirs && <><p className="font-medium text-ink">What is saved as {theirs.version}, and what is different in yours:</p><CodeDiff label="The saved version and yours" before={theirs.source} after={text} sideBySide={false} /></>}
    </Confirm>
  );
}
