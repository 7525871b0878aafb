// Numbers as people read them.

/** `1.4 MB`. */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let left = n;
  while (left >= 1000 && at < units.length - 1) {
    left /= 1000;
    at += 1;
  }
  return `${at === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${units[at]}`;
}

/** `12,345`. */
export const count = (n: number) => n.toLocaleString("en-US");

/** Few digits, for axes and tiles: `0.0123`, `42.1`, `12.3k`, `1.2M`. */
export function short(n: number): string {
  const size = Math.abs(n);
  if (!Number.isFinite(n)) return "–";
  if (size >= 1e12) return n.toExponential(2);
  if (size >= 1e9) return `${trim(n / 1e9)}G`;
  if (size >= 1e6) return `${trim(n / 1e6)}M`;
  if (size >= 1e4) return `${trim(n / 1e3)}k`;
  if (size >= 1 || size === 0) return trim(n);
  return size < 1e-4 ? n.toExponential(1) : String(Number(n.toPrecision(3)));
}

const trim = (n: number) => String(Number(n.toFixed(Math.abs(n) >= 100 ? 0 : Math.abs(n) >= 10 ? 1 : 2)));

/** A value with its CloudWatch unit: `42.1 %`, `3.2 GB`, `17 ms`. */
export function withUnit(n: number, unit?: string): string {
  switch (unit) {
    case "Percent":
      return `${short(n)} %`;
    case "Bytes":
      return bytes(n);
    case "Bytes/Second":
      return `${bytes(n)}/s`;
    case "Milliseconds":
      return `${short(n)} ms`;
    case "Microseconds":
      return `${short(n)} µs`;
    case "Seconds":
      return `${short(n)} s`;
    case "Count/Second":
      return `${short(n)}/s`;
    default:
      return short(n);
  }
}
