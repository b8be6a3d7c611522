/** Every word that the dashboard says, in one place: another language is another folder like `en`. */
import { account } from "./en/account";
import { common, link, nav } from "./en/common";
import { health } from "./en/health";
import { history } from "./en/history";
import { printers } from "./en/printers";
import { problems } from "./en/problems";
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
  signIn,
  account,
  health,
  history,
};

export * as format from "./format";
