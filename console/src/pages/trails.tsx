// Trails, event data stores and detections: what is kept, where it goes, what was found in it.
import { createMemo, createSignal, For, Show } from "solid-js";
import { aws } from "../aws";
import { load } from "../load";
import { type EventRow, lookUp } from "../records";
import { go, href, param, setParams } from "../router";
import { type AdvancedSelector, type BasicSelector, basicSentences, sentence } from "../selectors";
import { ago, dateTime, type Range, range } from "../time";
import { Badge, Code, Empty, ErrorNote, Facts, PageHead, Panel, Shown } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { type Column, Plain, Table } from "../ui/table";
import { queryOf, SignedLog, ValidateTrail } from "./validation";

interface Trail {
  Name: string;
  TrailARN: string;
  HomeRegion?: string;
  S3BucketName?: string;
  S3KeyPrefix?: string;
  SnsTopicARN?: string;
  IsMultiRegionTrail?: boolean;
  IncludeGlobalServiceEvents?: boolean;
  LogFileValidationEnabled?: boolean;
  CloudWatchLogsLogGroupArn?: string;
  IsOrganizationTrail?: boolean;
}

interface Status {
  IsLogging?: boolean;
  LatestDeliveryTime?: number;
  LatestDeliveryError?: string;
  LatestDigestDeliveryTime?: number;
  LatestDigestDeliveryError?: string;
  LatestCloudWatchLogsDeliveryTime?: number;
  LatestCloudWatchLogsDeliveryError?: string;
  LatestNotificationError?: string;
  StartLoggingTime?: number;
  StopLoggingTime?: number;
}

interface Whole {
  trail: Trail;
  status: Status;
  sentences: string[];
}

interface Selectors {
  EventSelectors?: BasicSelector[];
  AdvancedEventSelectors?: AdvancedSelector[];
}

async function trailsOf(_: unknown, signal: AbortSignal): Promise<Whole[]> {
  const { trailList } = await aws<{ trailList?: Trail[] }>("cloudtrail", "DescribeTrails", { includeShadowTrails: true }, signal);
  return Promise.all(
    (trailList ?? []).map(async (trail) => {
      const [status, selectors] = await Promise.all([
        aws<Status>("cloudtrail", "GetTrailStatus", { Name: trail.TrailARN }, signal),
        aws<Selectors>("cloudtrail", "GetEventSelectors", { TrailName: trail.TrailARN }, signal),
      ]);
      const sentences = [
        ...(selectors.AdvancedEventSelectors ?? []).map(sentence),
        ...(selectors.EventSelectors ?? []).flatMap(basicSentences),
      ];
      return { trail, status, sentences };
    }),
  );
}

interface DataStore {
  Name: string;
  EventDataStoreArn: string;
  Status?: string;
  RetentionPeriod?: number;
  AdvancedEventSelectors?: AdvancedSelector[];
  MultiRegionEnabled?: boolean;
}

async function storesOf(_: unknown, signal: AbortSignal): Promise<DataStore[]> {
  const { EventDataStores } = await aws<{ EventDataStores?: DataStore[] }>(
    "cloudtrail",
    "ListEventDataStores",
    { MaxResults: 100 },
    signal,
  );
  return Promise.all(
    (EventDataStores ?? []).map((store) =>
      aws<DataStore>("cloudtrail", "GetEventDataStore", { EventDataStore: store.EventDataStoreArn }, signal),
    ),
  );
}

const TONES: Record<string, "bad" | "warn" | "plain"> = { critical: "bad", high: "bad", medium: "warn" };

interface Finding {
  row: EventRow;
  rule: string;
  level: string;
  event: string;
}

async function findingsOf(period: { start: number; end: number }, signal: AbortSignal): Promise<Finding[]> {
  const found = await lookUp({ attribute: "EventSource", value: "detections.trailwatch", range: period }, 500, undefined, signal);
  return found.rows.map((row) => {
    let details: Record<string, string> = {};
    try {
      details = JSON.parse(row.record).serviceEventDetails ?? {};
    } catch {
      // The row is shown with what LookupEvents says of it.
    }
    return { row, rule: details.ruleTitle ?? row.name, level: details.level ?? "", event: details.linkedEventID ?? "" };
  });
}

export function Trails() {
  const period = createMemo(() => range("7d"));
  const trails = load(period, trailsOf);
  const stores = load(period, storesOf);
  const findings = load(period, findingsOf);
  const [failure, setFailure] = createSignal<unknown>();
  const switchTrail = async (whole: Whole) => {
    setFailure(undefined);
    try {
      await aws("cloudtrail", whole.status.IsLogging ? "StopLogging" : "StartLogging", { Name: whole.trail.TrailARN });
    } catch (error) {
      setFailure(() => error);
    }
    trails.reload();
  };
  const columns: Column<Finding>[] = [
    { name: "Time", width: "166px", cell: (f) => <span class="mono">{dateTime(f.row.at)}</span> },
    { name: "Level", width: "90px", cell: (f) => <Badge tone={TONES[f.level] ?? "plain"}>{f.level || "–"}</Badge> },
    { name: "Rule", width: "minmax(200px, 1.4fr)", cell: (f) => <strong>{f.rule}</strong> },
    { name: "Event", width: "minmax(160px, 1fr)", cell: (f) => <span class="mono faint">{f.event}</span> },
  ];
  return (
    <>
      <PageHead title="Trails & detections" sub="What is kept of the audit events, where it goes, and what rules found in it.">
        <a class="button" href={href("/trails/lake")}>
          Query in SQL
        </a>
        <RangePicker absent="7d" />
      </PageHead>
      <Show when={failure()}>
        <ErrorNote error={failure()} />
      </Show>
      <Shown of={trails} what="trails">
        {(all) => (
          <Show
            when={all().length}
            fallback={
              <Panel title="Trails">
                <Empty title="No trails yet">
                  <p>
                    The event history works without one. A trail also writes every event to a bucket, with digests that prove that
                    nothing was changed.
                  </p>
                </Empty>
                <Code
                  text={
                    "aws s3api create-bucket --bucket audit\naws cloudtrail create-trail --name main --s3-bucket-name audit --is-multi-region-trail --enable-log-file-validation\naws cloudtrail start-logging --name main"
                  }
                />
              </Panel>
            }
          >
            <For each={all()}>
              {(whole) => <TrailPanel whole={whole} range={period()} toggle={() => void switchTrail(whole)} />}
            </For>
          </Show>
        )}
      </Shown>
      <SignedLog />
      <Panel title="Event data stores (CloudTrail Lake)" flush>
        <Shown of={stores} what="event data stores">
          {(all) => (
            <Show
              when={all().length}
              fallback={
                <Empty title="No event data stores">
                  <p>
                    A store keeps the events that its selectors choose, for queries in SQL:{" "}
                    <code>aws cloudtrail create-event-data-store --name all</code>
                  </p>
                </Empty>
              }
            >
              <Plain head={["Store", "State", "Kept", "Takes in", { name: "Query", unseen: true }]} of={all()}>
                {(store) => (
                  <tr>
                    <th scope="row">{store.Name}</th>
                    <td>
                      <Badge tone={store.Status === "ENABLED" ? "good" : "warn"}>{store.Status}</Badge>
                    </td>
                    <td>{store.RetentionPeriod} days</td>
                    <td>
                      <For each={store.AdvancedEventSelectors}>{(selector) => <div>{sentence(selector)}</div>}</For>
                    </td>
                    <td class="num">
                      <a href={queryOf(store.EventDataStoreArn)}>Query</a>
                    </td>
                  </tr>
                )}
              </Plain>
            </Show>
          )}
        </Shown>
      </Panel>
      <Panel title="Detections" flush>
        <Shown of={findings} what="findings">
          {(all) => (
            <>
              <Rules all={all()} />
              <Table
                label="Findings"
                class="bare low"
                rows={all().filter((finding) => !param("rule") || finding.rule === param("rule"))}
                columns={columns}
                key={(f) => f.row.id}
                open={(f) => go("/events", { "f.event_id": f.event || f.row.id, event: f.event || f.row.id })}
                empty={
                  <Empty title="Nothing was found in this time">
                    <p>
                      Sigma rules in the folder that <code>[detections] rules</code> names are held against every event. Their
                      findings appear here, in the <a href={href("/metrics", { namespace: "Trailwatch/Detections" })}>metrics</a>,
                      and in the event history.
                    </p>
                  </Empty>
                }
              />
            </>
          )}
        </Shown>
      </Panel>
    </>
  );
}

/** How often each rule found something; one of them can be chosen. */
function Rules(props: { all: Finding[] }) {
  const counts = createMemo(() => {
    const all = new Map<string, number>();
    for (const { rule } of props.all) all.set(rule, (all.get(rule) ?? 0) + 1);
    return [...all].sort((a, b) => b[1] - a[1]);
  });
  return (
    <Show when={counts().length > 1}>
      <div class="filters padded">
        <For each={counts()}>
          {([rule, n]) => (
            <button
              type="button"
              class="chip"
              aria-pressed={param("rule") === rule}
              onClick={() => setParams({ rule: param("rule") === rule ? "" : rule })}
            >
              {rule} {n}
            </button>
          )}
        </For>
      </div>
    </Show>
  );
}

function TrailPanel(props: { whole: Whole; range: Range; toggle: () => void }) {
  const trail = () => props.whole.trail;
  const status = () => props.whole.status;
  const delivered = (time: number | undefined, error: string | undefined, nothing: string) =>
    error ? <span class="bad">{error}</span> : time ? `${dateTime(time * 1000)} (${ago(time * 1000)})` : nothing;
  return (
    <Panel
      title={
        <>
          {trail().Name} <Badge tone={status().IsLogging ? "good" : "warn"}>{status().IsLogging ? "logging" : "stopped"}</Badge>
        </>
      }
      actions={
        <button type="button" class="small" onClick={props.toggle}>
          {status().IsLogging ? "Stop logging" : "Start logging"}
        </button>
      }
    >
      <div class="two tight">
        <Facts
          of={[
            ["Wants", <For each={props.whole.sentences}>{(text) => <div>{text}</div>}</For>],
            [
              "Of",
              `${trail().IsMultiRegionTrail ? "all regions" : trail().HomeRegion}${trail().IsOrganizationTrail ? ", all accounts" : ""}`,
            ],
            ["Bucket", <span class="mono">{[trail().S3BucketName, trail().S3KeyPrefix].filter(Boolean).join("/")}</span>],
            [
              "Log group",
              trail().CloudWatchLogsLogGroupArn && (
                <a
                  href={href("/logs/group", {
                    name: trail().CloudWatchLogsLogGroupArn?.split(":log-group:")[1]?.replace(/:\*$/, "") ?? "",
                  })}
                >
                  {trail().CloudWatchLogsLogGroupArn?.split(":log-group:")[1]?.replace(/:\*$/, "")}
                </a>
              ),
            ],
            ["Topic", trail().SnsTopicARN],
          ]}
        />
        <Facts
          of={[
            ["Last file", delivered(status().LatestDeliveryTime, status().LatestDeliveryError, "none yet")],
            [
              "Last digest",
              trail().LogFileValidationEnabled
                ? delivered(status().LatestDigestDeliveryTime, status().LatestDigestDeliveryError, "none yet")
                : "digests are off",
            ],
            [
              "Last to logs",
              trail().CloudWatchLogsLogGroupArn &&
                delivered(status().LatestCloudWatchLogsDeliveryTime, status().LatestCloudWatchLogsDeliveryError, "none yet"),
            ],
            ["Notices", status().LatestNotificationError && <span class="bad">{status().LatestNotificationError}</span>],
            ["Logging since", status().StartLoggingTime && dateTime((status().StartLoggingTime ?? 0) * 1000)],
          ]}
        />
      </div>
      <Show
        when={trail().LogFileValidationEnabled}
        fallback={
          <p class="faint">
            Nobody can tell whether its files were changed: <code>aws cloudtrail update-trail --name {trail().Name}</code>{" "}
            <code>--enable-log-file-validation</code> begins with digests.
          </p>
        }
      >
        <ValidateTrail
          name={trail().Name}
          bucket={trail().S3BucketName ?? ""}
          prefix={trail().S3KeyPrefix ?? ""}
          arn={trail().TrailARN}
          range={props.range}
        />
      </Show>
    </Panel>
  );
}
