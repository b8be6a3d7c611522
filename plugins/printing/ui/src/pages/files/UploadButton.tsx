import { Upload } from "lucide-react";
import { useRef } from "react";
import { Button } from "@/design";
import { text } from "@/text";
import { upload } from "@/upload";

/** Chooses files to upload. */
export function UploadButton() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button look="primary" icon={<Upload aria-hidden />} onClick={() => input.current?.click()}>
        {text.files.upload}
      </Button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={text.files.upload}
        accept=".gcode,.gco,.g"
        onChange={(event) => {
          upload(event.target.files ?? []);
          event.target.value = ""; // the same file again is a choice too
        }}
      />
    </>
  );
}
