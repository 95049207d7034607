/** The policy: guards, then the table, as written in files that anyone can read. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { policyQuery } from "@/api/queries";
import { AutomationTabs } from "@/features/automation/AutomationTabs";
import { PolicyList } from "@/features/automation/PolicyList";
import { JsonView } from "@/ui/Bits";
import { PageHead, Panel } from "@/ui/Panel";

export function PolicyPage() {
  const { data: policy } = useSuspenseQuery(policyQuery);
  return (
    <>
      <PageHead title="Automation" lead={policy.summary} />
      <AutomationTabs />
      <p className="mb-4 text-sm text-soft">Guards come first and can only make a decision more careful; then the first rule that holds decides. Where none holds, a person is called. Version <code className="font-mono text-xs wrap-anywhere">{policy.version.slice(0, 20)}</code>.</p>
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <PolicyList numbered title="Rules" hint="in order, first match wins" items={policy.rules} />
        <PolicyList title="Guards" hint="each can only ask for more care" items={policy.guards} />
      </div>
      <Panel className="mt-5" title="Settings" hint="numbers that the conditions use"><JsonView value={policy.settings} /></Panel>
    </>
  );
}
