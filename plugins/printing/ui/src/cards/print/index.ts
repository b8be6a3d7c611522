export { FilePicture } from "./FilePicture";
export { PrintDialog, type PrintInitial } from "./PrintDialog";
