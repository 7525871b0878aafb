// Who is signed in. The cookie is out of reach of scripts; what calls must show besides it is kept in memory only.
import { createSignal } from "solid-js";

export interface Health {
  status: string;
  version: string;
  uptime_seconds: number;
  reason: string | null;
  store: { journal_bytes: number; memtable_bytes: number; segments: number; segment_bytes: number; flush_error: string | null };
}

export interface Session {
  signedIn: true;
  open: boolean;
  csrf: string;
  account: string;
  region: string;
  arn: string;
  accessKeyId: string;
  version: string;
  health: Health;
}

/** Through whom one may sign in besides access keys; `path` is where that begins. */
export interface Provider {
  name: string;
  path: string;
}

export interface SignedOut {
  signedIn: false;
  open: boolean;
  provider?: Provider;
  reason?: string;
}

export type SessionState = Session | SignedOut | { signedIn: null; failed?: string };

const [session, setSession] = createSignal<SessionState>({ signedIn: null });

export { session };

const BASE = "/_trailwatch/console";

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  const answer = await fetch(`${BASE}/${path}`, { credentials: "same-origin", ...init });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message ?? `The server answered ${answer.status}.`);
  return body as T;
}

/** Asks the server who is signed in. An open server asks nobody for a key, so the session begins at once. */
export async function resume(): Promise<void> {
  try {
    const state = await ask<SessionState>("session");
    if (state.signedIn === false && state.open) await signIn("", "");
    else {
      if (state.signedIn) goBack();
      setSession(state);
    }
  } catch (error) {
    setSession({ signedIn: null, failed: error instanceof Error ? error.message : String(error) });
  }
}

export async function signIn(accessKeyId: string, secretAccessKey: string): Promise<void> {
  const state = await ask<Session>("sign-in", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ accessKeyId, secretAccessKey }),
  });
  setSession(state);
}

export async function signOut(): Promise<void> {
  const headers: Record<string, string> = {};
  const now = session();
  if (now.signedIn) headers["x-trailwatch-csrf"] = now.csrf;
  await ask("sign-out", { method: "POST", headers });
  await leave("You signed out.", now.signedIn ? now.open : false);
}

/** Shows the sign-in at once, and then what the server offers there besides access keys. */
async function leave(reason: string, open: boolean): Promise<void> {
  setSession({ signedIn: false, open, reason });
  const state = await ask<SessionState>("session").catch(() => undefined);
  const now = session();
  if (state?.signedIn === false && state.provider && now.signedIn === false) setSession({ ...now, provider: state.provider });
}

/** Where the page was when it was left for the provider, which sends back to the first one. */
const LEFT = "trailwatch-left";

/** Remembers which page is open. */
export function leaveForProvider(): void {
  sessionStorage.setItem(LEFT, location.hash);
}

function goBack(): void {
  const left = sessionStorage.getItem(LEFT);
  sessionStorage.removeItem(LEFT);
  if (left && location.hash.length <= 2) location.hash = left;
}

/** The server no longer knows the session: it was idle for half an hour, is twelve hours old, or the server started anew. */
export async function sessionEnded(): Promise<void> {
  const now = session();
  if (now.signedIn && now.open) return resume();
  await leave("Your session has ended. Sign in to go on where you were.", false);
}

export function refreshSession(): Promise<Session | undefined> {
  return ask<SessionState>("session").then((state) => (state.signedIn ? state : undefined));
}
