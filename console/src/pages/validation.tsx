// Checks on demand: the files of a trail against their digests, and the server's signed log against what this browser saw of it before.
import { createSignal, For, onCleanup, Show } from "solid-js";
import { idOf } from "../lake";
import { count } from "../numbers";
import { own } from "../own";
import { base64, bytesOf, canHash, checkGrowth, keep, keyOf, readCheckpoint, type Seen, seen, Unproven } from "../proof";
import { href } from "../router";
import { dateTime, type Range } from "../time";
import { Code, ErrorNote, Panel } from "../ui/parts";

interface Told {
  files: number;
  proved: string[];
  open: string[];
  wrong: string[];
}

const DAYS_MAX = 31;
/** Sentences of a kind that are shown at once. */
const SHOWN = 5;

/** Something that runs once it is asked for, and can be given up. */
function onDemand<T>(run: (signal: AbortSignal) => Promise<T>) {
  const [result, setResult] = createSignal<T>();
  const [error, setError] = createSignal<unknown>();
  const [running, setRunning] = createSignal(false);
  let control: AbortController | undefined;
  const cancel = () => {
    control?.abort();
    setRunning(false);
  };
  onCleanup(cancel);
  const start = async () => {
    cancel();
    const mine = new AbortController();
    control = mine;
    setRunning(true);
    setError(undefined);
    setResult(undefined);
    try {
      const got = await run(mine.signal);
      if (!mine.signal.aborted) setResult(() => got);
    } catch (failure) {
      if (!mine.signal.aborted) setError(() => failure);
    }
    if (control === mine) setRunning(false);
  };
  return { result, error, running, start: () => void start(), cancel };
}

export function ValidateTrail(props: { name: string; bucket: string; prefix: string; arn: string; range: Range }) {
  const span = () => ({ ...props.range, start: Math.max(props.range.start, props.range.end - DAYS_MAX * 86_400_000) });
  const work = onDemand((signal) =>
    own<Told>(
      "trails/validate",
      {
        bucket: props.bucket,
        prefix: props.prefix,
        from: new Date(span().start).toISOString(),
        to: new Date(span().end).toISOString(),
      },
      signal,
    ),
  );
  return (
    <section aria-label={`Validation of ${props.name}`}>
      <div class="json-head">
        <h3>Validation</h3>
        <Show
          when={work.running()}
          fallback={
            <button type="button" class="small" onClick={work.start}>
              Validate now
            </button>
          }
        >
          <button type="button" class="small" onClick={work.cancel}>
            Cancel
          </button>
        </Show>
      </div>
      <p class="faint" role="status">
        <Show when={work.running()}>
          <span class="spinner" aria-hidden="true" />{" "}
        </Show>
        {work.running() ? "Reading the files and digests of" : "Holds the files against their digests, of"}{" "}
        {dateTime(span().start)} – {dateTime(span().end)}. With AWS's own tool:{" "}
        <code>aws cloudtrail validate-logs --trail-arn {props.arn} --start-time …</code>
      </p>
      <Show when={work.error()}>
        <ErrorNote error={work.error()} retry={work.start} />
      </Show>
      <Show when={work.result()}>
        {(told) => (
          <div class={`note ${told().wrong.length ? "error" : "proved"}`} role={told().wrong.length ? "alert" : "status"}>
            <div>
              <strong>
                {told().wrong.length
                  ? `${count(told().wrong.length)} ${told().wrong.length === 1 ? "thing is" : "things are"} wrong among ${count(told().files)} files.`
                  : told().files
                    ? `Nothing is wrong among ${count(told().files)} files.`
                    : "There are no files of this time yet."}
              </strong>
              <Sentences title="Wrong" of={told().wrong} open />
              <Sentences title="Proved" of={told().proved} />
              <Sentences title="Not proved" of={told().open} />
            </div>
          </div>
        )}
      </Show>
    </section>
  );
}

function Sentences(props: { title: string; of: string[]; open?: boolean }) {
  return (
    <Show when={props.of.length}>
      <details open={props.open || props.of.length <= SHOWN}>
        <summary>
          {props.title}: {count(props.of.length)}
        </summary>
        <ul class="sentences">
          <For each={props.of}>{(sentence) => <li>{sentence}</li>}</For>
        </ul>
      </details>
    </Show>
  );
}

interface Grown {
  now: Seen;
  before: Seen | undefined;
  isSigned: boolean;
}

/** Fetches the newest checkpoint, checks its signature, and that it grew out of the one that this browser kept. */
async function checkLog(signal: AbortSignal): Promise<Grown> {
  const got = await own<{ vkey: string; checkpoint: string }>("proofs/checkpoint", undefined, signal);
  const { tree, isSigned } = await readCheckpoint(got.checkpoint, await keyOf(got.vkey));
  const before = seen();
  if (before && before.vkey !== got.vkey)
    throw new Unproven(
      `the log has another key than on ${dateTime(Date.parse(before.at))}: it is another log, or its key was changed`,
    );
  if (before) {
    const earlier = { origin: tree.origin, size: before.size, root: bytesOf(before.root) };
    if (before.size > tree.size) await checkGrowth(earlier, tree, []);
    const path = `proofs/consistency?from=${before.size}&to=${tree.size}`;
    const { proof } =
      before.size > 0 && before.size < tree.size ? await own<{ proof: string[] }>(path, undefined, signal) : { proof: [] };
    await checkGrowth(earlier, tree, proof.map(bytesOf));
  }
  const now = { vkey: got.vkey, size: tree.size, root: base64(tree.root), at: new Date().toISOString() };
  keep(now);
  return { now, before, isSigned };
}

export function SignedLog() {
  const work = onDemand(checkLog);
  return (
    <Panel
      title="The signed log of all events"
      actions={
        <Show when={canHash()}>
          <button type="button" class="small" disabled={work.running()} onClick={work.start}>
            {work.running() ? "Checking…" : "Check now"}
          </button>
        </Show>
      }
    >
      <p>
        Every event is a leaf of one hash tree, whose root the server signs.{" "}
        {canHash()
          ? "This browser keeps the last root that it saw, and proves that the log of now begins with it: that nothing was changed or removed since."
          : "Over https, or on the server's machine, the browser checks here that nothing was changed or removed. On the command line:"}
      </p>
      <Show when={!canHash()}>
        <Code text="trailwatch verify trailwatch-data/proofs" />
      </Show>
      <Show when={work.error()}>
        {(error) =>
          error() instanceof Unproven ? (
            <div class="note error" role="alert">
              <div>
                <strong>Wrong: {(error() as Error).message}.</strong>
                <p>
                  If the server was set up anew or restored from a backup on purpose,{" "}
                  <button
                    type="button"
                    class="link"
                    onClick={() => {
                      localStorage.removeItem("trailwatch-log");
                      work.start();
                    }}
                  >
                    forget what this browser saw
                  </button>
                  . If not, keep a copy of its files, and compare checkpoints with others who have some.
                </p>
              </div>
            </div>
          ) : (
            <ErrorNote error={error()} retry={work.start} />
          )
        }
      </Show>
      <Show when={work.result()}>
        {(done) => (
          <div class="note proved" role="status">
            <div>
              <strong>
                {done().before
                  ? `Proved: of the first ${count(done().before?.size ?? 0)} events, seen here on ${dateTime(Date.parse(done().before?.at ?? ""))}, none was changed or removed.`
                  : `Seen for the first time: ${count(done().now.size)} events. From now on this browser will notice if one is changed or removed.`}
              </strong>
              <p>
                The log has {count(done().now.size)} events now.{" "}
                {done().isSigned
                  ? "Its Ed25519 signature is right."
                  : "Its signature was not checked: this browser does not know Ed25519."}
              </p>
              <p class="faint mono">{done().now.vkey}</p>
            </div>
          </div>
        )}
      </Show>
    </Panel>
  );
}

/** The address of a statement to begin with. */
export const queryOf = (arn: string) =>
  href("/trails/lake", {
    q: `SELECT eventTime, eventName, eventSource, userIdentity.arn, errorCode\nFROM ${idOf(arn)}\nORDER BY eventTime DESC\nLIMIT 200`,
  });
