// Lines as a plot wants them: one list of instants, and for each line a value or nothing at each of them.

interface Points {
  times: number[];
  values: number[];
}

const isSame = (a: number[], b: number[]) => a.length === b.length && a.every((time, i) => time === b[i]);

export function aligned(lines: Points[]): { times: number[]; columns: (number | null)[][] } {
  const [first, ...others] = lines;
  if (!first) return { times: [], columns: [] };
  // Lines of the same period share their instants: then there is nothing to sort.
  if (others.every((line) => isSame(line.times, first.times)))
    return { times: first.times, columns: lines.map((line) => line.values) };
  const all = new Set<number>();
  for (const line of lines) for (const time of line.times) all.add(time);
  const times = [...Float64Array.from(all).sort()];
  const place = new Map(times.map((time, i) => [time, i]));
  const columns = lines.map((line) => {
    const column: (number | null)[] = new Array(times.length).fill(null);
    for (const [i, time] of line.times.entries()) column[place.get(time) ?? 0] = line.values[i] ?? null;
    return column;
  });
  return { times, columns };
}

/** True when a value has none beside it: no line leads to it, so that it is seen as a point only. */
export const hasLonely = (column: ArrayLike<number | null | undefined>) => {
  for (let i = 0; i < column.length; i++) if (column[i] != null && column[i - 1] == null && column[i + 1] == null) return true;
  return false;
};

/** Each column on top of those before it. */
export function stacked(columns: (number | null)[][]): (number | null)[][] {
  let below: (number | null)[] | undefined;
  return columns.map((column) => {
    const under = below;
    const now = under ? column.map((value, i) => (value ?? 0) + (under[i] ?? 0)) : [...column];
    below = now;
    return now;
  });
}
