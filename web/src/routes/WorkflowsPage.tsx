/** Every workflow document: one's own first, then what ships with Homeostat. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FilePlus2, FileText } from "lucide-react";
import { workflowsQuery } from "@/api/queries";
import { AutomationTabs } from "@/features/automation/AutomationTabs";
import { WorkflowTable } from "@/features/workflows/WorkflowTable";
import { buttonClass } from "@/ui/Button";
import { PageHead, Panel } from "@/ui/Panel";
import { Empty } from "@/ui/States";

export function WorkflowsPage() {
  const { data: workflows } = useSuspenseQuery(workflowsQuery);
  const own = workflows.filter((w) => w.origin === "own");
  const files = workflows.filter((w) => w.origin === "folder");
  const shipped = workflows.filter((w) => w.origin === "shipped");
  const start = <Link to="/automation/new-workflow" search={{}} className={buttonClass("primary")}><FilePlus2 aria-hidden className="size-4" />New workflow</Link>;
  return (
    <>
      <PageHead title="Automation" lead="Documents of the CNCF Serverless Workflow DSL. Each change is a new version; nothing that runs is changed under its feet." actions={start} />
      <AutomationTabs />
      <div className="space-y-5">
        <Panel flush title="Yours">
          {own.length > 0 ? <WorkflowTable items={own} /> : <Empty icon={FileText} title="No workflow of your own yet" action={start}>Begin with a small one, or open a shipped runbook and save a copy of it under a name of your own.</Empty>}
        </Panel>
        {files.length > 0 && <Panel flush title="From your files" hint="pages of the folder of runbooks; they are changed there"><WorkflowTable items={files} /></Panel>}
        <Panel flush title="Shipped" hint="they change with releases of Homeostat; save a copy to make one yours"><WorkflowTable items={shipped} /></Panel>
      </div>
    </>
  );
}
