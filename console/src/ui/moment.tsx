// From one log line to what was around it: lines of its stream, metrics of its minute, changes of its hour.
import { Show } from "solid-js";
import { href } from "../router";
import { Facts } from "./parts";

const MINUTE_MS = 60_000;

const around = (at: number, before: number, after: number) => ({
  start: new Date(at - before * MINUTE_MS).toISOString(),
  end: new Date(at + after * MINUTE_MS).toISOString(),
  range: "",
});

/** All metrics that name the stream, which agents call after their host. */
const graphOf = (stream: string) => JSON.stringify([{ i: "e1", e: `SEARCH('"${stream.replace(/['"]/g, "")}"', 'Average', 60)` }]);

export function Moment(props: { at: number; group: string; stream?: string; event?: string }) {
  return (
    <Facts
      of={[
        [
          "Around it",
          <Show when={props.group}>
            <a
              href={href("/logs/group", {
                name: props.group,
                stream: props.stream ?? "",
                event: props.event ?? "",
                ...around(props.at, 1, 1),
              })}
            >
              {props.stream ? "this stream" : "this group"}, one minute before and after
            </a>
          </Show>,
        ],
        [
          "Metrics",
          <>
            <Show when={props.stream}>
              {(stream) => (
                <>
                  <a href={href("/metrics", { graph: graphOf(stream()), changes: "1", ...around(props.at, 10, 10) })}>
                    those that name {stream()}
                  </a>
                  ,{" "}
                </>
              )}
            </Show>
            <a href={href("/metrics", { changes: "1", ...around(props.at, 10, 10) })}>any, at that minute</a>
          </>,
        ],
        [
          "Changes",
          <>
            <a href={href("/events", around(props.at, 60, 1))}>audit writes of the hour before</a>,{" "}
            <a href={href("/investigate", { kind: "window", ...around(props.at, 60, 5) })}>ranked</a>
          </>,
        ],
      ]}
    />
  );
}
