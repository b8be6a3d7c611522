/** Numbers, times and units as people write them, in the language of their browser. */
const LANGUAGE = typeof navigator === "undefined" ? "en" : navigator.language;

const dateTime = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });
const dayOnly = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" });
const timeOnly = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "short" });
const weekdayTime = new Intl.DateTimeFormat(LANGUAGE, {
  weekday: "short",
  hour: "numeric",
  minute: "2-digit",
});
const dayTime = new Intl.DateTimeFormat(LANGUAGE, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
});
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto", style: "short" });
const whole = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });

export const NOTHING = "–";

/** Seconds → "2 h 05 min", "12 min", "40 s". */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return NOTHING;
  const all = Math.max(0, Math.round(seconds));
  if (all < 60) return `${all} s`;
  const minutes = Math.round(all / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** "3 min ago", "in 2 hr". */
export function ago(when: string | number | Date, now = Date.now()): string {
  const seconds = (new Date(when).getTime() - now) / 1000;
  const size = Math.abs(seconds);
  if (size < 60) return relative.format(Math.round(seconds), "second");
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86_400), "day");
}

/** Local date and time. */
export function moment(when: string | number | Date | null | undefined): string {
  return when == null ? NOTHING : dateTime.format(new Date(when));
}

/** The same, as short as it can be told apart: without the year that it is, without the day of `beside`. */
export function shortMoment(when: string | number | Date, beside?: string | number | Date | null): string {
  const moment = new Date(when);
  if (beside != null && moment.toDateString() === new Date(beside).toDateString())
    return timeOnly.format(moment);
  return (moment.getFullYear() === new Date().getFullYear() ? dayTime : dateTime).format(moment);
}

export function day(when: string | number | Date): string {
  return dayOnly.format(new Date(when));
}

/** When something ends that takes so many seconds more: "14:05", "Thu 9:30". */
export function endsAt(seconds: number | null | undefined, now = Date.now()): string {
  if (seconds == null) return NOTHING;
  const end = new Date(now + seconds * 1000);
  return end.toDateString() === new Date(now).toDateString() ? timeOnly.format(end) : weekdayTime.format(end);
}

export function percent(value: number | null | undefined): string {
  if (value == null) return NOTHING;
  return `${whole.format(value > 99 && value < 100 ? 99 : value)} %`;
}

export function degrees(value: number | null | undefined): string {
  return value == null ? NOTHING : `${whole.format(value)} °C`;
}

export function grams(value: number | null | undefined): string {
  if (value == null) return NOTHING;
  return value >= 1000 ? `${tenths.format(value / 1000)} kg` : `${tenths.format(value)} g`;
}

export function metres(millimetres: number | null | undefined): string {
  return millimetres == null ? NOTHING : `${tenths.format(millimetres / 1000)} m`;
}

export function millimetres(value: number | null | undefined): string {
  return value == null
    ? NOTHING
    : `${new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2 }).format(value)} mm`;
}

export function bytes(value: number | null | undefined): string {
  if (value == null) return NOTHING;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${(size >= 100 || unit === 0 ? whole : tenths).format(size)} ${units[unit]}`;
}

export function count(value: number): string {
  return whole.format(value);
}

export function money(value: number | null | undefined, currency: string): string {
  if (value == null) return NOTHING;
  try {
    return new Intl.NumberFormat(LANGUAGE, { style: "currency", currency }).format(value);
  } catch {
    return `${value.toFixed(2)} ${currency}`;
  }
}
