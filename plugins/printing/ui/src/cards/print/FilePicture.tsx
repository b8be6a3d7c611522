import { useQuery } from "@tanstack/react-query";
import { FileBox } from "lucide-react";
import { useEffect, useState } from "react";
import { address } from "@/api/client";
import { fileQuery } from "@/api/queries";
import styles from "./FilePicture.module.css";

/** The picture that a file has of what it prints, asked for when it comes into sight. It says nothing that isn't
 * written beside it. `size` in px. */
export function FilePicture({ name, size = 48 }: { name: string; size?: number }) {
  const [frame, setFrame] = useState<HTMLElement | null>(null);
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    if (!frame || isSeen) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && setSeen(true), {
      rootMargin: "200px",
    });
    observer.observe(frame);
    return () => observer.disconnect();
  }, [frame, isSeen]);
  const { data: file } = useQuery({ ...fileQuery(name), enabled: isSeen });
  const path = `/api/printing/files/${encodeURIComponent(name)}/thumbnail?size=${size * 2}`;
  return (
    <span ref={setFrame} className={styles.frame} style={{ width: size, height: size }} aria-hidden>
      {file?.metadata.thumbnail ? (
        <img src={address(path)} alt="" width={size} height={size} decoding="async" />
      ) : (
        <FileBox />
      )}
    </span>
  );
}
