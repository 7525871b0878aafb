// What pages repeat: the way back in the title, a search field bound to the URL, a table with its states, the pane of what is opened.
import { For, type JSX, onCleanup, onMount, type ParentProps, Show } from "solid-js";
import { isTyping } from "../keys";
import type { Asking } from "../load";
import { href, param, setParams } from "../router";
import { Cancelled, Empty, ErrorNote, Loading } from "./parts";
import { type Column, Table } from "./table";

/** `Alarms / checkout-slow`. */
export function Crumbs(props: { page: string; of: string; name: string; params?: Record<string, string> }) {
  return (
    <>
      <a href={href(props.page, props.params)}>{props.of}</a> / {props.name}
    </>
  );
}

/** A field for words, kept in a parameter of the URL; `/` goes to it. */
export function Search(props: { label: string; of?: string; trim?: boolean }) {
  const name = () => props.of ?? "q";
  return (
    <input
      type="search"
      class="grow"
      data-search
      aria-label={props.label}
      placeholder={`${props.label}  ( / )`}
      value={param(name())}
      onInput={(event) => {
        const text = event.currentTarget.value;
        setParams({ [name()]: props.trim ? text.trim() : text }, true);
      }}
    />
  );
}

/** True when each word of `words` is somewhere in `text`. */
export const hasWords = (text: string, words: string) => {
  const low = text.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => low.includes(word));
};

/** A table of what was loaded: its error above it, and why it is empty in it. */
export function Listing<T>(
  props: ParentProps<{
    of: Asking;
    what: string;
    rows: T[];
    columns: Column<T>[];
    key: (row: T) => string;
    open?: (row: T) => void;
    selected?: string;
    class?: string;
    label?: string;
    rowClass?: (row: T) => string;
    atEnd?: () => void;
    /** What an empty table says; the children say what to do about it. */
    empty: string;
  }>,
) {
  const name = () => props.label ?? `${props.what.charAt(0).toUpperCase()}${props.what.slice(1)}`;
  return (
    <>
      <Show when={props.of.error()}>
        <ErrorNote error={props.of.error()} retry={props.of.reload} />
      </Show>
      <Table
        label={name()}
        class={props.class}
        rows={props.rows}
        columns={props.columns}
        key={props.key}
        open={props.open}
        selected={props.selected}
        rowClass={props.rowClass}
        atEnd={props.atEnd}
        empty={
          <Show when={!props.of.loading()} fallback={<Loading what={props.what} cancel={props.of.cancel} />}>
            <Show when={!props.of.cancelled()} fallback={<Cancelled again={props.of.reload} />}>
              <Show when={!props.of.error()}>
                <Empty title={props.empty}>{props.children}</Empty>
              </Show>
            </Show>
          </Show>
        }
      />
    </>
  );
}

/** The pane beside a table, of the row that is open; Escape closes it. */
export function Detail(props: ParentProps<{ label: string; title: JSX.Element; actions?: JSX.Element; close: () => void }>) {
  const keyed = (event: KeyboardEvent) => {
    const isOthers = event.defaultPrevented || isTyping(event.target) || document.querySelector("dialog[open]");
    if (event.key === "Escape" && !isOthers) props.close();
  };
  onMount(() => addEventListener("keydown", keyed));
  onCleanup(() => removeEventListener("keydown", keyed));
  return (
    <aside class="detail" aria-label={props.label}>
      <header class="panel-head">
        <h2>{props.title}</h2>
        <div class="actions">
          {props.actions}
          <button type="button" class="icon" aria-label="Close" onClick={() => props.close()}>
            ✕
          </button>
        </div>
      </header>
      <div class="panel-body">{props.children}</div>
    </aside>
  );
}

/** A button that stands for a choice among others. */
export function Segments(props: { label: string; at: string; of: [string, string][]; to: (key: string) => void }) {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.of.map(([key, name]) => (
        <button type="button" aria-pressed={props.at === key} onClick={() => props.to(key)}>
          {name}
        </button>
      ))}
    </div>
  );
}

/** Queries to begin with; `choose` is told the place of one. */
export function Samples(props: { of: string[]; choose: (place: number) => void }) {
  return (
    <select
      aria-label="Sample queries"
      onChange={(event) => {
        props.choose(Number(event.currentTarget.value));
        event.currentTarget.value = "";
      }}
    >
      <option value="">Samples…</option>
      <For each={props.of}>{(name, place) => <option value={place()}>{name}</option>}</For>
    </select>
  );
}

/** Values of one field, how often each is there; a click chooses one. */
export function FacetValues(props: {
  name: string;
  values: [string, number][];
  chosen?: string;
  choose: (value: string) => void;
  more?: JSX.Element;
}) {
  return (
    <section>
      <h3 title={props.name}>{props.name}</h3>
      {props.values.map(([value, n]) => (
        <button
          type="button"
          aria-pressed={props.chosen === undefined ? undefined : props.chosen === value}
          onClick={() => props.choose(value)}
        >
          <span title={value}>{value || "(empty)"}</span>
          <span class="faint">{n}</span>
        </button>
      ))}
      {props.more}
    </section>
  );
}
