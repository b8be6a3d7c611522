import { text } from "@/text";

/** The priorities that are offered; the gateway takes each from -100 to 100. */
export const PRIORITIES = [50, 10, 0, -10];

export function priorityName(priority: number): string {
  const word = priority >= 50 ? "urgent" : priority > 0 ? "high" : priority < 0 ? "low" : "normal";
  const name = text.print.priorities[word] ?? word;
  return PRIORITIES.includes(priority) ? name : text.print.priorityValue(name, priority);
}
