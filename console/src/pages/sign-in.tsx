// Asks for an access key.
import { createSignal, Show } from "solid-js";
import { Logo } from "../app";
import { session, signIn } from "../session";
import { Field } from "../ui/parts";

export function SignIn() {
  const [error, setError] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  const reason = () => {
    const now = session();
    return now.signedIn === false ? now.reason : undefined;
  };
  let key!: HTMLInputElement;
  let secret!: HTMLInputElement;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      await signIn(key.value.trim(), secret.value.trim());
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      secret.select();
    }
    setBusy(false);
  };
  return (
    <main class="alone">
      <form class="sign-in panel" onSubmit={submit}>
        <div class="brand">
          <Logo /> Trailwatch
        </div>
        <h1>Sign in</h1>
        <Show when={reason()}>
          <p class="note">{reason()}</p>
        </Show>
        <Show when={error()}>
          <p class="note error" role="alert">
            {error()}
          </p>
        </Show>
        <Field label="Access key id">
          {(id) => <input id={id} ref={key} required autocomplete="username" spellcheck={false} autofocus class="mono" />}
        </Field>
        <Field
          label="Secret access key"
          hint={
            <>
              The server prints both when it starts; they are in <code>root-access-key.json</code> of its data directory.
            </>
          }
        >
          {(id) => <input id={id} ref={secret} required type="password" autocomplete="current-password" class="mono" />}
        </Field>
        <button type="submit" class="primary" disabled={busy()}>
          {busy() ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
