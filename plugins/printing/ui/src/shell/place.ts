/** Where the page stands: below which address, and whether inside another page. */

const MOUNTS = ["/dashboard/printing", "/printing"];

/** The path that the dashboard is served at here. */
export const mount =
  MOUNTS.find((one) => location.pathname === one || location.pathname.startsWith(`${one}/`)) ?? "/printing";

/** In another page's frame, or asked to be: no navigation of its own. */
export const isEmbedded = new URLSearchParams(location.search).get("embed") === "1";

/** The same page in a window of its own, with its navigation. */
export function ownWindow(): string {
  const query = new URLSearchParams(location.search);
  query.delete("embed");
  const rest = query.toString();
  return location.pathname + (rest && `?${rest}`);
}
