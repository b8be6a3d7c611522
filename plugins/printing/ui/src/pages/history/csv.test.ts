import { expect, it } from "vitest";
import type { JobItem } from "@/api/types";
import { csvOf } from "./csv";

const job = (said: Partial<JobItem>) =>
  ({ id: "1", fileName: "a.gcode", status: "failed", ...said }) as JobItem;
const cells = (said: Partial<JobItem>) => csvOf([job(said)], "EUR").split("\r\n")[1];

it("quotes what would break a row", () => {
  expect(cells({ fileName: 'a,"b"\n.gcode' })).toContain('1,"a,""b""\n.gcode",failed,');
});

it("is no formula to a spreadsheet", () => {
  expect(cells({ errorMessage: "=HYPERLINK(1)" })).toMatch(/EUR,'=HYPERLINK\(1\)$/);
});

it("has a column for each head, and nothing where nothing is known", () => {
  const [head, row, end] = csvOf([job({ cost: 0, materialUsed: null })], "EUR").split("\r\n");
  expect(row?.split(",")).toHaveLength(head?.split(",").length ?? 0);
  expect(row).toMatch(/,,0,EUR,$/);
  expect(end).toBe("");
});
