/** The list of keyboard shortcuts. */
import { groupBy } from "@/lib/group";
import type { Shortcut } from "@/lib/shortcuts";
import { Kbd } from "@/ui/Bits";
import { Dialog } from "@/ui/Dialog";

export default function ShortcutHelp({ shortcuts, onClose }: { shortcuts: readonly Shortcut[]; onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div className="grid gap-5 sm:grid-cols-2">
        {groupBy(shortcuts, (s) => s.group).map(([group, items]) => (
          <section key={group}>
            <h3 className="mb-2 text-xs font-semibold text-faint">{group}</h3>
            <dl className="space-y-1.5 text-sm">
              {items.map((s) => <div key={s.keys} className="flex items-center justify-between gap-3"><dt>{s.title}</dt><dd className="flex gap-1">{s.keys.split(" ").map((k) => <Kbd key={k}>{k}</Kbd>)}</dd></div>)}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
