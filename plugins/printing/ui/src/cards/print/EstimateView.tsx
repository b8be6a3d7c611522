import { useState } from "react";
import { address } from "@/api/client";
import { Problem } from "@/api/problem";
import type { Estimate } from "@/api/queue";
import type { FileView } from "@/api/types";
import { Button, Loading } from "@/design";
import { format, text } from "@/text";
import styles from "./EstimateView.module.css";

const said = text.print;

interface Props {
  filename: string;
  file: FileView | undefined;
  copies: number;
  estimate: Estimate | undefined;
  error: unknown;
  /** It is being estimated anew. */
  isStale: boolean;
  onRetry: () => void;
}

/** What is printed, and what that will take. */
export function EstimateView({ filename, file, copies, estimate, error, isStale, onRetry }: Props) {
  const details = file?.metadata;
  return (
    <>
      <Picture filename={filename} hasPicture={details?.thumbnail != null} />
      <div>
        <p className={styles.name}>{filename}</p>
        {details && (
          <p className={styles.about}>
            {[
              details.slicer,
              details.layerHeight != null && format.millimetres(details.layerHeight),
              details.layers != null && said.layers(format.count(details.layers)),
              file && format.bytes(file.size),
            ]
              .filter(Boolean)
              .join(" · ")}
          </p>
        )}
      </div>
      <section className={styles.estimate} aria-label={said.estimate} aria-live="polite" aria-busy={isStale}>
        {error ? (
          <>
            <p className={styles.about}>
              <strong>{said.noEstimate}.</strong> {Problem.from(error).message}
            </p>
            <Button onClick={onRetry}>{text.common.retry}</Button>
          </>
        ) : estimate ? (
          <Figures estimate={estimate} copies={copies} isStale={isStale} />
        ) : (
          <Loading lines={3} />
        )}
      </section>
    </>
  );
}

function Figures({ estimate, copies, isStale }: { estimate: Estimate; copies: number; isStale: boolean }) {
  const { low, high } = estimate.range;
  return (
    <div className={isStale ? styles.stale : undefined}>
      <p className={styles.time}>
        {format.duration(estimate.timeSeconds)} <small>{said.estimateFor(copies)}</small>
      </p>
      <p className={styles.about}>{said.between(format.duration(low), format.duration(high))}</p>
      <dl className={styles.figures}>
        <div>
          <dt>{said.filament}</dt>
          <dd>{format.grams(estimate.materialGrams)}</dd>
        </div>
        <div>
          <dt>{said.cost}</dt>
          <dd>{format.money(estimate.totalCost, estimate.currency)}</dd>
        </div>
      </dl>
      <p className={styles.about}>
        <strong>{said.confidence[estimate.confidence]}</strong> {estimate.basis}
      </p>
    </div>
  );
}

function Picture({ filename, hasPicture }: { filename: string; hasPicture: boolean }) {
  const [isBroken, setBroken] = useState(false);
  if (!hasPicture || isBroken) return <p className={styles.blank}>{said.noPicture}</p>;
  return (
    <div className={styles.picture}>
      <img
        src={address(`/api/printing/files/${encodeURIComponent(filename)}/thumbnail?size=512`)}
        alt=""
        decoding="async"
        onError={() => setBroken(true)}
      />
    </div>
  );
}
