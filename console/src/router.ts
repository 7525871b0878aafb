// Where the user is: the page and its state, both in the URL's fragment (`#/events?attribute=EventName&value=CreateTrail`).
import { batch, createSignal, type Signal } from "solid-js";

function read(): { path: string; params: URLSearchParams } {
  const [path = "", query = ""] = location.hash.replace(/^#/, "").split("?", 2);
  return { path: path || "/", params: new URLSearchParams(query) };
}

/** `/events`. */
const [path, setPath] = createSignal(read().path);

export { path };

/** Each parameter is a signal of its own: what looks at one is not disturbed by the others. */
const cells = new Map<string, Signal<string>>();

function follow(): void {
  const now = read();
  batch(() => {
    setPath(now.path);
    for (const [name, [, set]] of cells) set(now.params.get(name) ?? "");
  });
}
addEventListener("hashchange", follow);

/** One parameter of the page, or what it is when absent. */
export function param(name: string, absent = ""): string {
  let cell = cells.get(name);
  if (!cell) {
    cell = createSignal(read().params.get(name) ?? "");
    cells.set(name, cell);
  }
  return cell[0]() || absent;
}

/** What goes along from page to page. */
const CARRIED = ["region", "range", "start", "end"];

function hash(page: string, query: URLSearchParams): string {
  const text = query.toString();
  return `#${page}${text ? `?${text}` : ""}`;
}

/** Sets each parameter; an empty one is left out. */
function put(query: URLSearchParams, params: Record<string, string>): void {
  for (const [name, value] of Object.entries(params)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
}

/** The address of a page; region and time range go along. */
export function href(page: string, params: Record<string, string> = {}): string {
  const query = new URLSearchParams();
  for (const name of CARRIED) put(query, { [name]: param(name) });
  put(query, params);
  return hash(page, query);
}

export function go(page: string, params: Record<string, string> = {}): void {
  location.hash = href(page, params);
}

/** Changes parameters of this page. `replace`: without a step in the browser's history, for what changes while one types. */
export function setParams(changes: Record<string, string>, replace = false): void {
  const now = read();
  const query = new URLSearchParams(now.params);
  put(query, changes);
  const next = hash(now.path, query);
  if (next === location.hash) return;
  if (replace) {
    history.replaceState(null, "", next);
    follow();
  } else {
    location.hash = next;
  }
}
