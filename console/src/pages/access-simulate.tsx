// Who can do what: what policies decide of an action, for one identity or for everybody, and which statement decides it.
import { createMemo, For, Show } from "solid-js";
import { type Account, type Decision, excerpt, type Identity, policyDocument, simulate } from "../iam";
import { load } from "../load";
import { href, param, setParams } from "../router";
import { Badge, Empty, Field, Panel, Shown } from "../ui/parts";
import { Plain } from "../ui/table";

const TONES: Record<string, "good" | "bad" | "warn"> = { allowed: "good", explicitDeny: "bad", implicitDeny: "warn" };
const WORDS: Record<string, string> = {
  allowed: "allowed",
  explicitDeny: "denied by a statement",
  implicitDeny: "not allowed by any",
};
/** Identities of one question. */
const EVERYBODY_MAX = 200;
/** Questions at once. */
const AT_ONCE = 4;

const listed = (text: string) => text.split(/[\s,]+/).filter(Boolean);

interface Row {
  who: Identity;
  decision: Decision;
  /** The statements that matched, as they stand in their policies. */
  texts: { policy: string; text: string }[];
}

export function WhoCan(props: { all: Account }) {
  const everybody = createMemo(() => [...props.all.users, ...props.all.roles, ...props.all.groups]);
  const question = createMemo(() => {
    const actions = listed(param("actions"));
    return actions.length ? { principal: param("principal"), actions, resources: listed(param("resources")) } : undefined;
  });
  const documents = new Map<string, Promise<string>>();
  const documentOf = (who: Identity, source: string, signal: AbortSignal): Promise<string> => {
    const own = [who, ...props.all.groups].flatMap((of) =>
      of.inline.filter((policy) => source === `${of.kind}_${of.name}_${policy.name}`),
    )[0];
    if (own) return Promise.resolve(own.document);
    const managed = props.all.policies.find((policy) => policy.name === source);
    if (!managed) return Promise.resolve("");
    const known = documents.get(managed.arn) ?? policyDocument(managed, signal);
    documents.set(managed.arn, known);
    return known;
  };
  const found = load(question, async (asked, signal) => {
    const who = asked.principal ? everybody().filter((of) => of.arn === asked.principal) : everybody().slice(0, EVERYBODY_MAX);
    const rows: Row[][] = [];
    for (let i = 0; i < who.length; i += AT_ONCE) {
      const some = who.slice(i, i + AT_ONCE).map(async (of) => {
        const decisions = await simulate(of.arn, asked.actions, asked.resources, signal);
        return Promise.all(
          decisions.map(async (decision): Promise<Row> => {
            const texts = decision.statements.map(async (statement) => {
              const text = await documentOf(of, statement.policy, signal).catch(() => "");
              return { policy: statement.policy, text: excerpt(text, statement.start, statement.end) };
            });
            return { who: of, decision, texts: await Promise.all(texts) };
          }),
        );
      });
      rows.push(...(await Promise.all(some)));
    }
    return rows.flat();
  });
  const only = () => param("only");
  return (
    <>
      <Panel>
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            const field = (name: string) => String(data.get(name) ?? "").trim();
            setParams({ principal: field("principal"), actions: field("actions"), resources: field("resources") });
            found.reload();
          }}
        >
          <Field label="Who">
            {(id) => (
              <select id={id} name="principal">
                <option value="">everybody</option>
                <For each={everybody()}>
                  {(of) => (
                    <option value={of.arn} selected={of.arn === param("principal")}>
                      {of.kind} {of.name}
                    </option>
                  )}
                </For>
              </select>
            )}
          </Field>
          <Field label="Actions" hint="Such as logs:DeleteLogGroup cloudtrail:LookupEvents">
            {(id) => (
              <input
                id={id}
                name="actions"
                required
                data-search
                spellcheck={false}
                placeholder="logs:DeleteLogGroup"
                value={param("actions")}
              />
            )}
          </Field>
          <Field label="Resources" hint="ARNs; none for all of them">
            {(id) => (
              <input id={id} name="resources" spellcheck={false} placeholder="arn:aws:logs:…" value={param("resources")} />
            )}
          </Field>
          <div class="field">
            <button type="submit" class="primary">
              Ask
            </button>
          </div>
        </form>
      </Panel>
      <Show
        when={everybody().length}
        fallback={
          <Empty title="Nobody but root">
            <p>
              Root may do everything. <a href={href("/access")}>Make a user</a> to give somebody less.
            </p>
          </Empty>
        }
      >
        <Show
          when={question()}
          fallback={
            <Empty title="Who can do it?">
              <p>Name an action, and a resource where it matters: policies are asked, nothing is done.</p>
            </Empty>
          }
        >
          <Panel
            flush
            title="Decisions"
            actions={
              <select
                aria-label="Decisions shown"
                value={only()}
                onChange={(event) => setParams({ only: event.currentTarget.value })}
              >
                <option value="">all</option>
                <option value="allowed">allowed</option>
                <option value="explicitDeny">denied by a statement</option>
                <option value="implicitDeny">not allowed by any</option>
              </select>
            }
          >
            <Shown of={found} what="decisions">
              {(rows) => (
                <div class="scroll-x">
                  <Plain
                    label="Decisions"
                    head={["Who", "Action", "Resource", "Decision", "Because of"]}
                    of={rows().filter((row) => !only() || row.decision.decision === only())}
                  >
                    {(row) => (
                      <tr>
                        <th scope="row">
                          <span class="faint">{row.who.kind}</span> {row.who.name}
                        </th>
                        <td class="mono">{row.decision.action}</td>
                        <td class="mono">{row.decision.resource}</td>
                        <td>
                          <Badge tone={TONES[row.decision.decision]}>
                            {WORDS[row.decision.decision] ?? row.decision.decision}
                          </Badge>
                        </td>
                        <td>
                          <Because row={row} />
                        </td>
                      </tr>
                    )}
                  </Plain>
                </div>
              )}
            </Shown>
          </Panel>
        </Show>
      </Show>
    </>
  );
}

function Because(props: { row: Row }) {
  return (
    <>
      <For each={props.row.texts} fallback={<span class="faint">no statement is about it</span>}>
        {(statement) => (
          <details>
            <summary>{statement.policy}</summary>
            <Show when={statement.text}>{<pre class="json">{statement.text}</pre>}</Show>
          </details>
        )}
      </For>
      <Show when={props.row.decision.boundary === false}>
        <div class="bad">Its permissions boundary does not allow it.</div>
      </Show>
      <Show when={props.row.decision.missing.length}>
        <div class="faint">Conditions ask for {props.row.decision.missing.join(", ")}, which is not known here.</div>
      </Show>
    </>
  );
}
