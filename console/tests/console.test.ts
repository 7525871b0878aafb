// The console in a browser, over a real server: every page, its main action, its error state, in both themes.
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launch, Visit } from "./browser";
import { HOSTILE, live, Server, seed } from "./server";

let server: Server;
let browser: Browser;
let visit: Visit;

beforeAll(async () => {
  server = await Server.start();
  await seed(server);
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  visit = await Visit.begin(browser, server);
});

afterEach(async () => {
  await visit.context.close();
});

/** What every page must hold once it is drawn. */
async function sound(name: string): Promise<void> {
  await visit.picture(name);
  expect(await visit.faults(), name).toEqual([]);
  expect(await visit.isInjected(), name).toBe(false);
  expect(visit.complaints, name).toEqual([]);
}

describe("signing in", () => {
  test("a wrong secret is refused in words, the right one opens the page that was asked for", async () => {
    const { page } = visit;
    await visit.go("/alarms");
    await page.getByLabel("Access key id").fill(server.key);
    await page.getByLabel("Secret access key").fill("not the secret");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("the secret is not its secret").waitFor();
    // The browser itself tells of the answer 401.
    expect(visit.complaints.splice(0).every((text) => text.includes("401"))).toBe(true);
    await sound("sign-in");
    await page.getByLabel("Secret access key").fill(server.secret);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Alarms" }).waitFor();
    const [cookie] = await visit.context.cookies(`${server.address}/_trailwatch/console`);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/_trailwatch" });
    await page.reload();
    await page.getByRole("heading", { name: "Alarms" }).waitFor();

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You signed out.").waitFor();
    const events = await server.call<{ Events: { CloudTrailEvent: string }[] }>("cloudtrail", "LookupEvents", {
      LookupAttributes: [{ AttributeKey: "EventName", AttributeValue: "ConsoleLogin" }],
    });
    const outcomes = events.Events.map((event) => JSON.parse(event.CloudTrailEvent).responseElements.ConsoleLogin);
    expect(outcomes.slice(0, 2)).toEqual(["Success", "Failure"]);
  });

  test("a session that ended asks for the key again and goes on where it was", async () => {
    const { page } = visit;
    await visit.signIn();
    await page.getByText("Healthy").waitFor();
    await page.waitForLoadState("networkidle");
    await visit.context.clearCookies();
    await page.getByRole("link", { name: "Log groups", exact: true }).first().click();
    await page.getByText("Your session has ended").waitFor();
    visit.complaints.splice(0);
    await page.getByLabel("Access key id").fill(server.key);
    await page.getByLabel("Secret access key").fill(server.secret);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Log groups", exact: true }).waitFor();
    await page.getByRole("link", { name: "/shop/checkout" }).waitFor();
  });

  test("an open server asks nobody", async () => {
    const open = await Server.start("--open");
    const there = await Visit.begin(browser, open);
    await there.page.goto(open.address);
    await there.page.getByText("open mode").waitFor();
    await there.page.getByText("No alarms yet").waitFor();
    await there.picture("overview-new");
    expect(await there.faults()).toEqual([]);
    expect(there.complaints).toEqual([]);
    await there.context.close();
    await open.stop();
  });
});

describe("pages", () => {
  beforeEach(() => visit.signIn());

  test("overview: alarms, hosts, changes, health", async () => {
    const { page } = visit;
    await page.getByRole("link", { name: /^[12] in alarm/ }).waitFor();
    await page.getByText("Healthy").waitFor();
    await page.getByRole("row", { name: /web-1/ }).getByText("60 %").waitFor();
    await page.getByRole("link", { name: "PutDashboard" }).waitFor();
    await page.getByText("First steps").click();
    await page.getByText(`export AWS_ENDPOINT_URL=${server.address}`).waitFor();
    await sound("overview");
    await page.getByRole("link", { name: "PutDashboard" }).click();
    await page.getByRole("complementary", { name: "Event" }).getByText("AWS::CloudWatch::Dashboard").first().waitFor();
  });

  test("event history: words, facets, a record, a time, other attributes", async () => {
    const { page } = visit;
    await visit.go("/events");
    const table = page.getByRole("table", { name: "Events" });
    await table.getByText("PutDashboard").waitFor();
    await page.getByLabel("Words in the record").fill("set by the test");
    await page.getByText(/^1 of \d+ loaded events/).waitFor();
    await table.getByText("SetAlarmState").click();
    const detail = page.getByRole("complementary", { name: "Event" });
    await detail.getByText('"set by the test"').waitFor();
    await sound("events");
    expect(page.url()).toContain("q=set+by+the+test");
    await detail.getByRole("button", { name: "Close" }).click();
    await page.getByLabel("Words in the record").fill("");
    await page
      .getByRole("complementary", { name: "Facets" })
      .getByRole("button", { name: /^CreateLogGroup/ })
      .click();
    await page.getByText(/^3 of \d+ loaded events/).waitFor();
    await page.getByLabel("Attribute", { exact: true }).selectOption("EventName");
    await page.getByLabel("Attribute value").fill("PutMetricAlarm");
    await page.getByLabel("Attribute value").press("Enter");
    await page.getByRole("button", { name: /^Event: CreateLogGroup/ }).click();
    await page.getByText(/^2 events/).waitFor();
    await page.getByLabel("Attribute value").fill("NothingIsCalledThis");
    await page.getByLabel("Attribute value").press("Enter");
    await page.getByText("Nothing matches in this time").waitFor();
    await sound("events-empty");
  });

  test("event history: rows are reached by the keyboard, and saved", async () => {
    const { page } = visit;
    await visit.go("/events");
    await page.getByRole("table", { name: "Events" }).getByText("PutDashboard").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("PutMetricAlarm no-data");
    await page.getByText(/^1 of/).waitFor();
    await page.keyboard.press("Tab");
    await page.locator('[data-index="0"]').focus();
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Event" }).getByText("Record").waitFor();
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      page.getByLabel("Save the events shown").selectOption("json"),
    ]);
    const chunks: Buffer[] = [];
    for await (const chunk of await saved.createReadStream()) chunks.push(chunk as Buffer);
    const records = JSON.parse(Buffer.concat(chunks).toString()).Records;
    expect(records.map((r: { eventName: string }) => r.eventName)).toEqual(["PutMetricAlarm"]);
  });

  test("log groups: found, created, opened, deleted", async () => {
    const { page } = visit;
    await visit.go("/logs");
    await page.getByRole("link", { name: "/shop/checkout" }).waitFor();
    await page.getByLabel("Part of the name").fill("search");
    await page.getByText("1 group", { exact: true }).waitFor();
    await page.getByLabel("Part of the name").fill("");
    await sound("logs");
    await page.getByRole("button", { name: "Create log group" }).click();
    await page.getByLabel("Name", { exact: true }).fill("/made/here");
    await page.getByLabel("Keep events").selectOption("30");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { name: "/made/here" }).waitFor();
    await page.getByText("Nothing in this group matches").waitFor();
    expect(await page.getByLabel("Keep events").inputValue()).toBe("30");
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete for good" }).click();
    await page.getByRole("heading", { name: "Log groups", exact: true }).waitFor();
    await visit.go("/logs/group?name=/made/here");
    await page.getByText("There is no log group /made/here here").waitFor();
    await sound("log-group-missing");
  });

  test("log events: a pattern, a line, a pattern that is none, streams", async () => {
    const { page } = visit;
    await visit.go("/logs/group?name=/shop/checkout");
    const table = page.getByRole("table", { name: "Log events" });
    await table.getByText("request done").first().waitFor();
    await page.getByLabel("Filter pattern").fill('{ $.level = "error" }');
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByText("80 events").waitFor();
    await table.getByText("refused").first().click();
    await page.getByRole("complementary", { name: "Log event" }).getByText('"error"').waitFor();
    await sound("log-events");
    await page.getByLabel("Filter pattern").fill("{ $.level = ");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByRole("alert").getByText("Correct what the message names").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("400"))).toBe(true);
    await sound("log-events-error");
    await page.getByRole("tab", { name: "Streams" }).click();
    await page.getByRole("table", { name: "Log streams" }).getByText("web-1").waitFor();
  });

  test("trails: none yet, then what is kept, then stopped", async () => {
    const { page } = visit;
    await visit.go("/trails");
    await page.getByText("No trails yet").waitFor();
    await sound("trails-empty");
    await server.call("cloudtrail", "CreateEventDataStore", {
      Name: "writes",
      AdvancedEventSelectors: [
        {
          Name: "w",
          FieldSelectors: [
            { Field: "eventCategory", Equals: ["Management"] },
            { Field: "readOnly", Equals: ["false"] },
          ],
        },
      ],
    });
    await page.getByRole("button", { name: "Fresh data" }).click();
    await page.getByText("Management events that write").waitFor();
    await sound("trails");
  });

  test("keys: a list of them, places by letters, themes and zones", async () => {
    const { page } = visit;
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await sound("keys");
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("m");
    await page.getByRole("heading", { name: "Metrics" }).waitFor();
    await page.keyboard.press("\\");
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
    await page.keyboard.press("u");
    await page.getByRole("button", { name: "UTC" }).waitFor();
    await visit.go("/nowhere");
    await page.getByText("There is no such page").waitFor();
  });

  test("hostile names are text", async () => {
    const { page } = visit;
    await visit.go("/metrics?namespace=Hostile");
    await page
      .getByRole("table", { name: "Metrics" })
      .getByText("<img src=x")
      .first()
      .click({ position: { x: 4, y: 4 } });
    await page.getByRole("group", { name: "Graph" }).getByRole("button", { name: /<img/ }).waitFor();
    await sound("hostile-metric");
    for (const hash of [
      `/events?q=${encodeURIComponent(HOSTILE)}`,
      `/logs/group?name=${encodeURIComponent(HOSTILE)}`,
      `/alarms/alarm?name=${encodeURIComponent(HOSTILE)}`,
      `/metrics?graph=${encodeURIComponent('[{"i":"m1"},{"i":3},null]')}`,
    ]) {
      await visit.go(hash);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      expect(await visit.isInjected(), hash).toBe(false);
    }
  });
});

test("dark pages are sound, too", async () => {
  await visit.context.close();
  visit = await Visit.begin(browser, server, "dark");
  await visit.signIn();
  const { page } = visit;
  const places: [string, string, string][] = [
    ["/", "web-1", "overview-dark"],
    ["/events", "PutDashboard", "events-dark"],
    ["/logs/group?name=/shop/checkout", "request done", "log-events-dark"],
    ["/insights?groups=/shop/checkout&run=1", "request done", "insights-dark"],
    ["/metrics?namespace=Shop", "Service=checkout", "metrics-dark"],
    ["/alarms/alarm?name=checkout-slow", "Alarm updated", "alarm-dark"],
    ["/dashboards/dashboard?name=shop", "refused", "dashboard-dark"],
  ];
  for (const [hash, text, name] of places) {
    await visit.go(hash);
    await page.getByText(text).first().waitFor();
    await sound(name);
  }
});

test("a server that went away is named, and found again", async () => {
  const other = await Server.start("--open");
  const there = await Visit.begin(browser, other);
  await there.page.goto(other.address);
  await there.page.getByRole("heading", { name: "Overview" }).waitFor();
  await there.page.getByText("Healthy").waitFor();
  await other.end("SIGTERM");
  await there.go("/alarms");
  await there.page.getByRole("alert").getByText("The server did not answer.").waitFor();
  await there.page.getByText("Check that the server runs").waitFor();
  await there.picture("server-gone");
  await there.context.close();
  await other.stop();
});

test.skipIf(live)("the first script is small, and what is loaded later is loaded later", async () => {
  const { page } = visit;
  const fetched = new Map<string, number>();
  page.on("response", async (answer) => {
    const length = Number((await answer.allHeaders())["content-length"] ?? 0);
    if (answer.url().endsWith(".js")) fetched.set(answer.url().replace(/^.*\//, ""), length);
  });
  await visit.signIn();
  await page.getByText("Healthy").waitFor();
  const names = [...fetched.keys()];
  expect(names.some((name) => name.startsWith("index-"))).toBe(true);
  expect(names.some((name) => /editor|uPlot/i.test(name))).toBe(false);
  expect([...fetched.values()].reduce((a, b) => a + b, 0)).toBeLessThan(100_000);
});
