/** A file's picture and its layers. */
export { GcodePreview } from "./GcodePreview";
export { Thumbnail } from "./Thumbnail";
