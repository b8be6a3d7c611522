import { Box, RectangleHorizontal, RotateCcw, Square } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import { downloadOf } from "@/api/files";
import { Button, Failed, IconButton, Notice, Progress, Switch } from "@/design";
import { format, text } from "@/text";
import type { Drawing, Volume } from "./drawing";
import { linesOf, matters } from "./fetching";
import styles from "./GcodePreview.module.css";
import { useColours } from "./useColours";
import { hasWebGL } from "./webgl";

const words = text.files.preview;
const ASK_BYTES = 80_000_000;
const BREATHE_MS = 24;

interface Props {
  file: { name: string; size: number };
  /** Where it would be printed: its bed is drawn. */
  volume?: Volume | null;
}

/** A file's layers in 3D: asked for first where the file is very large. */
export function GcodePreview({ file, volume = null }: Props) {
  const [isWanted, setWanted] = useState(file.size <= ASK_BYTES);
  const [can] = useState(hasWebGL);
  const [round, setRound] = useState(0);
  if (!can) return <Notice tone="warn">{words.noWebGL}</Notice>;
  if (!isWanted) {
    return (
      <Notice tone="warn" actions={<Button onClick={() => setWanted(true)}>{words.allTheSame}</Button>}>
        {words.tooBig(format.bytes(file.size))}
      </Notice>
    );
  }
  return <Viewer key={round} file={file} volume={volume} onRetry={() => setRound(round + 1)} />;
}

type Stage =
  | { is: "fetching"; bytes: number; layers: number }
  | { is: "drawing" }
  | { is: "shown" }
  | { is: "nothing" }
  | { is: "lost" }
  | { is: "failed"; error: unknown };

function Viewer({ file, volume, onRetry }: Required<Props> & { onRetry: () => void }) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawing = useRef<Drawing | null>(null);
  const colours = useColours(frame);
  const latest = useRef(colours);
  latest.current = colours;
  const [stage, setStage] = useState<Stage>({ is: "fetching", bytes: 0, layers: 0 });
  const [layers, setLayers] = useState(0);
  const [span, setSpan] = useState({ from: 1, to: 1 });
  const [travel, setTravel] = useState(false);
  const bed = useRef(volume);
  const hasColours = colours !== null;

  useEffect(() => {
    const place = frame.current;
    if (!hasColours || !place) return;
    // a canvas of its own each time: one whose context was given back has none any more
    const own = document.createElement("canvas");
    own.className = styles.canvas ?? "";
    own.setAttribute("role", "img");
    own.setAttribute("aria-label", words.label(file.name));
    place.prepend(own);
    canvas.current = own;
    const ending = new AbortController();
    const sizes = new ResizeObserver(() => drawing.current?.fit());
    const lost = () => !ending.signal.aborted && setStage({ is: "lost" });
    own.addEventListener("webglcontextlost", lost);
    const run = async () => {
      const { Drawing } = await import("./drawing");
      if (ending.signal.aborted || !latest.current) return;
      const made = new Drawing(own, latest.current, bed.current);
      drawing.current = made;
      sizes.observe(place);
      let bytes = 0;
      let breathed = performance.now();
      const all = linesOf(downloadOf(file.name), ending.signal, (so_far) => {
        bytes = so_far;
      });
      for await (const lines of all) {
        made.take(lines.filter(matters));
        if (performance.now() - breathed < BREATHE_MS) continue;
        setStage({ is: "fetching", bytes, layers: made.count });
        await new Promise((resolve) => setTimeout(resolve));
        breathed = performance.now();
        if (ending.signal.aborted) return;
      }
      if (made.count === 0) return setStage({ is: "nothing" });
      setStage({ is: "drawing" });
      await new Promise((resolve) => setTimeout(resolve, 30));
      if (ending.signal.aborted) return;
      made.shown = { from: 1, to: made.count, travel: false };
      made.render();
      made.look("corner");
      setLayers(made.count);
      setSpan({ from: 1, to: made.count });
      setStage({ is: "shown" });
    };
    run().catch((error) => !ending.signal.aborted && setStage({ is: "failed", error }));
    return () => {
      ending.abort();
      sizes.disconnect();
      own.removeEventListener("webglcontextlost", lost);
      drawing.current?.dispose();
      drawing.current = null;
      own.remove();
    };
  }, [file.name, hasColours]);

  const isShown = stage.is === "shown";
  useEffect(() => {
    if (isShown) drawing.current?.show({ ...span, travel });
  }, [isShown, span, travel]);
  useEffect(() => {
    if (isShown && colours) drawing.current?.recolour(colours);
  }, [isShown, colours]);

  const z = format.millimetres(drawing.current?.tops[span.to]);
  return (
    <div className={styles.viewer}>
      <div ref={frame} className={styles.frame}>
        {!isShown && (
          <div className={styles.over}>
            <Stages stage={stage} size={file.size} onRetry={onRetry} />
          </div>
        )}
        {isShown && (
          <div className={styles.views}>
            <IconButton label={words.reset} onClick={() => drawing.current?.look("corner")}>
              <Box aria-hidden />
            </IconButton>
            <IconButton label={words.top} onClick={() => drawing.current?.look("top")}>
              <Square aria-hidden />
            </IconButton>
            <IconButton label={words.front} onClick={() => drawing.current?.look("front")}>
              <RectangleHorizontal aria-hidden />
            </IconButton>
          </div>
        )}
      </div>
      {isShown && (
        <div className={styles.controls}>
          <p className={styles.at} role="status">
            {span.from === 1
              ? words.at(format.count(span.to), format.count(layers), z)
              : words.span(format.count(span.from), format.count(span.to), format.count(layers), z)}
          </p>
          <Slider
            label={words.to}
            value={span.to}
            max={layers}
            onChange={(to) => setSpan({ from: Math.min(span.from, to), to })}
          />
          <Slider
            label={words.from}
            value={span.from}
            max={layers}
            onChange={(from) => setSpan({ from, to: Math.max(span.to, from) })}
          />
          <div className={styles.foot}>
            <Switch label={words.travel} checked={travel} onChange={setTravel} />
            <span className={styles.hint}>{words.hint}</span>
          </div>
        </div>
      )}
    </div>
  );
}

function Stages({ stage, size, onRetry }: { stage: Stage; size: number; onRetry: () => void }) {
  switch (stage.is) {
    case "fetching":
      return (
        <div className={styles.wait}>
          <Progress percent={size ? Math.min(100, (stage.bytes / size) * 100) : 0} label={words.progress} />
          <p>
            {words.fetching(format.bytes(stage.bytes), format.bytes(size))}
            <br />
            {words.reading(format.count(stage.layers))}
          </p>
        </div>
      );
    case "drawing":
      return <p role="status">{words.drawing}</p>;
    case "nothing":
      return <p role="status">{words.nothing}</p>;
    case "lost":
      return (
        <Notice
          tone="warn"
          actions={
            <Button icon={<RotateCcw aria-hidden />} onClick={onRetry}>
              {text.common.retry}
            </Button>
          }
        >
          {words.lost}
        </Notice>
      );
    case "failed":
      return <Failed error={stage.error} onRetry={onRetry} />;
    default:
      return null;
  }
}

function Slider(props: { label: string; value: number; max: number; onChange: (value: number) => void }) {
  const id = useId();
  return (
    <div className={styles.slider}>
      <label htmlFor={id}>{props.label}</label>
      <input
        id={id}
        type="range"
        min={1}
        max={props.max}
        value={props.value}
        onChange={(event) => props.onChange(event.target.valueAsNumber)}
      />
      <output htmlFor={id}>{format.count(props.value)}</output>
    </div>
  );
}
