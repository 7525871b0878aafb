// A modal dialog: the browser's own, which keeps the focus and closes on Escape.
import { onMount, type ParentProps, Show } from "solid-js";

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
