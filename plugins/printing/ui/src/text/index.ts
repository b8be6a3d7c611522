/** Every word that the dashboard says, in one place: another language is another folder like `en`. */
import { account } from "./en/account";
import { common, link, nav } from "./en/common";
import { health } from "./en/health";
import { history } from "./en/history";
import { print } from "./en/print";
import { printer, wall } from "./en/printer";
import { printers } from "./en/printers";
import { problems } from "./en/problems";
import { queue } from "./en/queue";
import { noAccess, notFound } from "./en/shell";
import { signIn } from "./en/signIn";

export const text = {
  account,
  common,
  link,
  nav,
  health,
  history,
  print,
  printer,
  wall,
  printers,
  problems,
  queue,
  noAccess,
  notFound,
  signIn,
};

export * as format from "./format";
