// A dashboard that makes itself: drawn like a saved one, and saved under a name to be changed.
import { createMemo, createSignal, Show } from "solid-js";
import { automatic, automatics } from "../../automatic";
import { load } from "../../load";
import { listMetrics } from "../../metrics";
import { go, param } from "../../router";
import { session } from "../../session";
import { Crumbs } from "../../ui/page";
import { Empty, PageHead, Shown } from "../../ui/parts";
import { RangePicker } from "../../ui/range";
import { Board, draftOf, FullScreen, Refresh } from "./board";
import { JsonDialog } from "./json";

/** Metrics to look at. */
const METRICS_MAX = 5000;

export function AutomaticBoard() {
  const [saving, setSaving] = createSignal(false);
  const region = () => {
    const now = session();
    return param("region", now.signedIn ? now.region : "");
  };
  const found = load(
    () => param("of"),
    async (of, signal) => {
      const metrics = (await listMetrics({}, METRICS_MAX, signal)).items;
      const title = automatics(metrics).find((one) => one.id === of)?.title ?? of;
      return { title, body: JSON.stringify({ widgets: automatic(of, metrics, region()) }) };
    },
  );
  const draft = createMemo(() => {
    const body = found.data()?.body;
    return body ? draftOf(body) : undefined;
  });
  const name = () => (found.data()?.title ?? "").replace(/[^-_A-Za-z0-9]+/g, "-").toLowerCase();
  return (
    <>
      <PageHead
        title={<Crumbs page="/dashboards" of="Dashboards" name={found.data()?.title ?? ""} />}
        sub="Made of what is measured now. Save it to change it."
      >
        <Refresh />
        <FullScreen />
        <Show when={draft()?.widgets.length}>
          <button type="button" class="primary" onClick={() => setSaving(true)}>
            Save as…
          </button>
        </Show>
        <RangePicker />
      </PageHead>
      <Shown of={found} what="metrics">
        {() => (
          <Show when={draft()}>
            {(now) => (
              <Board
                draft={now()}
                empty={
                  <Empty title="Nothing is measured for this dashboard">
                    <p>
                      Hosts report through <code>trailwatch agent</code>; other metrics come by{" "}
                      <code>aws cloudwatch put-metric-data</code>.
                    </p>
                  </Empty>
                }
              />
            )}
          </Show>
        )}
      </Shown>
      <Show when={saving()}>
        <JsonDialog
          name={name()}
          free
          body={found.data()?.body ?? ""}
          close={() => setSaving(false)}
          saved={(saved) => go("/dashboards/dashboard", { name: saved })}
        />
      </Show>
    </>
  );
}
