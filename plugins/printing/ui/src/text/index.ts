/** Every word that the dashboard says, in one place: another language is another folder like `en`. */
import { account } from "./en/account";
import { common, link, nav } from "./en/common";
import { files } from "./en/files";
import { health } from "./en/health";
import { history } from "./en/history";
import { overview, welcome } from "./en/overview";
import { print } from "./en/print";
import { printer, wall } from "./en/printer";
import { printers } from "./en/printers";
import { problems } from "./en/problems";
import { project } from "./en/project";
import { queue } from "./en/queue";
import { settings } from "./en/settings";
import { noAccess, notFound } from "./en/shell";
import { signIn } from "./en/signIn";

export const text = {
  account,
  common,
  link,
  nav,
  files,
  health,
  history,
  overview,
  welcome,
  print,
  printer,
  wall,
  printers,
  problems,
  project,
  queue,
  settings,
  noAccess,
  notFound,
  signIn,
};

export * as format from "./format";
