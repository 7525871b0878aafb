// Where the user is: the page and its state, both in the URL's fragment (`#/events?attribute=EventName&value=CreateTrail`).
import { createSignal } from "solid-js";

export interface Route {
  /** `/events`. */
  path: string;
  params: URLSearchParams;
}

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#/, "").split("?", 2);
  return { path: path || "/", params: new URLSearchParams(query) };
}

const [route, setRoute] = createSignal<Route>(read());
addEventListener("hashchange", () => setRoute(read()));

export { route };

/** One parameter of the page, or what it is when absent. */
export function param(name: string, absent = ""): string {
  return route().params.get(name) ?? absent;
}

/** What goes along from page to page. */
const CARRIED = ["region", "range", "start", "end"];

/** The address of a page; region and time range go along. An empty parameter is left out. */
export function href(path: string, params: Record<string, string> = {}): string {
  const query = new URLSearchParams();
  for (const name of CARRIED) {
    const value = route().params.get(name);
    if (value) query.set(name, value);
  }
  for (const [name, value] of Object.entries(params)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return `#${path}${text ? `?${text}` : ""}`;
}

export function go(path: string, params: Record<string, string> = {}): void {
  location.hash = href(path, params);
}

/** Changes parameters of this page. `replace`: without a step in the browser's history, for what changes while one types. */
export function setParams(changes: Record<string, string>, replace = false): void {
  const { path, params } = read();
  const query = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  const hash = `#${path}${text ? `?${text}` : ""}`;
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    setRoute(read());
  } else {
    location.hash = hash;
  }
}
