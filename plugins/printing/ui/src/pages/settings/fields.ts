/** The fields of a kind of printer, from the JSON Schema of its settings; what is typed into them, and the settings that
 * this means. Pure. */
import type { Driver, Settings } from "@/api/settings";
import { text } from "@/text";

export type Shape = "text" | "number" | "switch" | "choice" | "list" | "volume" | "json";

export const SECTIONS = ["connection", "prints", "behaviour", "camera", "other", "advanced"] as const;
export type Section = (typeof SECTIONS)[number];

export interface Field {
  key: string;
  shape: Shape;
  section: Section;
  isSecret: boolean;
  isRequired: boolean;
  /** What it says when nothing is; undefined: the schema doesn't say. */
  preset: unknown;
  choices: readonly string[];
  min?: number;
  /** It has to be more than this. */
  above?: number;
  max?: number;
  /** What a text, or each part of a list, has to look like. */
  pattern?: string;
  description?: string;
}

interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  anyOf?: Schema[];
  type?: string;
  enum?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  description?: string;
  default?: unknown;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  pattern?: string;
}

const PLACES: Record<string, Section> = {
  url: "connection",
  api_key: "connection",
  username: "connection",
  password: "connection",
  model: "prints",
  nozzle: "prints",
  materials: "prints",
  build_volume: "prints",
  groups: "prints",
  auto_start: "behaviour",
  bed_gate: "behaviour",
  max_hotend: "behaviour",
  max_bed: "behaviour",
  camera_url: "camera",
  camera_snapshot_url: "camera",
  camera_fps: "camera",
  allowed_gcode: "advanced",
  timeout: "advanced",
  poll_interval: "advanced",
};
const ORDER = Object.keys(PLACES);
/** Without it the gateway can't reach the printer, though the schema lets it out. */
const NEEDED = new Set(["url"]);

export function fieldsOf(driver: Driver): Field[] {
  const root = driver.schema as Schema;
  const defs = root.$defs ?? {};
  const whole = resolved(root, defs);
  return Object.entries(whole.properties ?? {})
    .filter(([key]) => key !== "driver")
    .map(([key, given]) => {
      const schema = resolved(given, defs);
      const plain = resolved(schema.anyOf?.find((one) => one.type !== "null") ?? schema, defs);
      const field: Field = {
        key,
        shape: shapeOf(plain, schema.anyOf),
        section: PLACES[key] ?? "other",
        isSecret: driver.secrets.includes(key),
        isRequired: (whole.required?.includes(key) ?? false) || NEEDED.has(key),
        preset: schema.default,
        choices: plain.enum?.map(String) ?? [],
      };
      const limits = field.shape === "volume" ? resolved(plain.properties?.x ?? {}, defs) : plain;
      const pattern = plain.items?.pattern ?? plain.pattern;
      const description = given.description ?? schema.description ?? plain.description;
      return {
        ...field,
        ...(limits.minimum !== undefined && { min: limits.minimum }),
        ...(limits.exclusiveMinimum !== undefined && { above: limits.exclusiveMinimum }),
        ...(limits.maximum !== undefined && { max: limits.maximum }),
        ...(pattern && { pattern }),
        ...(description && { description: description.replaceAll(/\s+/g, " ") }),
      };
    })
    .sort((a, b) => rank(a.key) - rank(b.key));
}

function rank(key: string): number {
  const place = ORDER.indexOf(key);
  return place < 0 ? ORDER.length : place;
}

function resolved(schema: Schema, defs: Record<string, Schema>): Schema {
  const name = schema.$ref?.split("/").at(-1);
  return name && defs[name] ? { ...defs[name], ...schema } : schema;
}

function shapeOf(schema: Schema, anyOf: Schema[] | undefined): Shape {
  if (anyOf && anyOf.filter((one) => one.type !== "null").length > 1) return "json";
  if (schema.enum) return "choice";
  const { x, y, z } = schema.properties ?? {};
  if (x && y && z) return "volume";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "number" || schema.type === "integer") return "number";
  if (schema.type === "string") return "text";
  if (schema.type === "array" && schema.items?.type === "string") return "list";
  return "json";
}

/** What stands in the form, by field; a volume's as `build_volume.x`. Null: a kept secret is to be removed. */
export type Draft = Record<string, string | null>;

export const AXES = ["x", "y", "z"] as const;

export function draftOf(fields: readonly Field[], settings: Settings): Draft {
  const draft: Draft = {};
  for (const field of fields) {
    const value = settings[field.key] ?? null;
    const isPreset = JSON.stringify(value) === JSON.stringify(field.preset);
    if (field.shape === "volume") {
      for (const axis of AXES) draft[`${field.key}.${axis}`] = axisOf(value, axis);
    } else if (value === null || (isPreset && field.shape !== "choice" && field.shape !== "switch")) {
      draft[field.key] = "";
    } else if (field.shape === "list") {
      draft[field.key] = (value as unknown[]).join(", ");
    } else {
      draft[field.key] = field.shape === "json" ? JSON.stringify(value) : String(value);
    }
  }
  return draft;
}

function axisOf(value: unknown, axis: string): string {
  const size = (value as Record<string, number> | null)?.[axis];
  return size === undefined ? "" : String(size);
}

export type Errors = Record<string, string>;

/** The settings that a draft means, and what can't be meant, by field. What is left empty isn't in them: it is as
 * usual, and a secret stays as it is. `kept`: the secrets that the gateway has. */
export function settingsOf(
  driver: string,
  fields: readonly Field[],
  draft: Draft,
  kept: readonly string[] = [],
): [Settings, Errors] {
  const settings: Settings = { driver };
  const errors: Errors = {};
  for (const field of fields) {
    const { key } = field;
    if (draft[key] === null) {
      settings[key] = null;
      continue;
    }
    if (field.shape === "volume") {
      const sizes = AXES.map((axis) => (draft[`${key}.${axis}`] ?? "").trim());
      if (sizes.every((size) => size === "")) continue;
      const [x, y, z] = sizes.map(toNumber);
      if (x === undefined || y === undefined || z === undefined) {
        errors[key] = text.settings.form.wholeVolume;
        continue;
      }
      const error = [x, y, z].map((size) => outOfBounds(field, size)).find((one) => one !== undefined);
      if (error) errors[key] = error;
      else settings[key] = { x, y, z };
      continue;
    }
    const typed = (draft[key] ?? "").trim();
    if (typed === "") {
      if (field.isRequired && !kept.includes(key) && field.preset == null) {
        errors[key] = text.settings.form.required;
      }
      continue;
    }
    const [value, error] = read(field, typed);
    if (error) errors[key] = error;
    else settings[key] = value;
  }
  return [settings, errors];
}

function read(field: Field, typed: string): [unknown, string?] {
  const words = text.settings.form;
  switch (field.shape) {
    case "number": {
      const value = toNumber(typed);
      if (value === undefined) return [null, words.notANumber];
      const error = outOfBounds(field, value);
      return error ? [null, error] : [value];
    }
    case "switch":
      return [typed === "true"];
    case "list": {
      const parts = typed
        .split(",")
        .map((part) => part.trim())
        .filter(Boolean);
      const misfit = parts.find((part) => !fits(field, part));
      return misfit === undefined ? [parts] : [null, words.misfit(misfit)];
    }
    case "json":
      try {
        return [JSON.parse(typed)];
      } catch {
        return [null, words.notJson];
      }
    default:
      if (/(^|_)url$/.test(field.key) && !/^https?:\/\/./i.test(typed)) return [null, words.notAUrl];
      return fits(field, typed) ? [typed] : [null, words.misfit(typed)];
  }
}

function outOfBounds({ min, above, max }: Field, value: number): string | undefined {
  const words = text.settings.form;
  if (min !== undefined && value < min) return words.tooSmall(String(min));
  if (above !== undefined && value <= above) return words.notAbove(String(above));
  if (max !== undefined && value > max) return words.tooLarge(String(max));
  return undefined;
}

function fits({ pattern }: Field, typed: string): boolean {
  if (pattern === undefined) return true;
  try {
    return new RegExp(pattern, "u").test(typed);
  } catch {
    return true; // not one of a browser's: the gateway judges
  }
}

function toNumber(typed: string): number | undefined {
  const value = Number(typed.replace(",", "."));
  return typed === "" || !Number.isFinite(value) ? undefined : value;
}

const NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_ .-]{0,98}[\p{L}\p{N}_])?$/u;

export function nameError(name: string): string | null {
  if (!name) return text.settings.form.required;
  return NAME.test(name) ? null : text.settings.form.badName;
}

/** Whether an address leads to another server than before, so that no secret may go there unasked. */
export function leadsElsewhere(before: unknown, now: string | null | undefined): boolean {
  return typeof before === "string" && !!now && origin(before) !== origin(now.trim());
}

function origin(url: string): string {
  const [, scheme = "", rest = ""] = /^([^:]*):\/\/([^/?#]*)/.exec(url) ?? [];
  return `${scheme}://${rest.split("@").at(-1)?.toLowerCase()}`;
}

/** The form's field that the gateway's `field` means, such as `settings.build_volume.x`; without one, the field that
 * its message names. Null: none of them. */
export function fieldOf(field: string | null, message: string, fields: readonly Field[]): string | null {
  if (field === "name") return "name";
  const key = field?.split(/[.[]/)[1];
  if (key && fields.some((one) => one.key === key)) return key;
  if (message.startsWith("a name has")) return "name";
  const named = fields.filter((one) => new RegExp(`\\b${one.key}\\b`).test(message));
  return named[0]?.key ?? null;
}
