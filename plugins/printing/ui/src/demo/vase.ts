/** The sample's shape: a small vase with ripples that turn as it grows. Lengths in mm, angles in radians. */
export const HEIGHT = 60;
const RADIUS = 19;
const RIPPLES = 9;

/** How far the wall is from the middle, at a height and an angle. */
export function radiusAt(z: number, angle: number): number {
  const grown = z / HEIGHT;
  const belly = RADIUS * (0.78 + 0.32 * Math.sin(Math.PI * (0.12 + 0.98 * grown)) + 0.12 * grown ** 3);
  const ripple = 1.1 * Math.sin(Math.PI * Math.min(1, grown * 1.4)) * Math.cos(RIPPLES * angle + grown * 3);
  return belly + ripple;
}
