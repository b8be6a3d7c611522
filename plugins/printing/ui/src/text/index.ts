/** Every word that the dashboard says, in one place: another language is another folder like `en`. */
import { common, link, nav } from "./en/common";
import { overview, welcome } from "./en/overview";
import { printers } from "./en/printers";
import { problems } from "./en/problems";
import { settings } from "./en/settings";
import { noAccess, notFound } from "./en/shell";
import { signIn } from "./en/signIn";

export const text = {
  common,
  nav,
  link,
  printers,
  problems,
  noAccess,
  notFound,
  overview,
  settings,
  signIn,
  welcome,
};

export * as format from "./format";
