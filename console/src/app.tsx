// The frame: navigation, the bar above, the page that the URL names, and the sign-in before all of it.
import { type Component, createEffect, ErrorBoundary, For, lazy, Match, onMount, Show, Suspense, Switch } from "solid-js";
import { AwsError } from "./aws";
import { help, KEYS, listen, PLACES, setHelp } from "./keys";
import { EventHistory } from "./pages/events";
import { Overview } from "./pages/overview";
import { SignIn } from "./pages/sign-in";
import { Trails } from "./pages/trails";
import { href, param, path, setParams } from "./router";
import { resume, session, signOut } from "./session";
import { dark, switchTheme } from "./theme";
import { switchZone, utc } from "./time";
import { Dialog } from "./ui/dialog";
import { ErrorNote, Loading, PageHead } from "./ui/parts";

/** A page that is fetched when it is first asked for. */
const later = (fetched: () => Promise<{ default: Component }>) =>
  lazy(() =>
    fetched().catch(() => {
      throw new AwsError("Unreachable", "The server did not answer.", 0, "console page");
    }),
  );

const Access = later(() => import("./pages/access"));
const Alarms = later(() => import("./pages/alarms"));
const Dashboards = later(() => import("./pages/dashboards"));
const Insights = later(() => import("./pages/insights"));
const Investigate = later(() => import("./pages/investigate"));
const Lake = later(() => import("./pages/lake"));
const LiveTail = later(() => import("./pages/tail"));
const LoginSession = later(() => import("./pages/login-session"));
const Logs = later(() => import("./pages/logs"));
const Metrics = later(() => import("./pages/metrics"));

const PAGES: Record<string, Component> = {
  "/": Overview,
  "/events": EventHistory,
  "/logs": Logs,
  "/insights": Insights,
  "/tail": LiveTail,
  "/metrics": Metrics,
  "/alarms": Alarms,
  "/dashboards": Dashboards,
  "/trails": Trails,
  "/trails/lake": Lake,
  "/events/session": LoginSession,
  "/investigate": Investigate,
  "/access": Access,
};

/** Regions to offer; any other can stand in the URL. */
const REGIONS = [
  "us-east-1",
  "us-east-2",
  "us-west-1",
  "us-west-2",
  "ca-central-1",
  "sa-east-1",
  "eu-west-1",
  "eu-west-2",
  "eu-west-3",
  "eu-central-1",
  "eu-central-2",
  "eu-north-1",
  "eu-south-1",
  "ap-northeast-1",
  "ap-northeast-2",
  "ap-south-1",
  "ap-southeast-1",
  "ap-southeast-2",
  "af-south-1",
  "me-south-1",
  "me-central-1",
  "il-central-1",
];

export function App() {
  onMount(() => {
    listen();
    void resume();
  });
  return (
    <Switch fallback={<Shell />}>
      <Match when={session().signedIn === null}>
        <Starting />
      </Match>
      <Match when={session().signedIn === false}>
        <SignIn />
      </Match>
    </Switch>
  );
}

function Starting() {
  const failed = () => {
    const now = session();
    return now.signedIn === null ? now.failed : undefined;
  };
  return (
    <main class="alone">
      <Show when={failed()} fallback={<Loading />}>
        {(message) => (
          <div class="note error" role="alert">
            <div>
              <strong>The server did not answer.</strong>
              <p>{message()} Check that it runs and can be reached from here.</p>
            </div>
            <button type="button" onClick={() => void resume()}>
              Try again
            </button>
          </div>
        )}
      </Show>
    </main>
  );
}

/** A page that could not be fetched is fetched anew only with all of them. */
const again = (error: unknown, reset: () => void) =>
  error instanceof AwsError && error.code === "Unreachable" ? () => location.reload() : reset;

/** The part of the navigation that a path belongs to. */
const section = (page: string) => `/${page.split("/")[1] ?? ""}`;

function Shell() {
  const signedIn = () => {
    const now = session();
    return now.signedIn ? now : undefined;
  };
  const place = () => PLACES.find(([, page]) => page === section(path()));
  const page = () => PAGES[path()] ?? PAGES[section(path())];
  const region = () => param("region", signedIn()?.region ?? "");
  createEffect(() => {
    document.title = `${place()?.[2] ?? "Not found"} · Trailwatch`;
  });
  return (
    // Full screen is a dashboard's: it leaves the navigation out.
    <div class="shell" classList={{ "full-screen": param("full") === "1" }}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the page
      </a>
      <nav aria-label="Pages">
        <a class="brand" href={href("/")}>
          <Logo /> Trailwatch
        </a>
        <ul>
          <For each={PLACES}>
            {([key, page, name]) => (
              <li>
                <a href={href(page)} aria-current={section(path()) === page ? "page" : undefined}>
                  <span>{name}</span>
                  <kbd aria-hidden="true">g {key}</kbd>
                </a>
              </li>
            )}
          </For>
        </ul>
        <div class="nav-foot">
          <button type="button" class="quiet" onClick={() => setHelp(true)}>
            Keys <kbd>?</kbd>
          </button>
          <span class="faint">v{signedIn()?.version}</span>
        </div>
      </nav>
      <header class="bar">
        <div class="bar-where">
          <span class="faint">Account</span> <span class="mono">{signedIn()?.account}</span>
          <Show when={signedIn()?.open}>
            <span class="badge tone-warn" title="The server takes any key, from this machine only">
              open mode
            </span>
          </Show>
        </div>
        <div class="actions">
          <select
            aria-label="Region"
            value={region()}
            onChange={(event) =>
              setParams({ region: event.currentTarget.value === signedIn()?.region ? "" : event.currentTarget.value })
            }
          >
            <For each={[...new Set([signedIn()?.region ?? "", region(), ...REGIONS])].filter(Boolean)}>
              {(name) => <option value={name}>{name}</option>}
            </For>
          </select>
          <button type="button" class="quiet" title="Times in your zone or in UTC (u)" onClick={switchZone}>
            {utc() ? "UTC" : "Local time"}
          </button>
          <button type="button" class="quiet" title="Light or dark (\)" onClick={switchTheme}>
            {dark() ? "Light" : "Dark"}
          </button>
          <Show when={!signedIn()?.open}>
            <button type="button" class="quiet" title={signedIn()?.arn} onClick={() => void signOut()}>
              Sign out
            </button>
          </Show>
        </div>
      </header>
      <main id="main" tabindex="-1">
        {/* A page that breaks leaves the others alone. */}
        <Show when={`${section(path())} ${region()}`} keyed>
          <ErrorBoundary fallback={(error, reset) => <ErrorNote error={error} retry={again(error, reset)} />}>
            <Suspense fallback={<Loading />}>
              <Show when={page()} fallback={<NotFound />} keyed>
                {(Page) => <Page />}
              </Show>
            </Suspense>
          </ErrorBoundary>
        </Show>
      </main>
      <Show when={help()}>
        <Dialog title="Keys" close={() => setHelp(false)}>
          <div class="keys">
            <dl>
              <For each={KEYS}>{([key, what]) => <KeyRow keys={key} what={what} />}</For>
            </dl>
            <dl>
              <For each={PLACES}>{([key, , name]) => <KeyRow keys={`g ${key}`} what={name} />}</For>
            </dl>
          </div>
        </Dialog>
      </Show>
    </div>
  );
}

function KeyRow(props: { keys: string; what: string }) {
  return (
    <div>
      <dt>
        <kbd>{props.keys}</kbd>
      </dt>
      <dd>{props.what}</dd>
    </div>
  );
}

function NotFound() {
  return (
    <>
      <PageHead title="There is no such page" />
      <p>
        The address names a page that the console does not have. <a href={href("/")}>Go to the overview</a>.
      </p>
    </>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M6 21l6-7 5 4 9-10" />
      <circle cx="26" cy="8" r="2.6" />
    </svg>
  );
}
