/** Draws the sample, as a slicer's picture of it. */
import type { Picture } from "./sample";
import { HEIGHT, radiusAt } from "./vase";

const RINGS = 90;
const SIDES = 120;
const TILT = 0.34;

/** On a clear background, as large as the canvas, which is square. */
export function paintSample(canvas: HTMLCanvasElement): void {
  const paint = canvas.getContext("2d");
  if (paint) draw(paint, canvas.width);
}

/** A square PNG with a clear background. */
export function drawSample(size: number): Picture {
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  paintSample(canvas);
  return { width: size, height: size, png: canvas.toDataURL("image/png").split(",")[1] ?? "" };
}

function draw(paint: CanvasRenderingContext2D, size: number): void {
  const scale = size / (HEIGHT * 1.42);
  const middle = size / 2;
  const foot = size * 0.88;
  const place = (z: number, angle: number): [number, number] => [
    middle + radiusAt(z, angle) * Math.cos(angle) * scale,
    foot - z * 1.08 * scale + radiusAt(z, angle) * Math.sin(angle) * scale * TILT,
  ];
  const strip = (ring: number, side: number, shade: number) => {
    const [low, high] = [(ring * HEIGHT) / RINGS, ((ring + 1.4) * HEIGHT) / RINGS];
    const [left, right] = [(side * 2 * Math.PI) / SIDES, ((side + 1.2) * 2 * Math.PI) / SIDES];
    paint.fillStyle = `hsl(174 ${42 + shade * 14}% ${16 + shade * 44}%)`;
    paint.beginPath();
    for (const [z, angle] of [
      [low, left],
      [low, right],
      [high, right],
      [high, left],
    ] as const) {
      paint.lineTo(...place(Math.min(z, HEIGHT), angle));
    }
    paint.fill();
  };
  for (let ring = 0; ring < RINGS; ring++) {
    // the far wall first: its inside shows above the rim
    for (let side = SIDES / 2; side < SIDES; side++) strip(ring, side, 0.12);
  }
  for (let ring = 0; ring < RINGS; ring++) {
    for (let side = 0; side < SIDES / 2; side++) strip(ring, side, light(ring, side));
  }
}

/** How bright a piece of the wall is: by where it looks to, from the light above on the left. */
function light(ring: number, side: number): number {
  const z = (ring * HEIGHT) / RINGS;
  const angle = (side * 2 * Math.PI) / SIDES;
  const slope = (radiusAt(z, angle + 0.02) - radiusAt(z, angle - 0.02)) / 0.04 / radiusAt(z, angle);
  return Math.max(0.05, Math.min(1, 0.5 + 0.45 * Math.cos(angle - Math.atan(slope) - 2.2)));
}
