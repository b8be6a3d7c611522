import { describe, expect, it } from "vitest";
import type { Driver } from "@/api/settings";
import { draftOf, fieldOf, fieldsOf, leadsElsewhere, nameError, settingsOf } from "./fields";

const orNull = (type: string) => ({ anyOf: [{ type }, { type: "null" }], default: null });

const ACME = {
  driver: "acme",
  title: "Acme",
  secrets: ["pin"],
  schema: {
    $ref: "#/$defs/AcmeSettings",
    $defs: {
      AcmeSettings: {
        type: "object",
        required: ["driver", "serial"],
        properties: {
          driver: { enum: ["acme"] },
          serial: { type: "string", description: "Its\n    number" },
          pin: orNull("string"),
          url: orNull("string"),
          nozzle: {
            anyOf: [{ type: "number", exclusiveMinimum: 0, maximum: 10 }, { type: "null" }],
            default: null,
          },
          materials: { type: "array", items: { type: "string", pattern: "^[A-Z]+$" }, default: [] },
          auto_start: orNull("boolean"),
          max_bed: { type: "number", maximum: 200, default: 120.0 },
          build_volume: { anyOf: [{ $ref: "#/$defs/BuildVolume" }, { type: "null" }], default: null },
          fail: { enum: ["never", "thermal"], default: "never" },
          extra: { type: "object" },
        },
      },
      BuildVolume: {
        type: "object",
        properties: {
          x: { type: "number", exclusiveMinimum: 0 },
          y: { type: "number", exclusiveMinimum: 0 },
          z: { type: "number", exclusiveMinimum: 0 },
        },
      },
    },
  },
} as unknown as Driver;
const FIELDS = fieldsOf(ACME);

describe("fieldsOf", () => {
  it("knows what each is, and where it belongs", () => {
    const shapes = Object.fromEntries(FIELDS.map(({ key, shape }) => [key, shape]));
    expect(shapes).toEqual({
      serial: "text",
      pin: "text",
      url: "text",
      nozzle: "number",
      materials: "list",
      auto_start: "switch",
      max_bed: "number",
      build_volume: "volume",
      fail: "choice",
      extra: "json",
    });
    const serial = FIELDS.find(({ key }) => key === "serial");
    expect(serial).toMatchObject({ section: "other", isRequired: true, description: "Its number" });
    expect(FIELDS.find(({ key }) => key === "pin")?.isSecret).toBe(true);
    expect(FIELDS[0]?.key).toBe("url");
  });
});

describe("a draft", () => {
  const settings = {
    driver: "acme",
    serial: "7",
    url: "http://acme.local",
    nozzle: 0.6,
    materials: ["PLA", "PETG"],
    auto_start: false,
    max_bed: 100,
    build_volume: { x: 250, y: 210, z: 220 },
    fail: "thermal",
    extra: { a: 1 },
  };

  it("means the settings that it was made of", () => {
    expect(settingsOf("acme", FIELDS, draftOf(FIELDS, settings))).toEqual([settings, {}]);
  });

  it("leaves out what is as usual, and secrets that nobody typed", () => {
    const usual = { driver: "acme", serial: "7", url: "http://acme.local", max_bed: 120, materials: [] };
    const [meant] = settingsOf("acme", FIELDS, draftOf(FIELDS, usual), ["pin"]);
    expect(meant).toEqual({ driver: "acme", serial: "7", url: "http://acme.local" });
  });

  it("removes a secret that is to go", () => {
    const draft = { ...draftOf(FIELDS, settings), pin: null };
    expect(settingsOf("acme", FIELDS, draft, ["pin"])[0]).toMatchObject({ pin: null });
  });

  it("says what can't be meant, at its field", () => {
    const draft = {
      ...draftOf(FIELDS, settings),
      serial: " ",
      url: "acme.local",
      nozzle: "0",
      max_bed: "hot",
      "build_volume.z": "",
      extra: "{",
    };
    expect(Object.keys(settingsOf("acme", FIELDS, draft)[1]).sort()).toEqual([
      "build_volume",
      "extra",
      "max_bed",
      "nozzle",
      "serial",
      "url",
    ]);
  });

  it("says which part of a list, and that a side of a volume, can't be meant", () => {
    const draft = { ...draftOf(FIELDS, settings), materials: "PLA, what?", "build_volume.z": "0" };
    const [, errors] = settingsOf("acme", FIELDS, draft);
    expect(errors.materials).toContain("what?");
    expect(errors.build_volume).toContain("More than 0");
  });

  it("takes a decimal comma", () => {
    const draft = { ...draftOf(FIELDS, settings), nozzle: "0,4" };
    expect(settingsOf("acme", FIELDS, draft)[0].nozzle).toBe(0.4);
  });
});

describe("fieldOf", () => {
  it("finds the field that the gateway means", () => {
    expect(fieldOf("settings.build_volume.x", "", FIELDS)).toBe("build_volume");
    expect(fieldOf("settings.materials[...]", "", FIELDS)).toBe("materials");
    expect(fieldOf("settings", "an Acme needs a url", FIELDS)).toBe("url");
    expect(fieldOf("name", "", FIELDS)).toBe("name");
    expect(fieldOf("settings", "something else", FIELDS)).toBeNull();
  });
});

describe("leadsElsewhere", () => {
  it("is about the server alone", () => {
    expect(leadsElsewhere("http://a.local/x", "http://A.local/y")).toBe(false);
    expect(leadsElsewhere("http://a.local", "http://a.local:81")).toBe(true);
    expect(leadsElsewhere("http://a.local", "https://a.local")).toBe(true);
    expect(leadsElsewhere(undefined, "http://a.local")).toBe(false);
  });
});

describe("nameError", () => {
  it("takes what the gateway takes", () => {
    for (const name of ["ender", "Ender 3 (links)".replace(/[()]/g, ""), "Größe_2.1", "x"]) {
      expect(nameError(name)).toBeNull();
    }
    for (const name of ["", " ender", "a/b", "ender.", "x".repeat(101)])
      expect(nameError(name)).not.toBeNull();
  });
});
