/** Every word that the dashboard says, in one place: another language is another folder like `en`. */
import { common, link, nav } from "./en/common";
import { files } from "./en/files";
import { printers } from "./en/printers";
import { problems } from "./en/problems";
import { noAccess, notFound } from "./en/shell";
import { signIn } from "./en/signIn";

export const text = { common, nav, link, files, printers, problems, noAccess, notFound, signIn };

export * as format from "./format";
