import type { ReactNode } from "react";
import type { FileView } from "@/api/types";
import { ProjectName } from "@/cards/ProjectName";
import { format, text } from "@/text";
import styles from "./Facts.module.css";

const words = text.files.one.facing;

/** What a file says of itself, and where it comes from; what it doesn't say is left out. */
export function Facts({ file }: { file: FileView }) {
  const says = file.metadata;
  const size = says.boundingBox?.size;
  const facts: [string, ReactNode][] = [
    [words.time, says.estimatedTime === null ? null : format.duration(says.estimatedTime)],
    [words.material, says.material],
    [words.grams, says.filamentGrams === null ? null : format.grams(says.filamentGrams)],
    [words.length, says.filamentLength === null ? null : format.metres(says.filamentLength)],
    [words.layers, says.layers === null ? null : format.count(says.layers)],
    [words.layerHeight, says.layerHeight === null ? null : format.millimetres(says.layerHeight)],
    [words.firstLayer, says.firstLayerHeight === null ? null : format.millimetres(says.firstLayerHeight)],
    [words.height, says.height === null ? null : format.millimetres(says.height)],
    [words.box, size ? `${size.map((side) => Math.round(side * 10) / 10).join(" × ")} mm` : null],
    [words.nozzle, says.nozzleDiameter === null ? null : format.millimetres(says.nozzleDiameter)],
    [words.hotend, says.nozzleTemperature === null ? null : format.degrees(says.nozzleTemperature)],
    [words.bed, says.bedTemperature === null ? null : format.degrees(says.bedTemperature)],
    [words.printer, says.printerModel],
    [words.slicer, says.slicer],
    [words.size, format.bytes(file.size)],
    [words.date, format.moment(file.date * 1000)],
    [words.by, file.uploadedBy],
    [text.files.one.project, file.projectId && <ProjectName key={file.projectId} id={file.projectId} />],
  ];
  return (
    <dl className={styles.facts}>
      {facts.map(
        ([name, value]) =>
          value && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
