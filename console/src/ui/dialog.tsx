// A modal dialog: the browser's own, which keeps the focus and closes on Escape.
import { createSignal, type JSX, onMount, type ParentProps, Show } from "solid-js";
import { ErrorNote } from "./parts";

export function Dialog(props: ParentProps<{ title: string; close: () => void; wide?: boolean }>) {
  let dialog!: HTMLDialogElement;
  onMount(() => dialog.showModal());
  return (
    <dialog
      ref={dialog}
      class={props.wide ? "wide" : undefined}
      aria-label={props.title}
      onClose={() => props.close()}
      onClick={(event) => event.target === dialog && dialog.close()}
    >
      <div class="dialog">
        <header class="panel-head">
          <h2>{props.title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick={() => dialog.close()}>
            ✕
          </button>
        </header>
        <div class="panel-body">{props.children}</div>
      </div>
    </dialog>
  );
}

/** A form in a dialog: why it was refused, a way out, and a button that does it. `submit` is given the form. */
export function FormDialog(
  props: ParentProps<{
    title: string;
    action: string;
    wide?: boolean;
    /** False while the form is not ready to be sent. */
    ready?: boolean;
    submit: (form: HTMLFormElement) => Promise<void> | void;
    close: () => void;
    /** How a refusal is told, where the page knows better than `ErrorNote`. */
    refused?: (error: unknown) => JSX.Element;
    /** Buttons beside Cancel. */
    actions?: JSX.Element;
  }>,
) {
  const [error, setError] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await props.submit(event.currentTarget as HTMLFormElement);
    } catch (failure) {
      setError(() => failure);
    }
    setBusy(false);
  };
  return (
    <Dialog title={props.title} wide={props.wide} close={props.close}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        {props.children}
        <Show when={error()}>{props.refused ? props.refused(error()) : <ErrorNote error={error()} />}</Show>
        <div class="actions end">
          {props.actions}
          <button type="button" onClick={props.close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy() || props.ready === false}>
            {props.action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Asks before something is destroyed. */
export function Confirm(props: {
  title: string;
  text: string;
  action: string;
  busy?: boolean;
  error?: string;
  yes: () => void;
  close: () => void;
}) {
  return (
    <Dialog title={props.title} close={props.close}>
      <p>{props.text}</p>
      <Show when={props.error}>
        <p class="note error" role="alert">
          {props.error}
        </p>
      </Show>
      <div class="actions end">
        <button type="button" onClick={props.close}>
          Cancel
        </button>
        <button type="button" class="danger" disabled={props.busy} onClick={props.yes}>
          {props.action}
        </button>
      </div>
    </Dialog>
  );
}
