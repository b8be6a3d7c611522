/** How wide a tile is for its height, so that a printer's state and times have room. */
const SHAPE = 1.5;

export interface Tiling {
  columns: number;
  rows: number;
}

/** As many columns and rows as let `count` tiles fill a screen of that size, with the largest type. */
export function tiling(count: number, width: number, height: number): Tiling {
  let best: Tiling = { columns: 1, rows: Math.max(count, 1) };
  let largest = 0;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(width / columns / SHAPE, height / rows);
    if (size > largest * 1.001) {
      largest = size;
      best = { columns, rows };
    }
  }
  return best;
}
