// Asks for an access key, or sends to the provider that the server is configured for.
import { createSignal, Show } from "solid-js";
import { Logo } from "../app";
import { param, setParams } from "../router";
import { leaveForProvider, session, signIn } from "../session";
import { Field } from "../ui/parts";

/** Why signing in through the provider came to nothing, by the word that the server puts into the address. */
const REFUSED: Record<string, string> = {
  attempt: "This attempt to sign in is not known, or took too long. Begin anew.",
  cancelled: "Signing in was cancelled.",
  provider: "The provider could not be asked. The server's log says why.",
  token: "What the provider sent is not to be trusted. The server's log says why.",
  role: "You are known, but no role is yours here. Ask whoever runs this server.",
  wait: "Too many attempts. Try again in a few minutes.",
  server: "The server could not begin a session. Its log says why.",
};

export function SignIn() {
  const [error, setError] = createSignal(REFUSED[param("refused")] ?? "");
  setParams({ refused: "" }, true);
  const [busy, setBusy] = createSignal(false);
  const reason = () => {
    const now = session();
    return now.signedIn === false ? now.reason : undefined;
  };
  const provider = () => {
    const now = session();
    return now.signedIn === false ? now.provider : undefined;
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
        <Show when={provider()}>
          {(known) => (
            <>
              <a class="button primary" href={known().path} onClick={leaveForProvider}>
                Sign in with {known().name}
              </a>
              <p class="or">or with an access key</p>
            </>
          )}
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
