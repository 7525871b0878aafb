// The console in a browser, over a real server: every page, its main action, its error state, in both themes.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launch, Visit } from "./browser";
import { ANSWER } from "./investigation";
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

  test("event history: words, facets, a record and its proof, other attributes", async () => {
    const { page } = visit;
    await visit.go("/events");
    const table = page.getByRole("table", { name: "Events" });
    const facets = page.getByRole("complementary", { name: "Facets" });
    await table.getByText("PutDashboard").waitFor();
    await page.getByLabel("Words in the record").fill('"set by the test"');
    await page.getByText(/^1 event$/).waitFor();
    await table.getByText("SetAlarmState").click();
    const detail = page.getByRole("complementary", { name: "Event" });
    await detail.getByText('"set by the test"').waitFor();
    await detail.getByRole("button", { name: "Check its proof" }).click();
    await detail.getByText(/^Proved: this exact record is event \d+ of /).waitFor();
    await detail.getByText("The Ed25519 signature is right.").waitFor();
    await sound("events");
    expect(page.url()).toContain("q=%22set+by+the+test%22");
    await detail.getByRole("button", { name: "Close" }).click();
    await page.getByLabel("Words in the record").fill("");
    await facets.getByRole("button", { name: /^CreateLogGroup/ }).click();
    await page.getByText(/^3 events$/).waitFor();
    await page.getByLabel("Attribute", { exact: true }).selectOption("resource_name");
    await page.getByLabel("Attribute value").fill("arn:aws:logs:us-east-1:123456789012:log-group:/shop/search");
    await page.getByLabel("Attribute value").press("Enter");
    await page.getByText(/^[01] events?$/).waitFor();
    await page.getByRole("button", { name: /^Resource: arn/ }).click();
    await page.getByLabel("Outcome").selectOption("failed");
    await page.getByText("Nothing matches in this time").waitFor();
    await sound("events-empty");
    await page.getByRole("button", { name: "take all filters off" }).click();
    await page.getByRole("button", { name: /^Event: CreateLogGroup/ }).waitFor({ state: "detached" });
    await facets
      .getByRole("button", { name: /^LookupEvents|^ConsoleLogin/ })
      .first()
      .waitFor();
  });

  test("event history: a record that is not the one in the log is called wrong", async () => {
    const { page } = visit;
    await page.route("**/_trailwatch/events/search", async (route) => {
      const answer = await route.fetch();
      const body = await answer.text();
      await route.fulfill({ response: answer, body: body.replaceAll("set by the test", "set by somebody") });
    });
    await visit.go("/events?f.event_name=SetAlarmState");
    await page.getByRole("table", { name: "Events" }).getByText("SetAlarmState").click();
    await page.getByRole("button", { name: "Check its proof" }).click();
    await page
      .getByRole("alert")
      .getByText(/^Wrong: the record is not event \d+ of the log/)
      .waitFor();
    await sound("events-wrong");
  });

  test("event history: a search that is refused says what to try", async () => {
    const { page } = visit;
    await visit.go(`/events?f.event_name=${"x".repeat(2100)}`);
    await page.getByRole("alert").getByText("A value has 1 to 2048 bytes.").waitFor();
    await page.getByRole("alert").getByText("Correct what the message names").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("400"))).toBe(true);
    await visit.go("/events?f.event_name=PutDashboard&event=none-such");
    await page.getByRole("table", { name: "Events" }).getByText("PutDashboard").waitFor();
    await page.getByText("There is no event none-such here.").waitFor();
  });

  test("event history: live, as events are accepted", async () => {
    const { page } = visit;
    await visit.go("/events?f.event_name=PutRetentionPolicy");
    await page.getByText("Nothing matches in this time").waitFor();
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByText("live, 0 came").waitFor();
    await server.call("logs", "PutRetentionPolicy", { logGroupName: "/shop/search", retentionInDays: 30 });
    await page.getByText("live, 1 came").waitFor();
    await page.getByRole("table", { name: "Events" }).getByText("PutRetentionPolicy").click();
    await page.getByRole("complementary", { name: "Event" }).getByText('"retentionInDays"').waitFor();
    await sound("events-live");
    await page.getByRole("button", { name: "Stop live" }).click();
  });

  test("event history: rows are reached by the keyboard, and saved", async () => {
    const { page } = visit;
    await visit.go("/events");
    await page.getByRole("table", { name: "Events" }).getByText("PutDashboard").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("PutMetricAlarm no-data");
    await page.getByText(/^1 event$/).waitFor();
    // The table is one stop: an arrow leads into its rows, Enter opens one, Escape closes it.
    await page.getByRole("rowgroup", { name: "Events, rows" }).focus();
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset.index)).toBe("0");
    await page.keyboard.press("Enter");
    const record = page.getByRole("complementary", { name: "Event" }).getByRole("heading", { name: "Record" });
    await record.waitFor();
    await page.keyboard.press("Escape");
    await record.waitFor({ state: "detached" });
    await page.keyboard.press("Enter");
    await record.waitFor();
    const saved = async (kind: string) => {
      const [file] = await Promise.all([
        page.waitForEvent("download"),
        page.getByLabel("Save the events shown").selectOption(kind),
      ]);
      const chunks: Buffer[] = [];
      for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    };
    const records = JSON.parse(await saved("json")).Records;
    expect(records.map((r: { eventName: string }) => r.eventName)).toEqual(["PutMetricAlarm"]);
    expect((await saved("csv")).split("\r\n")[1]).toMatch(/,PutMetricAlarm,/);
    const bundle = JSON.parse(await saved("evidence"));
    expect(bundle.format).toBe("trailwatch-evidence/v1");
    expect(JSON.parse(bundle.events[0].record).eventID).toBe(records[0].eventID);
  });

  test("a login session: from an event to all that the login did", async () => {
    const { page } = visit;
    await visit.go("/events?f.event_name=PutDashboard");
    await page.getByRole("table", { name: "Events" }).getByText("PutDashboard").click();
    await page.getByRole("link", { name: "All that this login did" }).click();
    await page.getByRole("heading", { name: "Login session" }).waitFor();
    const table = page.getByRole("table", { name: "Events of the session" });
    await table.getByText("CreateLogGroup").first().waitFor();
    await page.getByLabel("Words in the record").fill("SetAlarmState");
    await page.getByText(/^1 of \d+ loaded events/).waitFor();
    await table.getByText("SetAlarmState").click();
    await page.getByRole("complementary", { name: "Event" }).getByText('"set by the test"').waitFor();
    await sound("login-session");
    await visit.go("/events/session");
    await page.getByText("Whose session?").waitFor();
    await sound("login-session-none");
    await page.getByLabel("Access key id").fill("AKIANOBODYHASTHISKEY");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("alert").getByText("There is no event of the key AKIANOBODYHASTHISKEY").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("404"))).toBe(true);
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
    await page.getByRole("link", { name: "Query", exact: true }).first().waitFor();
    await sound("trails");
  });

  test("trails: the signed log is checked now, and again after it grew, and is called wrong when it is another", async () => {
    const { page } = visit;
    await visit.go("/trails");
    await page.getByRole("button", { name: "Check now" }).click();
    await page.getByText("Seen for the first time").waitFor();
    await server.call("logs", "PutRetentionPolicy", { logGroupName: "/shop/search", retentionInDays: 14 });
    await page.getByRole("button", { name: "Check now" }).click();
    await page.getByText(/^Proved: of the first \d+ events/).waitFor();
    await page.getByText("Its Ed25519 signature is right.").waitFor();
    await sound("trails-log");
    await page.evaluate(() => {
      const kept = JSON.parse(localStorage.getItem("trailwatch-log") ?? "{}");
      localStorage.setItem("trailwatch-log", JSON.stringify({ ...kept, root: btoa("x".repeat(32)) }));
    });
    await page.getByRole("button", { name: "Check now" }).click();
    await page
      .getByRole("alert")
      .getByText(/^Wrong: the log of \d+ events does not begin with that of/)
      .waitFor();
    await sound("trails-log-wrong");
    await page.getByRole("button", { name: "forget what this browser saw" }).click();
    await page.getByText("Seen for the first time").waitFor();
  });

  test("investigate: an alarm of this server, a metric of it, one that is not there", async () => {
    const { page } = visit;
    await visit.go("/investigate?alarm=checkout-slow");
    await page.getByRole("img", { name: /^Timeline: 1 metrics/ }).waitFor();
    await page.getByText(/audit events \((compared with|there are none of the days before)/).waitFor();
    await page.getByRole("button", { name: /^alarm [1-9]/ }).click();
    await page.getByRole("link", { name: "checkout-slow" }).first().waitFor();
    await sound("investigate-alarm");
    await visit.go("/investigate?kind=metric");
    await page.getByLabel("Find a metric").fill("latency checkout");
    await page.getByRole("button", { name: "Shop Latency Service=checkout" }).click();
    await page.getByRole("status").filter({ hasText: "Shop Latency Service=checkout" }).waitFor();
    await page.getByRole("img", { name: /^Timeline: 1 metrics/ }).waitFor();
    await sound("investigate-metric");
    await visit.go("/investigate?alarm=none-such");
    await page.getByRole("alert").getByText("none-such").waitFor();
    await page.getByRole("alert").getByText("Check the name and the region").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("404"))).toBe(true);
  });

  test("investigate: causes with reasons, one timeline, the moments of a kind", async () => {
    const { page } = visit;
    await visit.go("/investigate");
    await page.getByText("What happened?").waitFor();
    await sound("investigate-empty");
    let question: { alarm_name?: string; from?: string } = {};
    await page.route("**/_trailwatch/investigate", async (route) => {
      question = route.request().postDataJSON();
      await route.fulfill({
        json: {
          ...ANSWER,
          log_patterns: [
            ...ANSWER.log_patterns,
            { ...ANSWER.log_patterns[0], kind: "surged", pattern: HOSTILE, log_group: HOSTILE },
          ],
          transitions: [...ANSWER.transitions, { ...ANSWER.transitions[0], alarm_name: HOSTILE, summary: HOSTILE }],
        },
      });
    });
    await page.getByLabel("Alarm", { exact: true }).selectOption("checkout-slow");
    await page.getByText("Sum of AWS/S3 5xxErrors went from about 0.4 to about 57").first().waitFor();
    expect(question).toEqual({ alarm_name: "checkout-slow" });
    await page.getByText("it takes something away").waitFor();
    await page.getByRole("img", { name: /^Timeline: 1 metrics, 2 log patterns/ }).waitFor();
    await sound("investigate");
    await page.getByRole("button", { name: "change 1" }).click();
    await page.getByRole("link", { name: "DeleteBucketPolicy" }).waitFor();
    expect(page.url()).toContain("only=change");
    const box = await page.locator(".lane-area").boundingBox();
    await page.mouse.move((box?.x ?? 0) + 100, (box?.y ?? 0) + 20);
    await page.mouse.down();
    await page.mouse.move((box?.x ?? 0) + 300, (box?.y ?? 0) + 20);
    await page.mouse.up();
    await page.getByRole("button", { name: "A window of time", pressed: true }).waitFor();
    await expect.poll(() => question.from).toMatch(/^2026-11-26T09:/);
    await page.unroute("**/_trailwatch/investigate");
    await page.route("**/_trailwatch/investigate", (route) =>
      route.fulfill({ status: 404, json: { __type: "ResourceNotFound", message: "There is no alarm checkout-slow." } }),
    );
    await page.getByRole("button", { name: "Fresh data" }).click();
    await page.getByRole("alert").getByText("There is no alarm checkout-slow.").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("404"))).toBe(true);
    await sound("investigate-error");
  });

  test("access: a user is made, has a key, is given a policy, and loses both", async () => {
    const { page } = visit;
    await visit.go("/access");
    await page.getByText("No users yet").waitFor();
    await sound("access-empty");
    await page.getByRole("button", { name: "Create user" }).click();
    await page.getByLabel("Name", { exact: true }).fill("jane");
    await page.getByLabel("May").selectOption("TrailwatchAuditor");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const secret = page.getByRole("dialog", { name: "Access key of jane" });
    await secret.getByText("it is not shown again").waitFor();
    const words = (await secret.locator("pre").textContent()) ?? "";
    const [id, key] = [/ACCESS_KEY_ID=(\S+)/.exec(words)?.[1] ?? "", /SECRET_ACCESS_KEY=(\S+)/.exec(words)?.[1] ?? ""];
    expect(key.length).toBe(40);
    await sound("access-secret");
    await secret.getByRole("button", { name: "Done" }).click();
    const detail = page.getByRole("complementary", { name: "User" });
    await detail.getByText(id).waitFor();
    expect(await page.getByText(key).count()).toBe(0);
    await detail.getByRole("link", { name: "TrailwatchAuditor" }).waitFor();
    await detail.getByLabel("Attach a policy").selectOption("TrailwatchOperator");
    await detail.getByRole("link", { name: "TrailwatchOperator" }).waitFor();
    await sound("access-user");
    await detail.getByRole("button", { name: "Detach" }).first().click();
    await detail.getByRole("link", { name: "TrailwatchAuditor" }).waitFor({ state: "detached" });
    await detail.getByRole("button", { name: "Deactivate" }).click();
    await detail.getByText("inactive").waitFor();
    await detail.getByRole("button", { name: `Delete ${id}` }).click();
    await page.getByRole("button", { name: "Delete for good" }).click();
    await detail.getByText("No access key").waitFor();

    await page.getByRole("button", { name: "Create user" }).click();
    await page.getByLabel("Name", { exact: true }).fill("jane");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("alert").getByText("User with name jane already exists.").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("409"))).toBe(true);
    await sound("access-error");
    await page.getByRole("button", { name: "Cancel" }).click();
    await detail.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete for good" }).click();
    await page.getByText("No users yet").waitFor();
  });

  test("access: policies, and who can do what because of which statement", async () => {
    const { page } = visit;
    await server.iam("CreateUser", { UserName: "olga" });
    await server.iam("CreateUser", { UserName: "nils" });
    await visit.go("/access?tab=policies");
    await page.getByRole("button", { name: "Create policy" }).click();
    await page.getByLabel("Name", { exact: true }).fill("web-logs");
    await page.getByLabel("Document").fill("{");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("alert").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("400"))).toBe(true);
    const statement = { Effect: "Allow", Action: "logs:Get*", Resource: "arn:aws:logs:*:*:log-group:/web/*" };
    await page.getByLabel("Document").fill(JSON.stringify({ Version: "2012-10-17", Statement: [statement] }, null, 1));
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const detail = page.getByRole("complementary", { name: "Policy" });
    await detail.getByText('"logs:Get*"').waitFor();
    await sound("access-policy");
    await server.iam("AttachUserPolicy", { UserName: "olga", PolicyArn: "arn:aws:iam::123456789012:policy/web-logs" });

    await visit.go("/access?tab=groups");
    await page.getByText("No groups yet").waitFor();
    await page.getByRole("button", { name: "Create group" }).click();
    await page.getByLabel("Name", { exact: true }).fill("ops");
    await page.getByLabel("May").selectOption("TrailwatchOperator");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const group = page.getByRole("complementary", { name: "Group" });
    await group.getByLabel("Add to users").selectOption("nils");
    await group.getByRole("button", { name: /^nils/ }).waitFor();
    await sound("access-group");
    await group.getByRole("button", { name: /^nils/ }).click();
    await group.getByRole("button", { name: /^nils/ }).waitFor({ state: "detached" });
    await group.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete for good" }).click();
    await page.getByText("No groups yet").waitFor();

    await visit.go("/access?tab=who");
    await page.getByText("Who can do it?").waitFor();
    await page.getByLabel("Actions").fill("logs:GetLogEvents");
    await page.getByLabel("Resources").fill("arn:aws:logs:us-east-1:123456789012:log-group:/web/a");
    await page.getByRole("button", { name: "Ask" }).click();
    const table = page.getByRole("table", { name: "Decisions" });
    await table.getByRole("row", { name: /olga/ }).getByText("allowed", { exact: true }).waitFor();
    await table.getByRole("row", { name: /nils/ }).getByText("no statement is about it").waitFor();
    await table.getByText("web-logs").click();
    expect(JSON.parse((await table.locator("pre").textContent()) ?? "")).toEqual(statement);
    await sound("access-who");
    await page.getByLabel("Actions").fill("nonsense");
    await page.getByRole("button", { name: "Ask" }).click();
    await page.getByRole("alert").getByText("Invalid Action: nonsense").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("400"))).toBe(true);
  });

  test("access: a role is made, given policies, lent to others, and deleted", async () => {
    const { page } = visit;
    await server.iam("CreateUser", { UserName: "rolf" });
    await visit.go("/access?tab=roles");
    await page.getByText("No roles yet").waitFor();
    await page.getByRole("button", { name: "Create role" }).click();
    const dialog = page.getByRole("dialog", { name: "Create role" });
    await dialog.getByLabel("Name", { exact: true }).fill("Deployer");
    await dialog.getByLabel("Who may take it").selectOption("user rolf");
    expect(await dialog.getByLabel("Trust policy").inputValue()).toContain("arn:aws:iam::123456789012:user/rolf");
    await dialog.getByLabel("May", { exact: true }).selectOption("TrailwatchReadOnly");
    await sound("access-role-create");
    await dialog.getByLabel("Trust policy").fill("{");
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await dialog.getByRole("alert").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("400"))).toBe(true);
    await dialog.getByLabel("Who may take it").selectOption("users and roles of this account");
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    const role = page.getByRole("complementary", { name: "Role" });
    await role.getByText("arn:aws:iam::123456789012:root").waitFor();
    await role.getByRole("link", { name: "TrailwatchReadOnly" }).waitFor();
    await role.getByLabel("Attach a policy").selectOption("TrailwatchOperator");
    await role.getByRole("link", { name: "TrailwatchOperator" }).waitFor();
    await role.getByRole("button", { name: "Detach" }).first().click();
    await role.getByRole("link", { name: "TrailwatchOperator" }).waitFor({ state: "detached" });
    await role.getByRole("link", { name: "TrailwatchReadOnly" }).waitFor();

    await role.getByRole("button", { name: "Edit" }).click();
    const trust = { Effect: "Allow", Principal: { AWS: "arn:aws:iam::123456789012:user/rolf" }, Action: "sts:AssumeRole" };
    const document = page.getByRole("dialog").getByLabel("Document");
    expect(await document.inputValue()).toContain(":root");
    await document.fill(JSON.stringify({ Version: "2012-10-17", Statement: [trust] }));
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await role.getByText("arn:aws:iam::123456789012:user/rolf").waitFor();
    await role.getByRole("button", { name: "Write one for it alone" }).click();
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("web");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await role.getByRole("heading", { name: "web (its own)" }).waitFor();
    await sound("access-role");
    const told = await server.iam("GetRole", { RoleName: "Deployer" });
    expect(decodeURIComponent(told)).toContain("user/rolf");

    await role.getByRole("button", { name: "Delete", exact: true }).first().click();
    await page.getByRole("button", { name: "Delete for good" }).click();
    await page.getByText("No roles yet").waitFor();
    await server.iam("DeleteUser", { UserName: "rolf" });
  });

  test("access: a policy gets a new version", async () => {
    const { page } = visit;
    const document = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "logs:Get*", Resource: "*" }] };
    await server.iam("CreatePolicy", { PolicyName: "readers", PolicyDocument: JSON.stringify(document) });
    await visit.go("/access?tab=policies&arn=arn:aws:iam::123456789012:policy/readers");
    const detail = page.getByRole("complementary", { name: "Policy" });
    await detail.getByText('"logs:Get*"').waitFor();
    await detail.getByRole("button", { name: "Edit" }).click();
    const field = page.getByRole("dialog").getByLabel("Document");
    await field.fill((await field.inputValue()).replace("logs:Get*", "logs:Filter*"));
    await page.getByRole("button", { name: "Save as a new version" }).click();
    await detail.getByText('"logs:Filter*"').waitFor();
    await detail.getByText("v2").waitFor();
    await detail.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete for good" }).click();
    await detail.waitFor({ state: "detached" });
  });

  test("access: who may not see it is told so", async () => {
    await server.iam("CreateUser", { UserName: "nobody" });
    const key = await server.iam("CreateAccessKey", { UserName: "nobody" });
    const part = (name: string) => new RegExp(`<${name}>([^<]+)`).exec(key)?.[1] ?? "";
    const { page } = visit;
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Access key id").fill(part("AccessKeyId"));
    await page.getByLabel("Secret access key").fill(part("SecretAccessKey"));
    await page.getByRole("button", { name: "Sign in" }).click();
    for (const [hash, action] of [
      ["/access", "iam:"],
      ["/events", "trailwatch:SearchEvents"],
    ]) {
      await visit.go(hash ?? "");
      await page.getByRole("alert").getByText(`is not authorized to perform: ${action}`).waitFor();
      await page.getByRole("alert").getByText("Sign in with a key that may do this").waitFor();
    }
    visit.complaints.splice(0);
    await sound("not-authorized");
  });

  test("lake: a statement, its rows, a mistake at its place, a store that is not there", async () => {
    const { page } = visit;
    await server.call("cloudtrail", "CreateEventDataStore", {
      Name: "lake",
      MultiRegionEnabled: true,
      TerminationProtectionEnabled: false,
    });
    await server.call("logs", "PutRetentionPolicy", { logGroupName: "/shop/search", retentionInDays: 7 });
    const { EventDataStores } = await server.call<{ EventDataStores: { Name: string; EventDataStoreArn: string }[] }>(
      "cloudtrail",
      "ListEventDataStores",
    );
    const id = EventDataStores.find((store) => store.Name === "lake")?.EventDataStoreArn.replace(/^.*\//, "") ?? "";
    await visit.go(`/trails/lake?q=${encodeURIComponent(`SELECT eventName, count(*) AS n\nFROM ${id}\nGROUP BY eventName`)}`);
    const editor = page.getByRole("textbox", { name: "Query" });
    await editor.getByText("GROUP").waitFor();
    await page.getByRole("button", { name: "Run query" }).click();
    await page.getByRole("table", { name: "Results" }).getByText("PutRetentionPolicy").click();
    await page.getByRole("complementary", { name: "Row" }).getByText("PutRetentionPolicy").waitFor();
    await sound("lake");
    await page.reload();
    await page.getByRole("table", { name: "Results" }).getByText("PutRetentionPolicy").waitFor();
    await editor.click();
    await page.keyboard.press("Control+A");
    await page.keyboard.type(`SELECT eventNam FROM ${id}`);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("alert").waitFor();
    expect(visit.complaints.splice(0).every((text) => text.includes("400"))).toBe(true);
    await sound("lake-error");
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
    for (const hash of [
      `/events?q=${encodeURIComponent(HOSTILE)}`,
      `/logs/group?name=${encodeURIComponent(HOSTILE)}`,
      `/alarms/alarm?name=${encodeURIComponent(HOSTILE)}`,
      `/metrics?graph=${encodeURIComponent('[{"i":"m1"},{"i":3},null]')}`,
      `/events?f.actor=${encodeURIComponent(HOSTILE)}&event=${encodeURIComponent(HOSTILE)}`,
      `/events/session?event=${encodeURIComponent(HOSTILE)}`,
      `/access?name=${encodeURIComponent(HOSTILE)}&q=${encodeURIComponent(HOSTILE)}`,
      `/access?tab=who&principal=${encodeURIComponent(HOSTILE)}&actions=${encodeURIComponent(HOSTILE)}`,
      `/investigate?kind=metric&metric=${encodeURIComponent(JSON.stringify({ namespace: HOSTILE, metric_name: HOSTILE }))}`,
      `/investigate?alarm=${encodeURIComponent(HOSTILE)}`,
      `/trails/lake?q=${encodeURIComponent(HOSTILE)}&id=${encodeURIComponent(HOSTILE)}`,
    ]) {
      await visit.go(hash);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      expect(await visit.isInjected(), hash).toBe(false);
    }
  });
});

test("a trail's files are validated on demand, and what is wrong is named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "trailwatch-console-bucket-"));
  mkdirSync(join(folder, "audit"));
  writeFileSync(join(folder, "config.toml"), `[buckets]\naudit = ${JSON.stringify(join(folder, "audit"))}\n`);
  const open = await Server.start("--open", "--config", join(folder, "config.toml"));
  await open.call("cloudtrail", "CreateTrail", { Name: "main", S3BucketName: "audit", EnableLogFileValidation: true });
  await open.call("cloudtrail", "StartLogging", { Name: "main" });
  const there = await Visit.begin(browser, open);
  const { page } = there;
  await page.goto(`${open.address}/#/trails`);
  await page.getByRole("button", { name: "Validate now" }).click();
  await page.getByText("There are no files of this time yet.").waitFor();
  const day = new Date().toISOString().slice(0, 10);
  const digests = join(folder, "audit/AWSLogs/123456789012/CloudTrail-Digest/us-east-1", ...day.split("-"));
  const name = `123456789012_CloudTrail-Digest_us-east-1_main_us-east-1_${day.replaceAll("-", "")}T000000Z.json.gz`;
  mkdirSync(digests, { recursive: true });
  writeFileSync(join(digests, name), HOSTILE);
  await page.getByRole("button", { name: "Validate now" }).click();
  await page.getByRole("alert").getByText("1 thing is wrong among 1 files.").waitFor();
  await page.getByRole("alert").getByText(name).waitFor();
  await there.picture("trails-validation");
  expect(await there.faults()).toEqual([]);
  expect(await there.isInjected()).toBe(false);
  expect(there.complaints).toEqual([]);
  await there.context.close();
  await open.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("dark pages are sound, too", async () => {
  await visit.context.close();
  visit = await Visit.begin(browser, server, "dark");
  await visit.signIn();
  const { page } = visit;
  const places: [string, string, string][] = [
    ["/", "web-1", "overview-dark"],
    ["/events?f.event_name=PutDashboard", "PutDashboard", "events-dark"],
    ["/events?f.event_name=SetAlarmState", "checkout-slow", "events-one-dark"],
    ["/access?tab=policies", "TrailwatchAuditor", "access-dark"],
    ["/trails", "The signed log", "trails-dark"],
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
  await visit.signIn();
  await page.getByText("Healthy").waitFor();
  const scripts = await page.evaluate(() =>
    (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
      .filter((entry) => entry.name.endsWith(".js"))
      .map((entry) => ({ name: entry.name.replace(/^.*\//, ""), bytes: entry.encodedBodySize })),
  );
  expect(scripts.some(({ name }) => name.startsWith("index-"))).toBe(true);
  expect(scripts.some(({ name }) => /editor|uPlot/i.test(name))).toBe(false);
  expect(scripts.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(100_000);
});
