/** What a package should be like. */
import type { ConnectorOptions } from "@/api/types";
import { Select, TextField } from "@/ui/Field";

type License = NonNullable<ConnectorOptions["license"]>;
const LICENSES = [["MIT", "MIT"], ["Apache-2.0", "Apache 2.0"], ["UNLICENSED", "None: nobody else may use it"]] as const satisfies readonly (readonly [License, string])[];

export function OptionsForm({ value, onChange }: { value: ConnectorOptions; onChange: (value: ConnectorOptions) => void }) {
  const set = (change: Partial<ConnectorOptions>) => { onChange({ ...value, ...change }); };
  const text = (name: "name" | "version" | "author", given: string) => { set({ [name]: given.trim() === "" ? undefined : given }); };
  return (
    <fieldset className="grid gap-x-4 gap-y-3 border-t px-4 py-3 sm:grid-cols-2">
      <legend className="sr-only">Options of the package</legend>
      <TextField label="Package name" placeholder="from the title of the API" spellCheck={false} autoCapitalize="off" value={value.name ?? ""} onChange={(e) => { text("name", e.target.value); }} />
      <TextField label="Package version" placeholder="0.1.0" spellCheck={false} value={value.version ?? ""} onChange={(e) => { text("version", e.target.value); }} />
      <Select label="Licence" options={LICENSES} value={value.license ?? "MIT"} onChange={(e) => { set({ license: e.target.value as License }); }} />
      <TextField label="Copyright holder" placeholder="the authors of the package" value={value.author ?? ""} onChange={(e) => { text("author", e.target.value); }} />
    </fieldset>
  );
}
