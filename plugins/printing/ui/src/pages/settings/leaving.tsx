import { useEffect, useRef } from "react";
import { useConfirm } from "@/design";
import { onBack } from "@/shell/address";
import { text } from "@/text";

/** Asks before what was entered is lost: on links, on the way back, and when the window is closed. `[free, element]`:
 * `free` lets the next step go; `element` has to stand in the page. */
export function useLeaving(isDirty: boolean): [() => void, React.ReactNode] {
  const [ask, element] = useConfirm();
  const guarded = useRef(isDirty);
  const asking = useRef(ask);
  useEffect(() => {
    guarded.current = isDirty;
    asking.current = ask;
  });
  useEffect(() => {
    const question = (go: () => void) =>
      asking.current({
        title: text.settings.form.leave.title,
        description: text.settings.form.leave.about,
        action: text.settings.form.leave.action,
        dangerous: true,
        onYes: () => {
          guarded.current = false;
          go();
        },
      });
    const onClick = (event: MouseEvent) => {
      const link = (event.target as Element | null)?.closest?.("a[href]");
      if (!guarded.current || !(link instanceof HTMLAnchorElement) || link.target || !isPlain(event)) return;
      if (link.origin !== location.origin || link.hash) return;
      event.preventDefault();
      event.stopPropagation();
      question(() => link.click());
    };
    let here = location.href;
    const letBack = onBack(() => {
      const there = location.href;
      if (!guarded.current) {
        here = there;
        return false;
      }
      history.pushState(null, "", here);
      question(() => history.replaceState(null, "", there));
      return true;
    });
    const onClose = (event: BeforeUnloadEvent) => {
      if (guarded.current) event.preventDefault();
    };
    document.addEventListener("click", onClick, true);
    window.addEventListener("beforeunload", onClose);
    return () => {
      document.removeEventListener("click", onClick, true);
      letBack();
      window.removeEventListener("beforeunload", onClose);
    };
  }, []);
  return [
    () => {
      guarded.current = false;
    },
    element,
  ];
}

/** Not to be opened in another tab or window. */
function isPlain(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}
