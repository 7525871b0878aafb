// Live tail: events as they arrive, over StartLiveTail; paused, narrowed and highlighted on the way.
import { createMemo, createSignal, onCleanup, Show } from "solid-js";
import { aws, eventStream } from "../aws";
import { type LogEvent, type LogGroup, level } from "../logs";
import { count } from "../numbers";
import { href, param, setParams } from "../router";
import { dateTime } from "../time";
import { GroupPicker, groupsOf } from "../ui/groups";
import { Empty, ErrorNote, PageHead } from "../ui/parts";
import { type Column, Table } from "../ui/table";
import { EventDetail } from "./logs";

/** Lines to keep; the oldest go. */
const LINES_MAX = 10_000;

interface Update {
  sessionResults?: { timestamp: number; message: string; logStreamName: string; logGroupIdentifier?: string }[];
  sessionMetadata?: { sampled?: boolean };
}

export default function LiveTail() {
  const groups = createMemo(() => groupsOf(param("groups")));
  const [lines, setLines] = createSignal<LogEvent[]>([]);
  const [state, setState] = createSignal<"stopped" | "starting" | "running" | "paused">("stopped");
  const [sampled, setSampled] = createSignal(false);
  const [held, setHeld] = createSignal<LogEvent[]>([]);
  const [error, setError] = createSignal<unknown>();
  let control: AbortController | undefined;
  let number = 0;
  let field!: HTMLInputElement;

  const stop = () => {
    control?.abort();
    control = undefined;
    setState("stopped");
  };
  onCleanup(stop);

  const choose = (chosen: string[]) => {
    stop();
    setParams({ groups: chosen.join(",") });
  };

  const start = async () => {
    stop();
    const own = new AbortController();
    control = own;
    setError(undefined);
    setLines([]);
    setHeld([]);
    setState("starting");
    setParams({ pattern: field.value.trim() }, true);
    try {
      const identifiers = await Promise.all(groups().map((name) => arnOf(name, own.signal)));
      const input: Record<string, unknown> = { logGroupIdentifiers: identifiers };
      if (field.value.trim()) input.logEventFilterPattern = field.value.trim();
      for await (const message of eventStream("logs", "StartLiveTail", input, own.signal)) {
        if (message.type === "sessionStart") setState("running");
        if (message.type === "sessionUpdate") take(message.payload as Update);
      }
      if (control === own) setState("stopped");
    } catch (failure) {
      if (own.signal.aborted) return;
      setError(() => failure);
      setState("stopped");
    }
  };

  const take = (update: Update) => {
    setSampled(!!update.sessionMetadata?.sampled);
    const came = (update.sessionResults ?? []).map((event): LogEvent => {
      number += 1;
      return {
        key: String(number),
        timestamp: event.timestamp,
        message: event.message,
        stream: event.logStreamName,
        // An ARN, `account:name`, or the name.
        group: event.logGroupIdentifier?.replace(/:\*$/, "").split(":").at(-1),
      };
    });
    if (!came.length) return;
    if (state() === "paused") setHeld([...held(), ...came].slice(-LINES_MAX));
    else setLines([...lines(), ...came].slice(-LINES_MAX));
  };
  const resume = () => {
    setLines([...lines(), ...held()].slice(-LINES_MAX));
    setHeld([]);
    setState("running");
  };

  // `p` pauses and goes on, where nobody is typing.
  const keyed = (event: KeyboardEvent) => {
    if (event.key !== "p" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test((event.target as HTMLElement | null)?.tagName ?? "")) return;
    if (state() === "running") setState("paused");
    else if (state() === "paused") resume();
  };
  addEventListener("keydown", keyed);
  onCleanup(() => removeEventListener("keydown", keyed));

  const word = () => param("mark");
  const opened = createMemo(() => lines().find((line) => line.key === param("event")));
  const columns: Column<LogEvent>[] = [
    { name: "Time", width: "186px", cell: (line) => <span class="mono faint">{dateTime(line.timestamp, true)}</span> },
    {
      name: "Message",
      width: "minmax(200px, 1fr)",
      cell: (line) => (
        <span class="mono">
          <Marked text={line.message} word={word()} />
        </span>
      ),
    },
    { name: "Stream", width: "140px", cell: (line) => <span class="faint">{line.stream}</span> },
  ];
  const isOn = () => state() !== "stopped";
  return (
    <div class="fill">
      <PageHead title="Live tail" sub="Log events as they arrive.">
        <Show
          when={isOn()}
          fallback={
            <button type="button" class="primary" disabled={!groups().length} onClick={() => void start()}>
              Start
            </button>
          }
        >
          <Show
            when={state() === "paused"}
            fallback={
              <button
                type="button"
                disabled={state() === "starting"}
                title="Pause; what comes meanwhile is kept (p)"
                onClick={() => setState("paused")}
              >
                Pause
              </button>
            }
          >
            <button type="button" class="primary" onClick={resume}>
              Go on ({count(held().length)} came)
            </button>
          </Show>
          <button type="button" onClick={stop}>
            Stop
          </button>
        </Show>
        <button type="button" disabled={!lines().length} onClick={() => setLines([])}>
          Clear
        </button>
      </PageHead>
      <div class="filters">
        <GroupPicker chosen={groups()} choose={choose} max={10} />
        <input
          ref={field}
          class="grow mono"
          data-search
          aria-label="Filter pattern"
          placeholder="Filter pattern: only matching events are sent"
          value={param("pattern")}
          disabled={isOn()}
          spellcheck={false}
        />
        <input
          class="mono"
          aria-label="Highlight"
          placeholder="Highlight words"
          value={word()}
          onInput={(event) => setParams({ mark: event.currentTarget.value }, true)}
          spellcheck={false}
        />
      </div>
      <Show when={error()}>
        <ErrorNote error={error()} retry={() => void start()} />
      </Show>
      <p class="count" role="status">
        <Show when={state() === "starting" || state() === "running"}>
          <span class="spinner" aria-hidden="true" />
        </Show>
        {{ stopped: "Stopped", starting: "Starting…", running: "Following", paused: "Paused" }[state()]}, {count(lines().length)}{" "}
        lines
        {lines().length === LINES_MAX ? ` (the last ${count(LINES_MAX)})` : ""}
        <Show when={sampled()}>
          <span class="bad">More than 500 events a second match: a sample is shown. A filter pattern shows all of fewer.</span>
        </Show>
      </p>
      <div class="split one" classList={{ "right-only": !!opened() }}>
        <Table
          label="Lines"
          rows={lines()}
          columns={columns}
          key={(line) => line.key}
          selected={param("event")}
          open={(line) => setParams({ event: line.key === param("event") ? "" : line.key }, true)}
          rowClass={(line) => level(line.message)}
          follow={state() === "running" && !opened()}
          empty={
            <Empty title={isOn() ? "Waiting for events" : "Nothing is followed"}>
              <p>
                {isOn()
                  ? "Lines appear here as they arrive."
                  : groups().length
                    ? "Press Start; only what arrives from then on is shown."
                    : "Choose up to ten log groups, then press Start. What was there before is in the "}
                <Show when={!isOn() && !groups().length}>
                  <a href={href("/logs")}>log groups</a>.
                </Show>
              </p>
            </Empty>
          }
        />
        <Show when={opened()}>
          {(line) => <EventDetail event={line()} group={groups()[0] ?? ""} close={() => setParams({ event: "" }, true)} />}
        </Show>
      </div>
    </div>
  );
}

async function arnOf(name: string, signal: AbortSignal): Promise<string> {
  const found = await aws<{ logGroups?: LogGroup[] }>(
    "logs",
    "DescribeLogGroups",
    { logGroupNamePrefix: name, limit: 50 },
    signal,
  );
  const group = found.logGroups?.find((g) => g.logGroupName === name);
  return group?.logGroupArn ?? group?.arn?.replace(/:\*$/, "") ?? name;
}

/** The text with each of the words marked. */
function Marked(props: { text: string; word: string }) {
  const parts = () => {
    const words = props.word.split(/\s+/).filter(Boolean);
    if (!words.length) return [props.text];
    // Words are words: none of them is an expression. Split by a group, every second part is one of them.
    const either = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
    return props.text.split(new RegExp(`(${either})`, "i"));
  };
  return <>{parts().map((part, i) => (i % 2 ? <mark>{part}</mark> : part))}</>;
}
