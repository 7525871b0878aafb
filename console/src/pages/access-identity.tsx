// One user, group or role: keys, policies, groups; what is changed here holds from the next call on.
import { createMemo, createSignal, For, Show } from "solid-js";
import { type AccessKey, type Account, accessKeys, createAccessKey, type Identity, iam } from "../iam";
import { load } from "../load";
import { href, setParams } from "../router";
import { ago, dateTime } from "../time";
import { Confirm, Dialog } from "../ui/dialog";
import { Json } from "../ui/json";
import { Detail } from "../ui/page";
import { Badge, Code, Empty, ErrorNote, Facts, Shown } from "../ui/parts";
import { DocumentDialog, EXAMPLE } from "./access-documents";

/** The secret of a new key: shown once, kept nowhere. */
export function Secret(props: { of: { user: string; id: string; secret: string }; close: () => void }) {
  return (
    <Dialog title={`Access key of ${props.of.user}`} close={props.close}>
      <div class="stack">
        <p>
          <strong>Copy the secret now: it is not shown again.</strong> Whoever loses it makes a new key.
        </p>
        <Facts
          of={[
            ["Access key id", <span class="mono">{props.of.id}</span>],
            ["Secret", <span class="mono">{props.of.secret}</span>],
          ]}
        />
        <Code
          text={`export AWS_ENDPOINT_URL=${location.origin}\nexport AWS_ACCESS_KEY_ID=${props.of.id}\nexport AWS_SECRET_ACCESS_KEY=${props.of.secret}`}
        />
        <div class="actions end">
          <button type="button" class="primary" onClick={props.close}>
            Done
          </button>
        </div>
      </div>
    </Dialog>
  );
}

const pretty = (document: string) => {
  try {
    return JSON.stringify(JSON.parse(document), null, 2);
  } catch {
    return document;
  }
};

const NOUNS = { user: "User", group: "Group", role: "Role" } as const;

export function IdentityDetail(props: {
  of: Identity;
  all: Account;
  reload: () => void;
  remove: () => void;
  secret: (id: string, secret: string) => void;
}) {
  const [failure, setFailure] = createSignal<unknown>();
  /** The document that is being written: `own` or `trust`. */
  const [writing, setWriting] = createSignal("");
  const named = () => ({ [`${NOUNS[props.of.kind]}Name`]: props.of.name });
  const change = async (operation: string, input: Record<string, string>) => {
    setFailure(undefined);
    try {
      await iam(operation, input);
    } catch (error) {
      setFailure(() => error);
    }
    props.reload();
  };
  const free = createMemo(() =>
    props.all.policies.filter((policy) => !props.of.attached.some((a) => a.PolicyArn === policy.arn)),
  );
  const groups = () => props.all.groups.filter((group) => !props.of.groups.includes(group.name));
  const users = () => props.all.users.filter((user) => !props.of.members.includes(user.name));
  return (
    <Detail
      label={NOUNS[props.of.kind]}
      title={props.of.name}
      close={() => setParams({ name: "" })}
      actions={
        <button type="button" class="small danger" onClick={props.remove}>
          Delete
        </button>
      }
    >
      <Facts
        of={[
          ["ARN", <span class="mono">{props.of.arn}</span>],
          ["Made", `${dateTime(Date.parse(props.of.created))} (${ago(Date.parse(props.of.created))})`],
          ["Boundary", props.of.boundary && <span class="mono">{props.of.boundary}</span>],
        ]}
      />
      <div class="actions wrap">
        <a class="button small-button" href={href("/events", { "f.actor": props.of.arn, access: "all" })}>
          What it did
        </a>
        <a class="button small-button" href={href("/access", { tab: "who", principal: props.of.arn })}>
          What it may do
        </a>
      </div>
      <Show when={failure()}>
        <ErrorNote error={failure()} />
      </Show>
      <Show when={props.of.kind === "user"}>
        <Keys user={props.of.name} secret={props.secret} />
      </Show>
      <div class="json-head">
        <h3>Policies</h3>
        <button type="button" class="small" onClick={() => setWriting("own")}>
          Write one for it alone
        </button>
      </div>
      <ul class="feed bare">
        <For each={props.of.attached}>
          {(policy) => (
            <li>
              <a class="grow" href={href("/access", { tab: "policies", arn: policy.PolicyArn })}>
                {policy.PolicyName}
              </a>
              <button
                type="button"
                class="small"
                onClick={() => void change(`Detach${NOUNS[props.of.kind]}Policy`, { ...named(), PolicyArn: policy.PolicyArn })}
              >
                Detach
              </button>
            </li>
          )}
        </For>
      </ul>
      <select
        aria-label="Attach a policy"
        value=""
        onChange={(event) => {
          const arn = event.currentTarget.value;
          event.currentTarget.value = "";
          if (arn) void change(`Attach${NOUNS[props.of.kind]}Policy`, { ...named(), PolicyArn: arn });
        }}
      >
        <option value="">Attach a policy…</option>
        <For each={free()}>{(policy) => <option value={policy.arn}>{policy.name}</option>}</For>
      </select>
      <For each={props.of.inline}>
        {(policy) => (
          <>
            <div class="json-head">
              <h3>{policy.name} (its own)</h3>
              <button
                type="button"
                class="small danger"
                onClick={() => void change(`Delete${NOUNS[props.of.kind]}Policy`, { ...named(), PolicyName: policy.name })}
              >
                Delete
              </button>
            </div>
            <Json text={policy.document} />
          </>
        )}
      </For>
      <Show when={props.of.kind === "user"}>
        <Members
          title="Groups"
          of={props.of.groups}
          others={groups().map((group) => group.name)}
          add={(name) => void change("AddUserToGroup", { UserName: props.of.name, GroupName: name })}
          remove={(name) => void change("RemoveUserFromGroup", { UserName: props.of.name, GroupName: name })}
        />
      </Show>
      <Show when={props.of.kind === "group"}>
        <Members
          title="Users"
          of={props.of.members}
          others={users().map((user) => user.name)}
          add={(name) => void change("AddUserToGroup", { UserName: name, GroupName: props.of.name })}
          remove={(name) => void change("RemoveUserFromGroup", { UserName: name, GroupName: props.of.name })}
        />
      </Show>
      <Show when={props.of.kind === "role"}>
        <div class="json-head">
          <h3>Who may take it</h3>
          <button type="button" class="small" onClick={() => setWriting("trust")}>
            Edit
          </button>
        </div>
        <Json text={props.of.trust} />
        <p class="faint">Taken for an hour, on the command line:</p>
        <Code text={`aws sts assume-role --role-arn ${props.of.arn} --role-session-name me`} />
      </Show>
      <Show when={writing() === "trust"}>
        <DocumentDialog
          title={`Who may take ${props.of.name}`}
          action="Save"
          hint="Principals that may call sts:AssumeRole on it. Sessions that were begun go on until they end."
          document={pretty(props.of.trust)}
          close={() => setWriting("")}
          submit={async (PolicyDocument) => {
            await iam("UpdateAssumeRolePolicy", { RoleName: props.of.name, PolicyDocument });
            setWriting("");
            props.reload();
          }}
        />
      </Show>
      <Show when={writing() === "own"}>
        <DocumentDialog
          title={`A policy of ${props.of.name} alone`}
          action="Save"
          named
          hint="It goes when the identity goes. Of the same name as one that there is, it takes its place."
          document={EXAMPLE}
          close={() => setWriting("")}
          submit={async (PolicyDocument, PolicyName) => {
            await iam(`Put${NOUNS[props.of.kind]}Policy`, { ...named(), PolicyName, PolicyDocument });
            setWriting("");
            props.reload();
          }}
        />
      </Show>
    </Detail>
  );
}

function Members(props: {
  title: string;
  of: string[];
  others: string[];
  add: (name: string) => void;
  remove: (name: string) => void;
}) {
  return (
    <>
      <div class="json-head">
        <h3>{props.title}</h3>
      </div>
      <div class="filters">
        <For each={props.of}>
          {(name) => (
            <button type="button" class="chip" title={`Take ${name} out`} onClick={() => props.remove(name)}>
              {name} ✕
            </button>
          )}
        </For>
        <Show
          when={props.others.length}
          fallback={<Show when={!props.of.length}>{<span class="faint">There are none to add.</span>}</Show>}
        >
          <select
            aria-label={`Add to ${props.title.toLowerCase()}`}
            value=""
            onChange={(event) => {
              const name = event.currentTarget.value;
              event.currentTarget.value = "";
              if (name) props.add(name);
            }}
          >
            <option value="">Add…</option>
            <For each={props.others}>{(name) => <option>{name}</option>}</For>
          </select>
        </Show>
      </div>
    </>
  );
}

function Keys(props: { user: string; secret: (id: string, secret: string) => void }) {
  const keys = load(
    () => props.user,
    (user, signal) => accessKeys(user, signal),
  );
  const [failure, setFailure] = createSignal<unknown>();
  const [doomed, setDoomed] = createSignal<AccessKey>();
  const change = async (run: () => Promise<unknown>) => {
    setFailure(undefined);
    try {
      await run();
    } catch (error) {
      setFailure(() => error);
    }
    keys.reload();
  };
  const create = () =>
    change(async () => {
      const made = await createAccessKey(props.user);
      props.secret(made.id, made.secret);
    });
  return (
    <section aria-label="Access keys">
      <div class="json-head">
        <h3>Access keys</h3>
        <button type="button" class="small" onClick={() => void create()}>
          Create access key
        </button>
      </div>
      <Show when={failure()}>
        <ErrorNote error={failure()} />
      </Show>
      <Shown of={keys} what="access keys">
        {(all) => (
          <Show
            when={all().length}
            fallback={
              <Empty title="No access key">
                <p>Without one the user can neither call nor sign in.</p>
              </Empty>
            }
          >
            <ul class="feed bare keys-list">
              <For each={all()}>
                {(key) => (
                  <li>
                    <span class="grow">
                      <span class="mono">{key.id}</span>{" "}
                      <Badge tone={key.isActive ? "good" : "warn"}>{key.isActive ? "active" : "inactive"}</Badge>
                      <br />
                      <span class="faint">
                        {key.lastUsed ? `last used ${ago(Date.parse(key.lastUsed))} for ${key.lastService}` : "never used"}
                      </span>
                    </span>
                    <button
                      type="button"
                      class="small"
                      onClick={() =>
                        void change(() =>
                          iam("UpdateAccessKey", {
                            UserName: props.user,
                            AccessKeyId: key.id,
                            Status: key.isActive ? "Inactive" : "Active",
                          }),
                        )
                      }
                    >
                      {key.isActive ? "Deactivate" : "Activate"}
                    </button>
                    <button type="button" class="small danger" aria-label={`Delete ${key.id}`} onClick={() => setDoomed(key)}>
                      Delete
                    </button>
                  </li>
                )}
              </For>
            </ul>
          </Show>
        )}
      </Shown>
      <Show when={doomed()}>
        {(key) => (
          <Confirm
            title={`Delete access key ${key().id}?`}
            text="Whoever uses it is refused from the next call on, and signed out of the console. Deactivate it first to see who that is."
            action="Delete for good"
            yes={() => {
              const id = key().id;
              setDoomed(undefined);
              void change(() => iam("DeleteAccessKey", { UserName: props.user, AccessKeyId: id }));
            }}
            close={() => setDoomed(undefined)}
          />
        )}
      </Show>
    </section>
  );
}
