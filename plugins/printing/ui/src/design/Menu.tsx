import { Menu as Base } from "@base-ui/react/menu";
import type { ReactElement, ReactNode } from "react";
import styles from "./Popup.module.css";

export interface Choice {
  label: string;
  icon?: ReactNode;
  onSelect: () => void;
  disabled?: boolean;
  dangerous?: boolean;
}

/** What else can be done, behind one button. Choices that are null are left out, and the button where there are none. */
export function Menu({
  trigger,
  choices,
}: {
  trigger: ReactElement<Record<string, unknown>>;
  choices: (Choice | null)[];
}) {
  if (!choices.some(Boolean)) return null;
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end" className={styles.above}>
          <Base.Popup className={styles.menu}>
            {choices.map(
              (choice) =>
                choice && (
                  <Base.Item
                    key={choice.label}
                    disabled={choice.disabled ?? false}
                    className={`${styles.item} ${choice.dangerous ? styles.dangerous : ""}`}
                    onClick={choice.onSelect}
                  >
                    {choice.icon}
                    {choice.label}
                  </Base.Item>
                ),
            )}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
