import { LoaderCircle } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";
import styles from "./Button.module.css";
import { Tip } from "./Tip";

export type ButtonLook = "primary" | "secondary" | "quiet" | "danger";

interface Looks {
  look?: ButtonLook;
  large?: boolean;
  /** It is being done: shown, and not taken twice. */
  busy?: boolean;
  icon?: ReactNode;
}

export function buttonClass(
  look: ButtonLook = "secondary",
  { icon = false, large = false, busy = false } = {},
) {
  return [styles.button, styles[look], icon && styles.icon, large && styles.large, busy && styles.busy]
    .filter(Boolean)
    .join(" ");
}

export function Button({
  look = "secondary",
  large,
  busy,
  icon,
  children,
  disabled,
  ...rest
}: Looks & ComponentProps<"button">) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={buttonClass(look, { large: large ?? false, busy: busy ?? false })}
    >
      {busy ? <LoaderCircle aria-hidden /> : icon}
      {children}
    </button>
  );
}

/** A button that shows only a picture: `label` is read aloud, and shown on hover and focus. */
export function IconButton({
  label,
  look = "quiet",
  busy,
  children,
  disabled,
  ...rest
}: Looks & ComponentProps<"button"> & { label: string }) {
  return (
    <Tip text={label}>
      <button
        type="button"
        {...rest}
        disabled={disabled || busy}
        aria-label={label}
        className={buttonClass(look, { icon: true, busy: busy ?? false })}
      >
        {busy ? <LoaderCircle aria-hidden /> : children}
      </button>
    </Tip>
  );
}
