// Mute rules: times in which alarms change their state but tell nobody.
import { createMemo, createSignal, For, Show } from "solid-js";
import { aws, pages } from "../../aws";
import { load } from "../../load";
import { href, param, setParams } from "../../router";
import { ago, dateTime } from "../../time";
import { AlarmChecks } from "../../ui/alarm-checks";
import { Confirm, FormDialog } from "../../ui/dialog";
import { Crumbs, hasWords, Listing, Search, Segments } from "../../ui/page";
import { Badge, ErrorNote, Field, PageHead } from "../../ui/parts";
import type { Column } from "../../ui/table";

export interface MuteRule {
  Name: string;
  Description?: string;
  Rule: { Schedule: { Expression: string; Duration: string; Timezone?: string } };
  MuteTargets?: { AlarmNames: string[] };
  ExpireDate?: number;
  Status?: string;
  MuteType?: string;
  LastUpdatedTimestamp?: number;
}

/** Rules to list at most, and to ask for at once. */
const RULES_MAX = 500;
const AT_ONCE = 8;

/** All rules, those of one alarm when a name is given. */
export async function listMutes(alarm: string | undefined, signal: AbortSignal): Promise<MuteRule[]> {
  const { items } = await pages<{ AlarmMuteRuleSummaries?: { AlarmMuteRuleArn: string }[] }, { AlarmMuteRuleArn: string }>(
    "cloudwatch",
    "ListAlarmMuteRules",
    alarm ? { AlarmName: alarm } : {},
    { in: "NextToken", out: "NextToken" },
    (page) => page.AlarmMuteRuleSummaries,
    RULES_MAX,
    signal,
  );
  const names = items.map((item) => item.AlarmMuteRuleArn.split(":alarm-mute-rule:").at(-1) ?? "");
  const rules: MuteRule[] = [];
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const some = names.slice(at, at + AT_ONCE);
    rules.push(
      ...(await Promise.all(
        some.map((AlarmMuteRuleName) => aws<MuteRule>("cloudwatch", "GetAlarmMuteRule", { AlarmMuteRuleName }, signal)),
      )),
    );
  }
  return rules;
}

const TONES: Record<string, "warn" | "plain" | "good"> = { ACTIVE: "warn", SCHEDULED: "good" };
const WORDS: Record<string, string> = { ACTIVE: "muting now", SCHEDULED: "to come", EXPIRED: "over" };

/** `PT2H30M` as `2 h 30 min`. */
export function durationWords(text: string): string {
  const parts = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/.exec(text);
  if (!parts) return text;
  return [
    [parts[1], "d"],
    [parts[2], "h"],
    [parts[3], "min"],
  ]
    .filter(([n]) => n)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

export function scheduleWords(rule: MuteRule): string {
  const { Expression, Duration, Timezone } = rule.Rule.Schedule;
  const once = /^at\((.*)\)$/.exec(Expression)?.[1];
  const when = once ? `once, ${once.replace("T", " ")}` : Expression;
  return `${when} ${Timezone ?? "UTC"}, for ${durationWords(Duration)}`;
}

export function Mutes() {
  const all = load(
    () => ({}),
    (_, signal) => listMutes(undefined, signal),
  );
  const creating = () => param("new") === "1";
  const [deleting, setDeleting] = createSignal<MuteRule>();
  const [failure, setFailure] = createSignal<unknown>();
  const rows = createMemo(() =>
    (all.data() ?? []).filter((rule) =>
      hasWords(`${rule.Name} ${rule.Description ?? ""} ${rule.MuteTargets?.AlarmNames.join(" ") ?? ""}`, param("q")),
    ),
  );
  const columns: Column<MuteRule>[] = [
    {
      name: "State",
      width: "120px",
      cell: (rule) => <Badge tone={TONES[rule.Status ?? ""] ?? "plain"}>{WORDS[rule.Status ?? ""] ?? rule.Status}</Badge>,
    },
    {
      name: "Rule",
      width: "minmax(140px, 1fr)",
      cell: (rule) => <strong title={rule.Description}>{rule.Name}</strong>,
    },
    { name: "When", width: "minmax(220px, 1.6fr)", cell: (rule) => <span class="mono">{scheduleWords(rule)}</span> },
    {
      name: "Alarms",
      width: "minmax(160px, 1.6fr)",
      cell: (rule) => (
        <For each={rule.MuteTargets?.AlarmNames} fallback={<span class="faint">none</span>}>
          {(name, i) => (
            <>
              {i() ? ", " : ""}
              <a href={href("/alarms/alarm", { name })}>{name}</a>
            </>
          )}
        </For>
      ),
    },
    {
      name: "Changed",
      width: "110px",
      cell: (rule) => (
        <span class="faint" title={rule.ExpireDate ? `Expires ${dateTime(rule.ExpireDate * 1000)}` : undefined}>
          {rule.LastUpdatedTimestamp ? ago(rule.LastUpdatedTimestamp * 1000) : ""}
        </span>
      ),
    },
    {
      name: "",
      width: "84px",
      cell: (rule) => (
        <button type="button" class="small" aria-label={`Delete ${rule.Name}`} onClick={() => setDeleting(rule)}>
          Delete
        </button>
      ),
    },
  ];
  const remove = async (rule: MuteRule) => {
    setFailure(undefined);
    try {
      await aws("cloudwatch", "DeleteAlarmMuteRule", { AlarmMuteRuleName: rule.Name });
      all.reload();
    } catch (error) {
      setFailure(() => error);
    }
    setDeleting(undefined);
  };
  return (
    <div class="fill">
      <PageHead
        title={<Crumbs page="/alarms" of="Alarms" name="Mute rules" />}
        sub="Times in which alarms change their state but tell nobody: maintenance, nights, a known fault."
      >
        <button type="button" class="primary" onClick={() => setParams({ new: "1" })}>
          Create mute rule
        </button>
      </PageHead>
      <div class="filters">
        <Search label="Words in rule and alarms" />
      </div>
      <Show when={failure()}>
        <ErrorNote error={failure()} />
      </Show>
      <Listing
        of={all}
        what="mute rules"
        rows={rows()}
        columns={columns}
        key={(rule) => rule.Name}
        empty={all.data()?.length ? "No rule has these words" : "No mute rules"}
      >
        <p>
          <button type="button" class="link" onClick={() => setParams({ new: "1" })}>
            Create one
          </button>{" "}
          before work that will set alarms off.
        </p>
      </Listing>
      <Show when={creating()}>
        <CreateMute close={() => setParams({ new: "", alarm: "" })} done={all.reload} />
      </Show>
      <Show when={deleting()}>
        {(rule) => (
          <Confirm
            title="Delete mute rule"
            text={`Delete ${rule().Name}? Its alarms tell at once what they tell: actions that it withheld run if their state still holds.`}
            action="Delete"
            yes={() => void remove(rule())}
            close={() => setDeleting(undefined)}
          />
        )}
      </Show>
    </div>
  );
}

/** `2026-11-26T14:00`, of now or so many minutes from it, in this browser's zone. */
const localNow = () => {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

const DURATIONS: [string, string][] = [
  ["PT30M", "30 minutes"],
  ["PT1H", "1 hour"],
  ["PT2H", "2 hours"],
  ["PT4H", "4 hours"],
  ["PT8H", "8 hours"],
  ["P1D", "1 day"],
  ["P7D", "7 days"],
];

function CreateMute(props: { close: () => void; done: () => void }) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const [kind, setKind] = createSignal("once");
  const [chosen, setChosen] = createSignal<string[]>(param("alarm") ? [param("alarm")] : []);
  let name!: HTMLInputElement;
  let about!: HTMLInputElement;
  let at!: HTMLInputElement;
  let cron!: HTMLInputElement;
  let duration!: HTMLSelectElement;
  let timezone!: HTMLInputElement;
  const create = async () => {
    await aws("cloudwatch", "PutAlarmMuteRule", {
      Name: name.value.trim(),
      Description: about.value.trim() || undefined,
      Rule: {
        Schedule: {
          Expression: kind() === "once" ? `at(${at.value})` : `cron(${cron.value.trim()})`,
          Duration: duration.value,
          Timezone: timezone.value.trim() || undefined,
        },
      },
      MuteTargets: { AlarmNames: chosen() },
    });
    props.done();
    props.close();
  };
  return (
    <FormDialog title="Create mute rule" action="Create" ready={chosen().length > 0} submit={create} close={props.close}>
      <Field label="Name">{(id) => <input id={id} ref={name} required maxlength={255} />}</Field>
      <Field label="Description">{(id) => <input id={id} ref={about} maxlength={1024} />}</Field>
      <Segments
        label="How often"
        at={kind()}
        of={[
          ["once", "Once"],
          ["cron", "Again and again"],
        ]}
        to={setKind}
      />
      <div class="form">
        <Show
          when={kind() === "once"}
          fallback={
            <Field label="When" hint="Minute, hour, day, month, weekday: 0 2 * * SUN is Sundays at 2.">
              {(id) => <input id={id} ref={cron} class="mono" required placeholder="0 2 * * SUN" spellcheck={false} />}
            </Field>
          }
        >
          <Field label="From">{(id) => <input id={id} ref={at} type="datetime-local" required value={localNow()} />}</Field>
        </Show>
        <Field label="For">
          {(id) => (
            <select id={id} ref={duration}>
              <For each={DURATIONS}>
                {([key, text]) => (
                  <option value={key} selected={key === "PT1H"}>
                    {text}
                  </option>
                )}
              </For>
            </select>
          )}
        </Field>
        <Field label="Time zone">{(id) => <input id={id} ref={timezone} value={zone} spellcheck={false} />}</Field>
      </div>
      <AlarmChecks hint={`${chosen().length} chosen.`} of={(alarm) => alarm.AlarmName} chosen={chosen()} choose={setChosen} />
    </FormDialog>
  );
}
