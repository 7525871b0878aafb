// The small parts that every page is made of: panels, states (loading, empty, error), badges, fields.
import {
  createMemo,
  createSignal,
  createUniqueId,
  For,
  type JSX,
  Match,
  onCleanup,
  type ParentProps,
  Show,
  Switch,
} from "solid-js";
import { AwsError, advice } from "../aws";
import type { Loaded } from "../load";

export function Panel(props: ParentProps<{ title?: JSX.Element; actions?: JSX.Element; class?: string; flush?: boolean }>) {
  return (
    <section class={`panel ${props.class ?? ""}`}>
      <Show when={props.title || props.actions}>
        <header class="panel-head">
          <h2>{props.title}</h2>
          <div class="actions">{props.actions}</div>
        </header>
      </Show>
      <div class={props.flush ? "panel-flush" : "panel-body"}>{props.children}</div>
    </section>
  );
}

export function PageHead(props: ParentProps<{ title: JSX.Element; sub?: JSX.Element }>) {
  return (
    <div class="page-head">
      <div class="page-title">
        <h1>{props.title}</h1>
        <Show when={props.sub}>
          <p>{props.sub}</p>
        </Show>
      </div>
      <div class="actions">{props.children}</div>
    </div>
  );
}

/** Seconds that work may take before its time, and a way to give it up, are shown. */
const PATIENCE_SECS = 2;

/** Work that goes on: what it is, for how long, and a way to give it up. */
export function Working(props: { what: string; cancel?: () => void; atOnce?: boolean }) {
  const began = performance.now();
  const [secs, setSecs] = createSignal(0);
  const timer = setInterval(() => setSecs(Math.floor((performance.now() - began) / 1000)), 1000);
  onCleanup(() => clearInterval(timer));
  const isLong = () => secs() >= PATIENCE_SECS;
  return (
    <>
      <span class="spinner" aria-hidden="true" /> {props.what}
      <Show when={isLong()}>
        {/* Not to be read out every second. */}
        <span class="faint" aria-hidden="true">
          {` ${secs()} s`}
        </span>
      </Show>
      <Show when={props.cancel && (props.atOnce || isLong())}>
        {" "}
        <button type="button" class="link" onClick={() => props.cancel?.()}>
          Cancel
        </button>
      </Show>
    </>
  );
}

export function Loading(props: { what?: string; cancel?: () => void }) {
  return (
    <div class="state" role="status">
      <Working what={`Loading${props.what ? ` ${props.what}` : ""}…`} cancel={props.cancel} />
    </div>
  );
}

/** What was given up, and can be asked again. */
export function Cancelled(props: { again: () => void }) {
  return (
    <p class="state" role="status">
      Cancelled.{" "}
      <button type="button" class="link" onClick={() => props.again()}>
        Ask again
      </button>
    </p>
  );
}

export function Empty(props: ParentProps<{ title: string }>) {
  return (
    <div class="state empty">
      <strong>{props.title}</strong>
      <div>{props.children}</div>
    </div>
  );
}

export function ErrorNote(props: { error: unknown; retry?: () => void }) {
  const message = () => (props.error instanceof Error ? props.error.message : String(props.error));
  return (
    <div class="note error" role="alert">
      <div>
        <strong>{message()}</strong>
        <p>{advice(props.error)}</p>
        <Show when={props.error instanceof AwsError}>
          <p class="faint mono">
            {(props.error as AwsError).call}: {(props.error as AwsError).code}
          </p>
        </Show>
      </div>
      <Show when={props.retry}>
        <button type="button" onClick={() => props.retry?.()}>
          Try again
        </button>
      </Show>
    </div>
  );
}

/** What was loaded, or why it is not there. Old data stay on show while newer ones come. */
export function Shown<T>(props: { of: Loaded<T>; what?: string; children: (data: () => T) => JSX.Element }) {
  return (
    <Switch>
      <Match when={props.of.error()}>
        <ErrorNote error={props.of.error()} retry={props.of.reload} />
      </Match>
      <Match when={props.of.data() !== undefined}>
        <div class={props.of.loading() ? "stale" : undefined}>{props.children(props.of.data as () => T)}</div>
      </Match>
      <Match when={props.of.loading()}>
        <Loading what={props.what} cancel={props.of.cancel} />
      </Match>
      <Match when={props.of.cancelled()}>
        <Cancelled again={props.of.reload} />
      </Match>
    </Switch>
  );
}

/** As `Show`, for what may go while it is on show: its children keep the last value until they are taken off. */
export function Given<T>(props: {
  when: T | null | undefined;
  fallback?: JSX.Element;
  children: (value: () => T) => JSX.Element;
}) {
  const last = createMemo<T | undefined>((old) => props.when ?? old);
  return (
    <Show when={props.when} fallback={props.fallback}>
      {props.children(last as () => T)}
    </Show>
  );
}

export type AlarmState = "OK" | "ALARM" | "INSUFFICIENT_DATA";

const STATE_WORDS: Record<string, string> = { OK: "OK", ALARM: "In alarm", INSUFFICIENT_DATA: "Insufficient data" };

export function StateBadge(props: { state: string }) {
  return (
    <span class={`badge state-${props.state.toLowerCase()}`}>
      <i aria-hidden="true" />
      {STATE_WORDS[props.state] ?? props.state}
    </span>
  );
}

export function Badge(props: ParentProps<{ tone?: "good" | "bad" | "warn" | "plain" }>) {
  return <span class={`badge tone-${props.tone ?? "plain"}`}>{props.children}</span>;
}

export function Copy(props: { text: string; label?: string }) {
  const [done, setDone] = createSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
    } catch {
      // Without a secure origin there is no clipboard; a selection can still be copied by hand.
      const area = document.createElement("textarea");
      area.value = props.text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    setDone(true);
    setTimeout(() => setDone(false), 1200);
  };
  return (
    <button type="button" class="small" onClick={copy}>
      {done() ? "Copied" : (props.label ?? "Copy")}
    </button>
  );
}

export function Code(props: { text: string; label?: string }) {
  return (
    <div class="code">
      <pre tabindex="0">{props.text}</pre>
      <Copy text={props.text} label={props.label} />
    </div>
  );
}

export function Field(props: { label: string; hint?: JSX.Element; class?: string; children: (id: string) => JSX.Element }) {
  const id = createUniqueId();
  return (
    <div class={`field ${props.class ?? ""}`}>
      <label for={id}>{props.label}</label>
      {props.children(id)}
      <Show when={props.hint}>
        <p class="hint">{props.hint}</p>
      </Show>
    </div>
  );
}

/** A field with a choice: values and their names. */
export function Choice(props: {
  label: string;
  hint?: JSX.Element;
  name?: string;
  value?: string;
  of: [value: string, name: string][];
  change?: (value: string) => void;
}) {
  return (
    <Field label={props.label} hint={props.hint}>
      {(id) => (
        <select id={id} name={props.name} value={props.value} onChange={(event) => props.change?.(event.currentTarget.value)}>
          <For each={props.of}>
            {([value, name]) => (
              <option value={value} selected={value === props.value}>
                {name}
              </option>
            )}
          </For>
        </select>
      )}
    </Field>
  );
}

export function Facts(props: { of: [string, JSX.Element][] }) {
  return (
    <dl class="facts">
      {props.of
        .filter(([, value]) => value !== undefined && value !== "" && value !== null && value !== false)
        .map(([name, value]) => (
          <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Tabs(props: { at: string; tabs: [string, string][]; to: (tab: string) => void }) {
  return (
    <div class="tabs" role="tablist">
      {props.tabs.map(([key, name]) => (
        <button type="button" role="tab" aria-selected={props.at === key} onClick={() => props.to(key)}>
          {name}
        </button>
      ))}
    </div>
  );
}

/** Hands a text to the user as a file. */
export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

export function csv(rows: (string | number | undefined)[][]): string {
  // A cell that begins like a formula would be one to a spreadsheet.
  const cell = (value: string | number | undefined) => {
    const text = String(value ?? "");
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}
