import { useState } from "react";
import { thumbnailOf } from "@/api/files";
import { text } from "@/text";
import styles from "./Thumbnail.module.css";

interface Props {
  file: { name: string; hash: string };
  /** Whether the file has a picture at all. */
  has: boolean;
  /** The longer side, in pixels of the picture. */
  size: number;
  /** It says something that isn't said beside it. */
  named?: boolean;
}

/** The picture that the slicer put into a file, or a drawn one where there is none. */
export function Thumbnail({ file, has, size, named }: Props) {
  const source = has ? thumbnailOf(file, size) : null;
  const [broken, setBroken] = useState<string | null>(null);
  return (
    <div className={styles.frame}>
      {source && broken !== source ? (
        <img
          src={source}
          alt={named ? text.files.picture(file.name) : ""}
          loading="lazy"
          decoding="async"
          onError={() => setBroken(source)}
        />
      ) : (
        <Drawn />
      )}
    </div>
  );
}

/** A cube of layers. */
function Drawn() {
  return (
    <svg className={styles.drawn} viewBox="0 0 64 64" aria-hidden="true">
      <path className={styles.top} d="M32 10 54 21 32 32 10 21Z" />
      {[0, 1, 2, 3].map((layer) => (
        <path
          key={layer}
          className={styles.layer}
          d={`M10 ${27 + 6 * layer} 32 ${38 + 6 * layer} 54 ${27 + 6 * layer}`}
        />
      ))}
    </svg>
  );
}
