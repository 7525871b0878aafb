// Checks, in the browser, that an event is in the server's signed log: RFC 9162's hash tree by SHA-256, checkpoints signed with
// Ed25519 as c2sp.org/signed-note has them. What is wrong is an error that says what.

/** Bytes that WebCrypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

export class Unproven extends Error {}

export interface Tree {
  origin: string;
  size: number;
  root: Bytes;
}

/** Whether browsers let pages hash here: over TLS, or on this machine. */
export const canHash = () => globalThis.crypto?.subtle !== undefined;

export function bytesOf(base64: string): Bytes {
  let text: string;
  try {
    text = atob(base64);
  } catch {
    throw new Unproven("a hash is no base64");
  }
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);

async function sha256(...parts: Uint8Array[]): Promise<Bytes> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

export const leafHash = (record: string) => sha256(Uint8Array.of(0), new TextEncoder().encode(record));
const nodeHash = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right);

/** Half of a number, for sizes above 32 bits have no shifts. */
const half = (n: number) => Math.floor(n / 2);
const isOdd = (n: number) => n % 2 === 1;

/** RFC 9162, 2.1.3.2: the root that follows from a leaf and the hashes on its way up. */
export async function rootFrom(leaf: Bytes, index: number, size: number, proof: Bytes[]): Promise<Bytes> {
  if (!(index >= 0 && index < size)) throw new Unproven(`event ${index + 1} is not among the first ${size}`);
  let [at, last, root] = [index, size - 1, leaf];
  for (const hash of proof) {
    if (last === 0) throw new Unproven("the proof has more hashes than the tree has levels");
    if (isOdd(at) || at === last) {
      root = await nodeHash(hash, root);
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      root = await nodeHash(root, hash);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) throw new Unproven("the proof ends below the root");
  return root;
}

/** RFC 9162, 2.1.4.2: that the tree `later` begins with the tree `earlier`. */
export async function checkGrowth(earlier: Tree, later: Tree, proof: Bytes[]): Promise<void> {
  if (earlier.size > later.size) throw new Unproven(`the log had ${earlier.size} events before, and now has ${later.size}`);
  const wrong = new Unproven(`the log of ${later.size} events does not begin with that of ${earlier.size}: it was changed`);
  if (earlier.size === later.size) {
    if (!equal(earlier.root, later.root) || proof.length) throw wrong;
    return;
  }
  if (earlier.size === 0) return;
  const isPower = 2 ** Math.round(Math.log2(earlier.size)) === earlier.size;
  const path = isPower ? [earlier.root, ...proof] : proof;
  const [first, ...rest] = path;
  if (!first) throw new Unproven("the proof of growth is empty");
  let [at, last] = [earlier.size - 1, later.size - 1];
  while (isOdd(at)) [at, last] = [half(at), half(last)];
  let [old, now] = [first, first];
  for (const hash of rest) {
    if (last === 0) throw new Unproven("the proof of growth has more hashes than the tree has levels");
    if (isOdd(at) || at === last) {
      [old, now] = [await nodeHash(hash, old), await nodeHash(hash, now)];
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      now = await nodeHash(now, hash);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0 || !equal(old, earlier.root) || !equal(now, later.root)) throw wrong;
}

/** A public key, `name+id+base64`. */
export interface Key {
  name: string;
  id: Bytes;
  key: Bytes;
}

export async function keyOf(text: string): Promise<Key> {
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  const bytes = encoded ? bytesOf(encoded) : new Uint8Array();
  if (!name || bytes.length !== 33 || bytes[0] !== 1) throw new Unproven("the log's public key cannot be read");
  const own = (await sha256(new TextEncoder().encode(`${name}\n`), bytes)).slice(0, 4);
  if (hex(own) !== id) throw new Unproven("the log's public key is not the one that it says it is");
  return { name, id: own, key: bytes.slice(1) };
}

/** The tree of a checkpoint, and whether its signature was checked: not every browser knows Ed25519. */
export async function readCheckpoint(note: string, key: Key): Promise<{ tree: Tree; isSigned: boolean }> {
  const end = note.indexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin = "", size = "", root = ""] = text.split("\n");
  if (end < 0 || !/^\d{1,15}$/.test(size)) throw new Unproven("the checkpoint cannot be read");
  const tree = { origin, size: Number(size), root: bytesOf(root) };
  if (origin !== key.name) throw new Unproven(`the checkpoint is of ${origin}, the key of ${key.name}`);
  let public_: CryptoKey;
  try {
    public_ = await crypto.subtle.importKey("raw", key.key, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return { tree, isSigned: false };
  }
  for (const line of note.slice(end + 2).split("\n")) {
    const [dash, name, encoded] = line.split(" ");
    if (dash !== "—" || name !== key.name || !encoded) continue;
    const signature = bytesOf(encoded);
    if (!equal(signature.slice(0, 4), key.id)) continue;
    if (await crypto.subtle.verify({ name: "Ed25519" }, public_, signature.slice(4), new TextEncoder().encode(text)))
      return { tree, isSigned: true };
    throw new Unproven("the checkpoint's signature is wrong");
  }
  throw new Unproven("the log's key did not sign the checkpoint");
}

/** What `proofs/inclusion` answers. */
export interface Inclusion {
  index: number;
  sequence: number;
  proof: string[];
  vkey: string;
  checkpoint: string;
}

/** Checks that this exact record is in the log. */
export async function checkInclusion(
  record: string,
  given: Inclusion,
): Promise<{ tree: Tree; key: Key; isSigned: boolean; leaf: Bytes }> {
  const key = await keyOf(given.vkey);
  const { tree, isSigned } = await readCheckpoint(given.checkpoint, key);
  const leaf = await leafHash(record);
  const root = await rootFrom(leaf, given.index, tree.size, given.proof.map(bytesOf));
  if (!equal(root, tree.root))
    throw new Unproven(`the record is not event ${given.sequence} of the log: it, or the log, was changed`);
  return { tree, key, isSigned, leaf };
}

const KEPT = "trailwatch-log";

/** What this browser has seen of the log before. */
export interface Seen {
  vkey: string;
  size: number;
  root: string;
  at: string;
}

export function seen(): Seen | undefined {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    return kept && typeof kept.vkey === "string" && Number.isSafeInteger(kept.size) ? kept : undefined;
  } catch {
    return undefined;
  }
}

export const keep = (now: Seen) => localStorage.setItem(KEPT, JSON.stringify(now));

export const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
