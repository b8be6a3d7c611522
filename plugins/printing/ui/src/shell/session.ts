import { address, callHeaders } from "@/api/client";
import { Problem } from "@/api/problem";

const SESSION = "/-/auth/session";

/** Make a session of this browser with an API key or a bearer token; rejects with a Problem. */
export async function signIn(credential: string): Promise<void> {
  await change(SESSION, "POST", { Authorization: `Bearer ${credential}` });
}

/** End this browser's session, or all of the caller's. */
export async function signOut({ everywhere = false } = {}): Promise<void> {
  await change(everywhere ? `${SESSION}?everywhere=true` : SESSION, "DELETE");
}

async function change(path: string, method: string, headers: Record<string, string> = {}): Promise<void> {
  let response: Response;
  try {
    response = await fetch(address(path), { method, headers: { ...callHeaders(method), ...headers } });
  } catch (error) {
    throw Problem.from(error);
  }
  if (!response.ok) throw await Problem.of(response);
}
