import { useQuery } from "@tanstack/react-query";
import { CameraOff, Download, LoaderCircle, Maximize, Minimize, RotateCcw, VideoOff } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { printerPath } from "@/api/backend";
import { address } from "@/api/client";
import { cameraQuery, snapshot } from "@/api/printer";
import { Problem } from "@/api/problem";
import { Button, Card, failed, IconButton } from "@/design";
import { format, text } from "@/text";
import styles from "./CameraLive.module.css";
import { useIsVisible } from "./useIsVisible";

const words = text.printer.camera;
const FPS = 12;
const AGAIN_MS = 15_000;
const SOON_MS = 1_000;

/** What the printer's camera sees, live as long as the page can be seen; and what is wrong when it doesn't. */
export function CameraLive({ printer }: { printer: string }) {
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState<"connecting" | "live" | "broken">("connecting");
  const frame = useRef<HTMLDivElement>(null);
  const isVisible = useIsVisible();
  const again = useCallback(() => {
    setState("connecting");
    setAttempt((number) => number + 1);
  }, []);
  const isBroken = state === "broken";
  return (
    <Card
      title={words.title}
      flush
      actions={
        !isBroken && (
          <>
            <Caption printer={printer} isOn={isVisible && state === "live"} />
            <SnapshotButton printer={printer} />
            <FullScreenButton frame={frame} />
          </>
        )
      }
    >
      <div ref={frame} className={`${styles.frame} ${isBroken ? styles.without : ""}`}>
        {isBroken ? (
          <Broken printer={printer} onAgain={again} isVisible={isVisible} />
        ) : (
          isVisible && (
            <Stream
              key={attempt}
              printer={printer}
              attempt={attempt}
              onLive={() => setState("live")}
              onBroken={() => setState("broken")}
            />
          )
        )}
        {state === "connecting" && (
          <p className={styles.state} role="status">
            <LoaderCircle aria-hidden className={styles.turning} />
            {words.connecting}
          </p>
        )}
      </div>
    </Card>
  );
}

interface StreamProps {
  printer: string;
  attempt: number;
  onLive: () => void;
  onBroken: () => void;
}

/** Browsers go on reading a stream whose picture is gone from the page, until its address is taken away. */
function Stream({ printer, attempt, onLive, onBroken }: StreamProps) {
  const picture = useRef<HTMLImageElement>(null);
  useEffect(() => {
    const image = picture.current;
    if (!image) return;
    image.src = `${address(printerPath(printer, "camera/stream"))}?fps=${FPS}&t=${attempt}`;
    return () => image.removeAttribute("src");
  }, [printer, attempt]);
  return <img ref={picture} alt={text.printers.cameraOf(printer)} onLoad={onLive} onError={onBroken} />;
}

function Caption({ printer, isOn }: { printer: string; isOn: boolean }) {
  const { data: camera } = useQuery({ ...cameraQuery(printer), enabled: isOn });
  if (!isOn || !camera) return null;
  if (camera.available === false) return <span className={styles.lost}>{words.lost}</span>;
  return (
    <span className={styles.caption} title={camera.source === "drawn" ? words.drawn : undefined}>
      <span className={styles.dot} aria-hidden />
      {camera.fps >= 1 ? `${words.live} · ${words.fps(format.count(camera.fps))}` : words.live}
    </span>
  );
}

function SnapshotButton({ printer }: { printer: string }) {
  const [isBusy, setBusy] = useState(false);
  const take = async () => {
    setBusy(true);
    try {
      save(await snapshot(printer), words.fileName(printer, stamp(new Date())));
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <IconButton label={words.snapshot} busy={isBusy} onClick={take}>
      <Download aria-hidden />
    </IconButton>
  );
}

/** Local time as a file's name may have it. */
function stamp(when: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [when.getFullYear(), two(when.getMonth() + 1), two(when.getDate())].join("-");
  return `${day} ${[two(when.getHours()), two(when.getMinutes()), two(when.getSeconds())].join(".")}`;
}

function save(content: Blob, name: string) {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function FullScreenButton({ frame }: { frame: React.RefObject<HTMLDivElement | null> }) {
  const [isFull, setFull] = useState(false);
  useEffect(() => {
    const look = () => setFull(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, []);
  if (!document.fullscreenEnabled) return null;
  const turn = () =>
    isFull ? document.exitFullscreen() : frame.current?.requestFullscreen().catch(() => setFull(false));
  return (
    <IconButton label={isFull ? words.leave : words.fullscreen} onClick={turn}>
      {isFull ? <Minimize aria-hidden /> : <Maximize aria-hidden />}
    </IconButton>
  );
}

interface BrokenProps {
  printer: string;
  onAgain: () => void;
  isVisible: boolean;
}

/** Why there is no stream, as the gateway says it of one picture; once there is a picture again, so is the stream. */
function Broken({ printer, onAgain, isVisible }: BrokenProps) {
  const { error, data, isFetching, refetch } = useQuery({
    queryKey: ["printers", printer, "camera", "picture"],
    queryFn: () => snapshot(printer),
    retry: false,
    gcTime: 0,
    enabled: isVisible,
    refetchInterval: ({ state }) => (isNone(state.error) ? false : AGAIN_MS),
  });
  useEffect(() => {
    if (!data) return;
    const timer = setTimeout(onAgain, SOON_MS); // not at once: pictures may come where streams don't
    return () => clearTimeout(timer);
  }, [data, onAgain]);
  const none = isNone(error);
  const problem = error && Problem.from(error);
  return (
    <div className={styles.broken} role="status">
      {none ? <CameraOff aria-hidden /> : <VideoOff aria-hidden />}
      <p className={styles.strong}>{none ? words.none : words.down}</p>
      <p>{none ? words.noneAbout : (problem?.message ?? words.connecting)}</p>
      {!none && <p>{words.again}</p>}
      {!none && (
        <Button icon={<RotateCcw aria-hidden />} busy={isFetching} onClick={() => refetch()}>
          {text.common.retry}
        </Button>
      )}
    </div>
  );
}

function isNone(error: unknown): boolean {
  return error !== null && Problem.from(error).code === "CAMERA_NOT_CONFIGURED";
}
