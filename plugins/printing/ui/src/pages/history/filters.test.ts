import { describe, expect, it } from "vitest";
import { filterOf, isBackwards, numbersFilterOf, queryOf, wantedOf } from "./filters";

const NOON = new Date(2026, 0, 31, 12);
const from = (query: string) => wantedOf(new URLSearchParams(query));

describe("the address", () => {
  it("says what is wanted, and nothing that isn't", () => {
    const query = "embed=1&status=failed&printer=mk4&range=7&page=3&view=charts";
    expect(queryOf(from(query), new URLSearchParams(query)).toString()).toBe(
      "embed=1&status=failed&printer=mk4&range=7&page=3&view=charts",
    );
    expect(queryOf(from(""), new URLSearchParams("page=7&status=failed&embed=1")).toString()).toBe("embed=1");
  });

  it("is harmless where it is wrong", () => {
    const wanted = from("status=lost&range=8&page=-2&from=tomorrow&view=cake");
    expect(wanted).toEqual({ range: "30", page: 1, view: "list" });
  });

  it("takes days alone for a range of its own", () => {
    expect(from("from=2026-01-02&to=2026-01-01")).toMatchObject({ range: "custom", from: "2026-01-02" });
    expect(isBackwards(from("from=2026-01-02&to=2026-01-01"))).toBe(true);
    expect(isBackwards(from("from=2026-01-02&to=2026-01-02"))).toBe(false);
  });
});

describe("the filter", () => {
  it("has whole local days, today among them", () => {
    expect(filterOf(from("range=7"), NOON)).toEqual({ from: new Date(2026, 0, 25).toISOString() });
    expect(filterOf(from("from=2026-01-30&to=2026-01-31"), NOON)).toEqual({
      from: new Date(2026, 0, 30).toISOString(),
      to: new Date(2026, 1, 1).toISOString(),
    });
    expect(filterOf(from("range=all&search=a"), NOON)).toEqual({ search: "a" });
  });

  it("is of a year at most for the numbers", () => {
    expect(numbersFilterOf(from("range=90"), NOON).isCut).toBe(false);
    const year = { from: new Date(2025, 1, 1).toISOString() };
    expect(numbersFilterOf(from("range=all"), NOON)).toEqual({ filter: year, isCut: true });
    expect(numbersFilterOf(from("from=2020-01-01&to=2021-01-01"), NOON).filter).toEqual({
      from: new Date(2020, 0, 3).toISOString(),
      to: new Date(2021, 0, 2).toISOString(),
    });
  });
});
