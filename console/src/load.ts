// Loading: what a page asks the server for, with its states. A newer question aborts the one before it.
import { type Accessor, createEffect, createSignal, on, onCleanup } from "solid-js";

export interface Loaded<T> {
  data: Accessor<T | undefined>;
  error: Accessor<unknown>;
  loading: Accessor<boolean>;
  reload: () => void;
}

/** Asks whenever `source` changes, unless it is undefined. Old data stay until new ones are there. */
export function load<S, T>(source: Accessor<S | undefined>, ask: (source: S, signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [data, setData] = createSignal<T>();
  const [error, setError] = createSignal<unknown>();
  const [loading, setLoading] = createSignal(false);
  const [turn, setTurn] = createSignal(0);
  let running: AbortController | undefined;
  createEffect(
    on([source, turn], ([asked]) => {
      running?.abort();
      if (asked === undefined) {
        setData(undefined);
        setLoading(false);
        return;
      }
      const control = new AbortController();
      running = control;
      setLoading(true);
      setError(undefined);
      ask(asked, control.signal).then(
        (answer) => {
          if (control.signal.aborted) return;
          setData(() => answer);
          setLoading(false);
        },
        (failure) => {
          if (control.signal.aborted) return;
          setError(() => failure);
          setLoading(false);
        },
      );
    }),
  );
  onCleanup(() => running?.abort());
  return { data, error, loading, reload: () => setTurn((n) => n + 1) };
}
