// Loading: what a page asks the server for, with its states. A newer question aborts the one before it.
import { type Accessor, createEffect, createSignal, on, onCleanup, untrack } from "solid-js";

/** A question that is on its way, and what can be done about it. */
export interface Asking {
  error: Accessor<unknown>;
  loading: Accessor<boolean>;
  reload: () => void;
  /** Gives the question up: the request is aborted, and the server ends long work that only reads. */
  cancel: () => void;
  /** True after that, until something is asked again. */
  cancelled: Accessor<boolean>;
}

export interface Loaded<T> extends Asking {
  data: Accessor<T | undefined>;
}

/** One question at a time; `came` is told the answer unless a newer question was asked meanwhile. */
function turns() {
  const [error, setError] = createSignal<unknown>();
  const [loading, setLoading] = createSignal(false);
  const [cancelled, setCancelled] = createSignal(false);
  let running: AbortController | undefined;
  const end = () => {
    running?.abort();
    running = undefined;
    setLoading(false);
    setCancelled(false);
  };
  onCleanup(() => running?.abort());
  const begin = <T>(ask: (signal: AbortSignal) => Promise<T>, came: (answer: T) => void, failed?: () => void) => {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    setLoading(true);
    setError(undefined);
    setCancelled(false);
    const done = (then: () => void) => {
      if (mine.signal.aborted) return;
      then();
      setLoading(false);
    };
    ask(mine.signal).then(
      (answer) => done(() => came(answer)),
      (failure) =>
        done(() => {
          setError(() => failure);
          failed?.();
        }),
    );
  };
  const cancel = () => {
    if (!loading()) return;
    end();
    setCancelled(true);
  };
  return { error, loading, cancelled, begin, end, cancel };
}

/** Asks whenever `source` changes, unless it is undefined. Old data stay until new ones are there. */
export function load<S, T>(source: Accessor<S | undefined>, ask: (source: S, signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [data, setData] = createSignal<T>();
  const [turn, setTurn] = createSignal(0);
  const { error, loading, cancelled, begin, end, cancel } = turns();
  createEffect(
    on([source, turn], ([asked]) => {
      if (asked !== undefined)
        return begin(
          (signal) => ask(asked, signal),
          (answer) => setData(() => answer),
        );
      end();
      setData(undefined);
    }),
  );
  return { data, error, loading, cancelled, cancel, reload: () => setTurn((n) => n + 1) };
}

export interface Page<T> {
  rows: T[];
  /** Where the next page begins. */
  next?: string | null;
}

export interface Paged<P extends Page<unknown>> extends Asking {
  rows: Accessor<P["rows"]>;
  /** The first page, and the one that came last. */
  first: Accessor<P | undefined>;
  last: Accessor<P | undefined>;
  /** Whether there is more; `more` asks for it. */
  next: Accessor<boolean>;
  more: () => void;
}

/** Rows that come page by page: from the beginning when `source` changes, the next ones when they are asked for. */
export function paged<S, P extends Page<unknown>>(
  source: Accessor<S | undefined>,
  ask: (source: S, from: { after?: string; have: number }, signal: AbortSignal) => Promise<P>,
): Paged<P> {
  const [rows, setRows] = createSignal<P["rows"]>([]);
  const [first, setFirst] = createSignal<P>();
  const [last, setLast] = createSignal<P>();
  const { error, loading, cancelled, begin, end, cancel } = turns();
  const empty = () => {
    setRows([]);
    setFirst(undefined);
    setLast(undefined);
  };
  const read = (asked: S, after?: string) =>
    begin(
      (signal) => ask(asked, { after, have: after ? rows().length : 0 }, signal),
      (page) => {
        setRows(after ? [...rows(), ...page.rows] : page.rows);
        if (!after) setFirst(() => page);
        setLast(() => page);
      },
      () => !after && empty(),
    );
  const again = (asked: S | undefined) => {
    if (asked !== undefined) return untrack(() => read(asked));
    end();
    empty();
  };
  createEffect(on(source, again));
  const more = () => {
    const after = last()?.next;
    const asked = source();
    if (after && asked !== undefined && !loading() && !error()) read(asked, after);
  };
  const reload = () => again(source());
  return { rows, first, last, next: () => !!last()?.next, error, loading, cancelled, cancel, reload, more };
}
