// Signing in through a provider: the button, the way there and back, and what the page says when it comes to nothing.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launch, Visit } from "./browser";
import { Provider } from "./provider";
import { live, Server } from "./server";

const ACCOUNT = "123456789012";

let provider: Provider;
let server: Server;
let browser: Browser;
let visit: Visit;
let folder: string;

// The provider sends back to where the server is, and pages of sources are elsewhere.
describe.skipIf(live)("a provider", () => {
  beforeAll(async () => {
    provider = await Provider.start();
    folder = mkdtempSync(join(tmpdir(), "trailwatch-oidc-"));
    const config = join(folder, "trailwatch.toml");
    const role = `arn:aws:iam::${ACCOUNT}:role/Operator`;
    const rule = `[[oidc.role]]\nclaim = "groups"\nvalue = "ops"\nrole = "${role}"\n`;
    const head = `[oidc]\nissuer = "${provider.issuer}"\nclient_id = "${provider.clientId}"\nname = "Example"\n`;
    writeFileSync(config, `${head}${rule}`);
    server = await Server.start("--config", config);
    const trusted = {
      Effect: "Allow",
      Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${provider.name}` },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringEquals: { [`${provider.name}:aud`]: provider.clientId } },
    };
    await server.iam("CreateRole", {
      RoleName: "Operator",
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trusted] }),
    });
    const policies = "arn:aws:iam::aws:policy/TrailwatchOperator";
    await server.iam("AttachRolePolicy", { RoleName: "Operator", PolicyArn: policies });
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    provider?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    visit = await Visit.begin(browser, server);
  });
  afterEach(async () => {
    await visit.context.close();
  });

  const button = () => visit.page.getByRole("link", { name: "Sign in with Example" });

  test("signs in for a role, and the page that was asked for opens", async () => {
    const { page } = visit;
    await visit.go("/logs");
    await button().waitFor();
    await visit.picture("sign-in-provider");
    expect(await visit.faults()).toEqual([]);
    await button().click();
    await page.getByRole("heading", { name: "Log groups", exact: true }).waitFor();
    const cookies = await visit.context.cookies(`${server.address}/_trailwatch/console`);
    expect(cookies.map(({ name, httpOnly, sameSite }) => [name.split("-")[1], httpOnly, sameSite])).toEqual([
      ["session", true, "Strict"],
    ]);
    expect(visit.complaints).toEqual([]);
    const events = await server.call<{ Events: { CloudTrailEvent: string }[] }>("cloudtrail", "LookupEvents", {
      LookupAttributes: [{ AttributeKey: "EventName", AttributeValue: "AssumeRoleWithWebIdentity" }],
    });
    const [record] = events.Events.map((event) => JSON.parse(event.CloudTrailEvent));
    expect(record.userIdentity).toMatchObject({ type: "WebIdentityUser", userName: "u-1" });
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You signed out.").waitFor();
    await button().waitFor();
  });

  test("says what came to nothing", async () => {
    const { page } = visit;
    await page.goto(server.address);
    provider.cancels = true;
    await button().click();
    await page.getByRole("alert").getByText("Signing in was cancelled.").waitFor();
    expect(new URL(page.url()).hash).not.toContain("refused");
    provider.cancels = false;
    provider.groups = ["sales"];
    await button().click();
    await page.getByRole("alert").getByText("no role is yours here").waitFor();
    expect(await visit.context.cookies(`${server.address}/_trailwatch/console`)).toEqual([]);
    expect(visit.complaints).toEqual([]);
  });
});
