import { useEffect, useState } from "react";
import { printerPath } from "@/api/backend";
import { address } from "@/api/client";
import { text } from "@/text";
import styles from "./Camera.module.css";

const EVERY_MS = 5_000;

/** A picture of the printer every few seconds, only while it can be seen. The gateway draws one that says so where there
 * is no camera or it doesn't answer. */
export function CameraStill({ printer, everyMs = EVERY_MS }: { printer: string; everyMs?: number }) {
  const [picture, setPicture] = useState(0);
  const [isBroken, setBroken] = useState(false);
  const [frame, setFrame] = useState<HTMLElement | null>(null);
  useEffect(() => {
    if (!frame) return;
    let isSeen = true;
    const timer = window.setInterval(() => {
      if (isSeen && document.visibilityState === "visible") setPicture(Date.now());
    }, everyMs);
    const observer = new IntersectionObserver(([entry]) => {
      isSeen = entry?.isIntersecting ?? true;
    });
    observer.observe(frame);
    return () => {
      clearInterval(timer);
      observer.disconnect();
    };
  }, [frame, everyMs]);
  const path = printerPath(printer, "camera/snapshot");
  return (
    <div ref={setFrame} className={styles.frame}>
      <img
        className={isBroken ? styles.broken : undefined}
        src={`${address(path)}?t=${picture}`}
        alt={text.printers.cameraOf(printer)}
        loading="lazy"
        decoding="async"
        onLoad={() => setBroken(false)}
        onError={() => setBroken(true)}
      />
      {isBroken && <p>{text.printers.noPicture}</p>}
    </div>
  );
}
