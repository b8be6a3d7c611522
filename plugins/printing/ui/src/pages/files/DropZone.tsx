import { Upload } from "lucide-react";
import { useEffect, useState } from "react";
import { text } from "@/text";
import { upload } from "@/upload";
import styles from "./DropZone.module.css";

/** Takes files that are dropped anywhere on the page. */
export function DropZone() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const isFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!isFiles(event)) return;
      depth += 1;
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!isFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const over = (event: DragEvent) => {
      if (isFiles(event)) event.preventDefault();
    };
    const take = (event: DragEvent) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      upload(event.dataTransfer?.files ?? []);
    };
    window.addEventListener("dragenter", enter);
    window.addEventListener("dragleave", leave);
    window.addEventListener("dragover", over);
    window.addEventListener("drop", take);
    return () => {
      window.removeEventListener("dragenter", enter);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("dragover", over);
      window.removeEventListener("drop", take);
    };
  }, []);
  return isOver ? (
    <div className={styles.over}>
      <p>
        <Upload aria-hidden />
        {text.files.dropHere}
      </p>
    </div>
  ) : null;
}
