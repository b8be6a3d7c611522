import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Problem } from "@/api/problem";
import { text } from "@/text";
import { IconButton } from "./Button";
import styles from "./toasts.module.css";

const manager = Toast.createToastManager();
const UNDO_MS = 6000;

interface More {
  description?: string;
  /** Where it can be seen, or what to do next. */
  action?: { label: string; onSelect: () => void };
}

/** It was done. */
export function told(title: string, { description, action }: More = {}): void {
  const id = manager.add({
    title,
    description,
    timeout: action ? 8000 : 4000,
    ...(action && {
      actionProps: {
        children: action.label,
        onClick: () => {
          manager.close(id);
          action.onSelect();
        },
      },
    }),
  });
}

/** It wasn't done, and why. */
export function failed(error: unknown): void {
  const problem = Problem.from(error);
  manager.add({
    title: problem.title,
    description: problem.message,
    type: "bad",
    priority: "high",
    timeout: 10000,
  });
}

const pending = new Map<string, () => void>();

/** Do it in a moment, unless the person takes it back: for what can't be undone at the gateway. It is done at once when
 * the page is left. `onUndo` shows again what was hidden meanwhile. */
export function undoable(title: string, act: () => Promise<unknown>, onUndo: () => void): void {
  const id = `undo-${crypto.randomUUID?.() ?? Math.random()}`;
  const run = () => {
    if (!pending.delete(id)) return;
    clearTimeout(timer);
    manager.close(id);
    act().catch((error) => {
      onUndo();
      failed(error);
    });
  };
  const timer = setTimeout(run, UNDO_MS);
  pending.set(id, run);
  manager.add({
    id,
    title,
    timeout: UNDO_MS,
    actionProps: {
      children: text.common.undo,
      onClick: () => {
        if (!pending.delete(id)) return;
        clearTimeout(timer);
        manager.close(id);
        onUndo();
      },
    },
  });
}

if (typeof window !== "undefined") {
  window.addEventListener("pagehide", () => {
    for (const run of [...pending.values()]) run();
  });
}

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className={`${styles.toast} ${toast.type === "bad" ? styles.bad : ""}`}
    >
      <Toast.Content className={styles.content}>
        <div className={styles.words}>
          <Toast.Title className={styles.title} />
          <Toast.Description className={styles.description} />
        </div>
        <Toast.Action className={styles.action} />
        <Toast.Close render={<IconButton label={text.common.close} />}>
          <X aria-hidden />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}

/** Around the whole page: where `told`, `failed` and `undoable` are shown. */
export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className={styles.viewport}>
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
