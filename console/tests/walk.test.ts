// Every page on a laptop of 1024 pixels in the dark, and on a server that has nothing yet: nothing is cut off, and each says what to do next.
import { describe, expect, test } from "vitest";
import { seed } from "./server";
import { session } from "./session";

/** Pages, and what they show when they are there. */
const PAGES: [hash: string, shows: string | RegExp, name: string][] = [
  ["/", "Latest changes", "overview"],
  ["/events", "PutDashboard", "events"],
  ["/investigate?alarm=checkout-slow", /Causes|What changed/, "investigate"],
  ["/logs", "/shop/checkout", "logs"],
  ["/logs/group?name=/shop/checkout", "request done", "log-group"],
  ["/insights?groups=/shop/checkout&run=1", "request done", "insights"],
  ["/tail?groups=/shop/checkout", "/shop/checkout", "tail"],
  ["/metrics?namespace=Shop", "Service=checkout", "metrics"],
  ["/alarms", "checkout-slow", "alarms"],
  ["/alarms/alarm?name=checkout-slow", /It would have fired/, "alarm"],
  ["/alarms/create?kind=log&groups=/shop/checkout", /A run of now finds/, "alarm-create-log"],
  ["/alarms/mutes", "No mute rules", "mutes"],
  ["/dashboards", "shop", "dashboards"],
  ["/dashboards/dashboard?name=shop", "refused", "dashboard"],
  ["/trails", "The signed log", "trails"],
  ["/trails/lake", "SQL over the events", "lake"],
  ["/access", "Users", "access"],
  ["/access?tab=who", "Who can do what", "access-who"],
];

describe("1024 pixels, dark", () => {
  const now = session(seed);
  test("no page is wider than the window", async () => {
    const { page, visit } = now;
    await page.setViewportSize({ width: 1024, height: 768 });
    await page.emulateMedia({ colorScheme: "dark" });
    for (const [hash, shows, name] of PAGES) {
      await visit.go(hash);
      await page.getByText(shows).first().waitFor();
      await expect.poll(() => page.locator(".stale").count(), { message: name }).toBe(0);
      await now.sound(`narrow-${name}`);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), name).toBeLessThanOrEqual(0);
    }
  });
});

/** What leads on from an empty page: a link, a button, a key, or a command to paste. */
const NEXT = ".empty a, .empty button, .empty code, .empty kbd, .code pre";

describe("nothing yet", () => {
  const now = session(async () => undefined);
  test("each empty page says what to do next", async () => {
    const { page, visit } = now;
    for (const [hash, shows, name] of [
      ["/", "First steps", "overview"],
      ["/events?q=nothing-like-this", "No events", "events"],
      ["/investigate", "What happened?", "investigate"],
      ["/logs?q=none", "No group has this in its name", "logs"],
      ["/insights", "No query ran yet", "insights"],
      ["/tail", "Nothing is followed", "tail"],
      ["/metrics?q=nothing-like-this", "No metric has these words", "metrics"],
      ["/alarms", "No alarms yet", "alarms"],
      ["/alarms/mutes", "No mute rules", "mutes"],
      ["/dashboards", "No dashboards yet", "dashboards"],
      ["/trails", "No trails yet", "trails"],
      ["/trails/lake", "No event data store yet", "lake"],
    ] as const) {
      await visit.go(hash);
      await page.getByRole("main").getByText(shows).first().waitFor();
      await expect.poll(() => page.getByText(/^Loading/).count(), { message: name }).toBe(0);
      await now.sound(`empty-${name}`);
      expect(await page.locator(NEXT).count(), name).toBeGreaterThan(0);
    }
  });
});
