/** Sends files to the gateway, whichever page is shown. */
export { upload } from "./queue";
export { Uploads } from "./Uploads";
