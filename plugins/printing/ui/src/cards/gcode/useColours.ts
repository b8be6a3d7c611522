import { type RefObject, useEffect, useState } from "react";
import type { Colours } from "./drawing";

const TOOLS = [
  "--fg-accent",
  "--fg-heat-1",
  "--fg-heat-2",
  "--fg-heat-3",
  "--fg-good",
  "--fg-warn",
  "--fg-bad",
  "--fg-ink",
];

/** The tokens as colours that WebGL takes, and again when the theme changes; null until the element is there. */
export function useColours(inside: RefObject<HTMLElement | null>): Colours | null {
  const [colours, setColours] = useState<Colours | null>(null);
  useEffect(() => {
    const read = () => inside.current && setColours(coloursIn(inside.current));
    read();
    const system = matchMedia("(prefers-color-scheme: dark)");
    const theme = new MutationObserver(read);
    theme.observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-theme", "style", "class"],
    });
    system.addEventListener("change", read);
    return () => {
      theme.disconnect();
      system.removeEventListener("change", read);
    };
  }, [inside]);
  return colours;
}

function coloursIn(element: HTMLElement): Colours {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const read = (token: string) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    background: read("--fg-sunken"),
    travel: read("--fg-ink-3"),
    top: read("--fg-ink"),
    tools: TOOLS.map(read),
  };
  probe.remove();
  return colours;
}
