// One audit event: what it says, who really did it, its record, and its proof, checked here.
import { createEffect, createSignal, For, Match, on, Show, Switch } from "solid-js";
import { load } from "../load";
import { own } from "../own";
import { canHash, checkInclusion, hex, type Inclusion, Unproven } from "../proof";
import type { EventRow } from "../records";
import { href } from "../router";
import { accessOf, narrowed } from "../search";
import { ago, dateTime } from "../time";
import { Json, pretty } from "../ui/json";
import { Detail } from "../ui/page";
import { Badge, Copy, download, ErrorNote, Facts, Loading } from "../ui/parts";

export type Shown = EventRow & { actor?: string; session?: string };

/** Up to so many events are in one bundle. */
export const BUNDLE_MAX = 1000;

/** Saves records with their proofs, to be verified anywhere with `trailwatch verify`. */
export async function saveEvidence(ids: string[], name: string): Promise<void> {
  const bundle = await own<unknown>("proofs/evidence", { event_ids: ids.slice(0, BUNDLE_MAX) });
  download(name, "application/json", `${JSON.stringify(bundle)}\n`);
}

/** From a little before an event to what it may have brought about. */
const around = (at: number) => ({
  start: new Date(at - 15 * 60_000).toISOString(),
  end: new Date(at + 45 * 60_000).toISOString(),
  range: "",
});

export function EventDetail(props: { row: Shown; close: () => void }) {
  const to = (attribute: string, value: string) => href("/events", { ...narrowed(attribute, value), access: accessOf() });
  const [failure, setFailure] = createSignal<unknown>();
  const evidence = async () => {
    setFailure(undefined);
    try {
      await saveEvidence([props.row.id], `evidence-${props.row.id}.json`);
    } catch (error) {
      setFailure(() => error);
    }
  };
  return (
    <Detail label="Event" title={props.row.name} close={props.close}>
      <Facts
        of={[
          ["Time", `${dateTime(props.row.at)} (${ago(props.row.at)})`],
          ["User", props.row.user && <a href={to("user", props.row.user)}>{props.row.user}</a>],
          ["Actor", props.row.actor && <a href={to("actor", props.row.actor)}>{props.row.actor}</a>],
          ["Service", <a href={to("event_source", props.row.source)}>{props.row.source}</a>],
          ["From", props.row.address && <a href={to("source_ip", props.row.address)}>{props.row.address}</a>],
          ["Region", props.row.region],
          ["Access", props.row.readOnly ? "Read" : "Write"],
          ["Error", props.row.error && <Badge tone="bad">{props.row.error}</Badge>],
          ["Message", props.row.errorMessage],
          [
            "Resources",
            props.row.resources.length > 0 && (
              <For each={props.row.resources}>
                {(resource) => (
                  <div>
                    <a href={to("resource_name", resource.name)}>{resource.name}</a> <span class="faint">{resource.type}</span>
                  </div>
                )}
              </For>
            ),
          ],
          ["Event id", <span class="mono">{props.row.id}</span>],
        ]}
      />
      <div class="actions wrap">
        <a class="button small-button" href={href("/events/session", { event: props.row.id })}>
          All that this login did
        </a>
        <a class="button small-button" href={href("/investigate", { kind: "window", ...around(props.row.at) })}>
          What followed
        </a>
        <button type="button" class="small" onClick={() => void evidence()}>
          Save evidence
        </button>
        <button
          type="button"
          class="small"
          onClick={() => download(`event-${props.row.id}.json`, "application/json", `${pretty(props.row.record)}\n`)}
        >
          Save record
        </button>
      </div>
      <Show when={failure()}>
        <ErrorNote error={failure()} retry={() => void evidence()} />
      </Show>
      <Proof row={props.row} />
      <div class="json-head">
        <h3>Record</h3>
        <Copy text={props.row.record} />
      </div>
      <Json text={props.row.record} />
    </Detail>
  );
}

/** Asked for, not done unasked: each proof that the server makes is an event itself. */
function Proof(props: { row: Shown }) {
  const [wanted, setWanted] = createSignal<string>();
  createEffect(
    on(
      () => props.row.id,
      () => setWanted(undefined),
      { defer: true },
    ),
  );
  const checked = load(wanted, async (id, signal) => {
    const given = await own<Inclusion>(`proofs/inclusion?event-id=${encodeURIComponent(id)}`, undefined, signal);
    return { given, ...(await checkInclusion(props.row.record, given)) };
  });
  return (
    <section class="proof" aria-label="Proof">
      <div class="json-head">
        <h3>Proof</h3>
        <Show when={canHash()}>
          <button
            type="button"
            class="small"
            disabled={checked.loading()}
            onClick={() => (wanted() ? checked.reload() : setWanted(props.row.id))}
          >
            {checked.data() ? "Check again" : "Check its proof"}
          </button>
        </Show>
      </div>
      <Switch
        fallback={
          <p class="faint">
            {canHash()
              ? "Checks here, in the browser, that this exact record is in the server's signed log."
              : "Browsers compute hashes over https or on this machine only, so nothing can be checked here. Save the evidence and check it with: trailwatch verify"}
          </p>
        }
      >
        <Match when={checked.loading()}>
          <Loading what="the proof" />
        </Match>
        <Match when={checked.error() instanceof Unproven && (checked.error() as Unproven)}>
          {(error) => (
            <div class="note error" role="alert">
              <div>
                <strong>Wrong: {error().message}.</strong>
                <p>Keep the record and the evidence, and compare them with a copy of the log's files from elsewhere.</p>
              </div>
            </div>
          )}
        </Match>
        <Match when={checked.error()}>
          <ErrorNote error={checked.error()} retry={checked.reload} />
        </Match>
        <Match when={checked.data()}>
          {(done) => (
            <div class="note proved" role="status">
              <div>
                <strong>
                  Proved: this exact record is event {done().given.sequence} of {done().tree.origin}.
                </strong>
                <p>
                  Its hash, and {done().given.proof.length} others on the way, make the root that{" "}
                  {done().isSigned ? "is signed" : "the checkpoint has"} over the first {done().tree.size} events.{" "}
                  {done().isSigned
                    ? "The Ed25519 signature is right."
                    : "The signature was not checked: this browser does not know Ed25519."}
                </p>
                <p class="faint">
                  The key came from this server: compare it with the one that its operator published. That nothing else happened
                  is not proved.
                </p>
                <dl class="facts">
                  <div>
                    <dt>Leaf</dt>
                    <dd class="mono">{hex(done().leaf)}</dd>
                  </div>
                  <div>
                    <dt>Root</dt>
                    <dd class="mono">{hex(done().tree.root)}</dd>
                  </div>
                  <div>
                    <dt>Key</dt>
                    <dd class="mono">{done().given.vkey}</dd>
                  </div>
                </dl>
              </div>
            </div>
          )}
        </Match>
      </Switch>
    </section>
  );
}
