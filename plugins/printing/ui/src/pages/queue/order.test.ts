import { expect, it } from "vitest";
import type { QueueItem } from "@/api/types";
import { changes, moved } from "./order";

const queue = (...places: number[]) =>
  places.map((position) => ({ id: position * 10, position }) as QueueItem);

it("moves one job and says only of those between that they moved", () => {
  const before = queue(1, 2, 3, 4);
  const after = moved(before, 0, 2);
  expect(after.map((job) => job.id)).toEqual([20, 30, 10, 40]);
  expect(changes(before, after)).toEqual([
    { id: 20, position: 1 },
    { id: 30, position: 2 },
    { id: 10, position: 3 },
  ]);
});

it("keeps to the places that these jobs have among others", () => {
  const before = queue(2, 5, 9);
  expect(changes(before, moved(before, 2, 0))).toEqual([
    { id: 90, position: 2 },
    { id: 20, position: 5 },
    { id: 50, position: 9 },
  ]);
});

it("says nothing where nothing moved", () => {
  const before = queue(1, 2);
  expect(changes(before, moved(before, 1, 1))).toEqual([]);
});
