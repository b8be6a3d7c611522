import { api, ok } from "@/api/client";
import { drawSample } from "./picture";
import { SAMPLE_NAME, sampleGcode } from "./sample";

/** Make the sample, upload it, and have it printed. Rejects with a `Problem`. */
export function printSample(): Promise<unknown> {
  const gcode = sampleGcode([drawSample(64), drawSample(320)]);
  const form = new FormData();
  form.append("files", new File([gcode], SAMPLE_NAME, { type: "text/x-gcode" }));
  form.append("print", "true");
  return ok(
    api.POST("/api/printing/files/upload", {
      body: { files: [SAMPLE_NAME] }, // what the form below says
      bodySerializer: () => form,
    }),
  );
}
