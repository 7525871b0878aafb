// The grid of a dashboard: 24 columns, places that push each other down and then float up, as in AWS.

/** In columns and rows. */
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const COLUMNS = 24;
const WIDTH_MIN = 2;
const HEIGHT_MIN = 1;
/** Tallest widget of a dashboard body. */
const HEIGHT_MAX = 1000;

const between = (low: number, value: number, high: number) => Math.min(high, Math.max(low, value));

/** The place, within the grid. */
export function fitted(place: Place): Place {
  const width = between(WIDTH_MIN, Math.round(place.width), COLUMNS);
  return {
    x: between(0, Math.round(place.x), COLUMNS - width),
    y: Math.max(0, Math.round(place.y)),
    width,
    height: between(HEIGHT_MIN, Math.round(place.height), HEIGHT_MAX),
  };
}

export const overlap = (a: Place, b: Place) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** All places after the one at `index` was put at `to`: others make room downwards, then all float up as far as they can. */
export function arranged(places: Place[], index: number, to: Place): Place[] {
  const wanted = places.map((place, i) => (i === index ? fitted(to) : place));
  // At the same height the one that is moved comes first.
  const order = wanted
    .map((place, i) => ({ place, i }))
    .sort((a, b) => a.place.y - b.place.y || Number(b.i === index) - Number(a.i === index) || a.place.x - b.place.x || a.i - b.i);
  const settled: { place: Place; i: number }[] = [];
  for (const { place, i } of order) {
    let y = place.y;
    const free = (at: number) => !settled.some((other) => overlap({ ...place, y: at }, other.place));
    // Below what it meets, one obstacle after the other.
    while (!free(y))
      y = Math.max(...settled.filter((o) => overlap({ ...place, y }, o.place)).map((o) => o.place.y + o.place.height));
    while (y > 0 && free(y - 1)) y -= 1;
    settled.push({ place: { ...place, y }, i });
  }
  const result = [...wanted];
  for (const { place, i } of settled) result[i] = place;
  return result;
}

/** The row below all. */
export const bottom = (places: Place[]) => Math.max(0, ...places.map((place) => place.y + place.height));

/** What an arrow key does to a place: moves it, or with Shift changes its size. */
export function nudged(place: Place, key: string, resize: boolean): Place | undefined {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [0, 0];
  if (!dx && !dy) return undefined;
  return fitted(
    resize
      ? { ...place, width: place.width + dx!, height: place.height + dy! }
      : { ...place, x: place.x + dx!, y: place.y + dy! },
  );
}
