/** The files of a FluxPrint service, which lists them all and says little of each, as if the gateway held them. */
import { api, ok } from "@/api/client";
import { Problem } from "@/api/problem";
import type { FileItem, FileView, Of } from "@/api/types";
import { text } from "@/text";

interface Wanted {
  search: string;
  sort: string;
  limit: number;
  offset: number;
}

/** What of a file is certain. */
type Said = Pick<FileItem, "name"> & Partial<FileItem>;

let asked: ReturnType<typeof ask> | null = null;

function ask() {
  return ok(api.GET("/api/printing/files"));
}

/** All of them. Each line of a page asks for its own file: whoever asks meanwhile gets the same answer. */
function readAll(): ReturnType<typeof ask> {
  asked ??= ask().finally(() => {
    asked = null;
  });
  return asked;
}

/** A page of what fits, in order. Rejects with a `Problem`. */
export async function readFiles({ search, sort, limit, offset }: Wanted): Promise<Of<"FilesView">> {
  const said = await readAll();
  const all = (said.files ?? []).map(item);
  const key = sort.replace("-", "") as "name" | "date" | "size";
  const fit = all
    .filter(({ name }) => name.toLowerCase().includes(search.toLowerCase()))
    .sort((one, other) =>
      key === "name"
        ? one.name.localeCompare(other.name)
        : one[key] - other[key] || one.name.localeCompare(other.name),
    );
  if (sort.startsWith("-")) fit.reverse();
  return {
    files: fit.slice(offset, offset + limit),
    count: fit.length,
    free: said.free ?? 0,
    total: said.total ?? 0,
    used: all.reduce((sum, { size }) => sum + size, 0),
    quota: null,
  };
}

/** Rejects with a `Problem`, 404 if the service lists none of this name. */
export async function readFile(name: string): Promise<FileView> {
  const { files } = await readAll();
  const file = files?.find((one) => one.name === name);
  if (!file) throw new Problem(404, "FILE_NOT_FOUND", text.files.one.gone);
  return {
    ...item(file),
    metadata: {
      ...NOTHING,
      bedTemperature: null,
      boundingBox: null,
      filamentLength: null,
      filamentVolume: null,
      firstLayerHeight: null,
      height: null,
      nozzleDiameter: null,
      nozzleTemperature: null,
      slicerVersion: null,
      thumbnails: [],
      tools: [],
    },
    download: "",
    projectId: null,
    uploadedBy: null,
  };
}

const NOTHING: Of<"FileMetadata"> = {
  analysed: true,
  estimatedTime: null,
  filamentGrams: null,
  layerHeight: null,
  layers: null,
  material: null,
  printerModel: null,
  slicer: null,
  thumbnail: null,
};

function item(said: Said): FileItem {
  const estimatedTime = said.gcodeAnalysis?.estimatedPrintTime ?? null;
  return {
    name: said.name,
    display: said.display ?? said.name,
    path: said.path ?? said.name,
    origin: "local",
    size: said.size ?? 0,
    date: said.date ?? 0,
    hash: "",
    gcodeAnalysis: said.gcodeAnalysis ?? {
      estimatedPrintTime: null,
      filamentLength: null,
      filamentWeight: null,
      layerHeight: null,
      materials: [],
      slicer: null,
    },
    metadata: { ...NOTHING, estimatedTime },
  };
}
