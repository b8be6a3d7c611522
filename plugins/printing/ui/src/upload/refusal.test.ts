import { expect, test } from "vitest";
import { text } from "@/text";
import { answerOf, inWords, isPassing } from "./refusal";

test("a refusal is in words by its code, else by its status, else as the gateway says it", () => {
  expect(inWords(answerOf(507, '{"code":"STORAGE_FULL","message":"x"}', null))).toBe(
    text.files.uploads.codes.STORAGE_FULL,
  );
  expect(inWords(answerOf(413, "<html>too large</html>", null))).toBe(text.files.uploads.statuses[413]);
  expect(inWords(answerOf(422, '{"code":"SOMETHING","message":"No."}', null))).toBe("No.");
  expect(inWords(answerOf(418, "", null))).toBe(text.problems.unknown(418));
});

test("only what passes by itself is tried again", () => {
  const passing = [0, 429, 500, 503].map((status) => isPassing(answerOf(status, "", null)));
  expect(passing).toEqual([true, true, true, true]);
  const lasting = [400, 401, 403, 409, 413, 415, 422, 507].map((status) =>
    isPassing(answerOf(status, "", null)),
  );
  expect(lasting).not.toContain(true);
});
