// How soon there is something to see, and how much script that takes. Times are printed; what is asserted is bytes.
import { expect, test } from "vitest";
import { live } from "./server";
import { session } from "./session";

/** Script at start, bytes as they are sent: gzipped. */
const SCRIPT_BYTES_MAX = 300_000;

const now = session();

/** What a page with nothing in its cache took. */
async function opened(isSignedIn: boolean, heading: string) {
  const context = await now.browser.newContext({ viewport: { width: 1360, height: 860 } });
  if (isSignedIn) await context.addCookies(await now.visit.context.cookies());
  const page = await context.newPage();
  await page.goto(now.server.address);
  await page.getByRole("heading", { name: heading }).waitFor();
  await page.waitForLoadState("networkidle");
  const told = await page.evaluate(() => {
    const loaded = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
    const scripts = loaded.filter((entry) => new URL(entry.name).pathname.endsWith(".js"));
    return {
      paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
      scripts: scripts.length,
      bytes: scripts.reduce((sum, entry) => sum + entry.encodedBodySize, 0),
      unpacked: scripts.reduce((sum, entry) => sum + entry.decodedBodySize, 0),
    };
  });
  await context.close();
  return told;
}

test("first paint, and the script that comes before the page rests", async () => {
  for (const [name, isSignedIn, heading] of [
    ["sign-in", false, "Sign in"],
    ["overview", true, "Overview"],
  ] as const) {
    const found = await opened(isSignedIn, heading);
    const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
    console.log(
      `${name}: first contentful paint after ${found.paint.toFixed(0)} ms, ${found.scripts} scripts, ` +
        `${kilobytes(found.bytes)} gzipped (${kilobytes(found.unpacked)} unpacked)`,
    );
    expect(found.scripts, name).toBeGreaterThan(0);
    // Sources that are served live are neither packed nor small.
    if (!live) expect(found.bytes, name).toBeLessThan(SCRIPT_BYTES_MAX);
  }
});
