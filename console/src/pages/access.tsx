// Access: users, groups, roles and policies of the account, and who may do what.
import { createMemo, createSignal, Match, Show, Switch } from "solid-js";
import {
  type Account,
  account,
  createAccessKey,
  deleteIdentity,
  deletePolicy,
  type Identity,
  iam,
  type Kind,
  type PolicyRow,
  policyDocument,
} from "../iam";
import { load } from "../load";
import { href, param, setParams } from "../router";
import { session } from "../session";
import { ago, dateTime } from "../time";
import { Confirm, FormDialog } from "../ui/dialog";
import { Json } from "../ui/json";
import { Detail, Search } from "../ui/page";
import { Badge, Choice, Copy, Empty, ErrorNote, Facts, Field, Given, Loading, PageHead, Shown, Tabs } from "../ui/parts";
import { type Column, Table } from "../ui/table";
import { DocumentDialog, EXAMPLE, TrustFields } from "./access-documents";
import { IdentityDetail, Secret } from "./access-identity";
import { WhoCan } from "./access-simulate";

const TABS: [string, string][] = [
  ["users", "Users"],
  ["groups", "Groups"],
  ["roles", "Roles"],
  ["policies", "Policies"],
  ["who", "Who can do what"],
];

const NOUNS: Record<string, Kind> = { users: "user", groups: "group", roles: "role" };

export default function Access() {
  const found = load(
    () => true,
    (_, signal) => account(signal),
  );
  const tab = () => param("tab", "users");
  return (
    <div class="fill">
      <PageHead title="Access" sub="Users, groups, roles, access keys and policies: IAM, decided anew for every call.">
        <button type="button" class="icon" title="Fresh data" aria-label="Fresh data" onClick={found.reload}>
          ↻
        </button>
      </PageHead>
      <Tabs at={tab()} tabs={TABS} to={(to) => setParams({ tab: to === "users" ? "" : to, name: "", arn: "", q: "" })} />
      <Show when={found.error()}>
        <ErrorNote error={found.error()} retry={found.reload} />
      </Show>
      <Show when={found.loading() && !found.data()}>
        <Loading what="identities" />
      </Show>
      <Given when={found.data()}>
        {(all) => (
          <Switch fallback={<Identities all={all()} kind={NOUNS[tab()] ?? "user"} reload={found.reload} />}>
            <Match when={tab() === "policies"}>
              <Policies all={all()} reload={found.reload} />
            </Match>
            <Match when={tab() === "who"}>
              <WhoCan all={all()} />
            </Match>
          </Switch>
        )}
      </Given>
    </div>
  );
}

const EMPTY: Record<Kind, [string, string]> = {
  user: [
    "No users yet",
    "Everybody who calls has the root key, which may do everything. Make a user for each person and each program.",
  ],
  group: ["No groups yet", "A group gives its policies to all of its users. Create one above, then add users to it."],
  role: [
    "No roles yet",
    "A role is taken for a while, with keys of its own that end by themselves: for programs, and for people who seldom need more. Create one above, say who may take it, and give it policies.",
  ],
};

function Identities(props: { all: Account; kind: Kind; reload: () => void }) {
  const rows = () => ({ user: props.all.users, group: props.all.groups, role: props.all.roles })[props.kind];
  const shown = createMemo(() => rows().filter((row) => row.name.toLowerCase().includes(param("q").toLowerCase())));
  const opened = createMemo(() => rows().find((row) => row.name === param("name")));
  const [creating, setCreating] = createSignal(false);
  const [secret, setSecret] = createSignal<{ user: string; id: string; secret: string }>();
  const [doomed, setDoomed] = createSignal<Identity>();
  const [failure, setFailure] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const policies = (row: Identity) =>
    [...row.attached.map((a) => a.PolicyName), ...row.inline.map((i) => `${i.name} (own)`)].join(", ");
  const columns = (): Column<Identity>[] => [
    { name: "Name", width: "minmax(120px, 1fr)", cell: (row) => <strong>{row.name}</strong> },
    {
      name: "Policies",
      width: "minmax(140px, 1.6fr)",
      cell: (row) => <span title={policies(row)}>{policies(row) || "none"}</span>,
    },
    ...(props.kind === "user"
      ? [{ name: "Groups", width: "minmax(90px, .8fr)", cell: (row: Identity) => row.groups.join(", ") }]
      : props.kind === "group"
        ? [{ name: "Users", width: "minmax(90px, .8fr)", cell: (row: Identity) => row.members.join(", ") }]
        : []),
    { name: "Made", width: "166px", cell: (row) => <span class="mono">{dateTime(Date.parse(row.created))}</span> },
  ];
  const remove = async (row: Identity) => {
    setBusy(true);
    setFailure(undefined);
    try {
      await deleteIdentity(row);
      setDoomed(undefined);
      setParams({ name: "" });
    } catch (error) {
      setFailure(() => error);
    }
    setBusy(false);
    props.reload();
  };
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Search label="Part of the name" />
        <button type="button" class="primary" onClick={() => setCreating(true)}>
          Create {props.kind}
        </button>
      </form>
      <div class="split one" classList={{ "right-only": !!opened() }}>
        <Table
          label={`${props.kind[0]?.toUpperCase()}${props.kind.slice(1)}s`}
          rows={shown()}
          columns={columns()}
          key={(row) => row.name}
          selected={param("name")}
          open={(row) => setParams({ name: row.name === param("name") ? "" : row.name })}
          empty={
            <Empty title={rows().length ? "No name has this in it" : EMPTY[props.kind][0]}>
              <p class="narrow">{rows().length ? "Take the words out." : EMPTY[props.kind][1]}</p>
            </Empty>
          }
        />
        <Given when={opened()}>
          {(row) => (
            <IdentityDetail
              of={row()}
              all={props.all}
              reload={props.reload}
              remove={() => setDoomed(row())}
              secret={(id, text) => setSecret({ user: row().name, id, secret: text })}
            />
          )}
        </Given>
      </div>
      <Show when={creating()}>
        <Create
          kind={props.kind}
          all={props.all}
          close={() => setCreating(false)}
          done={(name, key) => {
            setCreating(false);
            props.reload();
            setParams({ name, q: "" });
            if (key) setSecret({ user: name, ...key });
          }}
        />
      </Show>
      <Show when={secret()}>{(key) => <Secret of={key()} close={() => setSecret(undefined)} />}</Show>
      <Show when={doomed()}>
        {(row) => (
          <Confirm
            title={`Delete ${row().kind} ${row().name}?`}
            text={
              row().kind === "user"
                ? "Its access keys stop working at once, and cannot be had again. What it did stays on the trail."
                : "Who has it loses at once what its policies allow."
            }
            action="Delete for good"
            busy={busy()}
            error={failure() instanceof Error ? (failure() as Error).message : undefined}
            yes={() => void remove(row())}
            close={() => {
              setDoomed(undefined);
              setFailure(undefined);
            }}
          />
        )}
      </Show>
    </>
  );
}

function Create(props: {
  kind: Kind;
  all: Account;
  close: () => void;
  done: (name: string, key?: { id: string; secret: string }) => void;
}) {
  const create = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const [name, arn, group] = [text("name"), text("policy"), text("group")];
    const noun = ({ user: "User", group: "Group", role: "Role" } as const)[props.kind];
    const named = { [`${noun}Name`]: name };
    await iam(`Create${noun}`, props.kind === "role" ? { ...named, AssumeRolePolicyDocument: text("trust") } : named);
    if (arn) await iam(`Attach${noun}Policy`, { ...named, PolicyArn: arn });
    if (group) await iam("AddUserToGroup", { UserName: name, GroupName: group });
    const wantsKey = props.kind === "user" && data.get("key") !== null;
    props.done(name, wantsKey ? await createAccessKey(name) : undefined);
  };
  const account = () => {
    const now = session();
    return now.signedIn ? now.account : "";
  };
  return (
    <FormDialog title={`Create ${props.kind}`} action="Create" wide={props.kind === "role"} submit={create} close={props.close}>
      <Field label="Name" hint="Letters, digits and + = , . @ - _">
        {(id) => <input id={id} name="name" required maxlength="64" autocomplete="off" spellcheck={false} />}
      </Field>
      <Show when={props.kind === "role"}>
        <TrustFields account={account()} users={props.all.users} />
      </Show>
      <Choice
        label="May"
        hint="A policy to begin with; more can be attached later."
        name="policy"
        of={[["", "nothing yet"], ...props.all.policies.map((policy): [string, string] => [policy.arn, policy.name])]}
      />
      <Show when={props.kind === "user"}>
        <Show when={props.all.groups.length}>
          <Choice
            label="Group"
            name="group"
            of={[["", "none"], ...props.all.groups.map((group): [string, string] => [group.name, group.name])]}
          />
        </Show>
        <label class="check">
          <input type="checkbox" name="key" checked /> With an access key, to call and to sign in here
        </label>
      </Show>
    </FormDialog>
  );
}

function Policies(props: { all: Account; reload: () => void }) {
  const shown = createMemo(() => props.all.policies.filter((row) => row.name.toLowerCase().includes(param("q").toLowerCase())));
  const opened = createMemo(() => props.all.policies.find((row) => row.arn === param("arn")));
  const [creating, setCreating] = createSignal(false);
  const columns: Column<PolicyRow>[] = [
    { name: "Name", width: "minmax(160px, 1.4fr)", cell: (row) => <strong>{row.name}</strong> },
    { name: "Kind", width: "110px", cell: (row) => <Badge>{row.isOwn ? "own" : "ready-made"}</Badge> },
    { name: "Attached to", width: "100px", cell: (row) => row.attachments },
    {
      name: "Changed",
      width: "166px",
      cell: (row) => <span class="mono">{row.isOwn ? dateTime(Date.parse(row.updated)) : ""}</span>,
    },
  ];
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Search label="Part of the name" />
        <button type="button" class="primary" onClick={() => setCreating(true)}>
          Create policy
        </button>
      </form>
      <div class="split one" classList={{ "right-only": !!opened() }}>
        <Table
          label="Policies"
          rows={shown()}
          columns={columns}
          key={(row) => row.arn}
          selected={param("arn")}
          open={(row) => setParams({ arn: row.arn === param("arn") ? "" : row.arn })}
          empty={
            <Empty title="No policy has this in its name">
              <p>
                See <a href={href("/access", { tab: "policies" })}>all policies</a>.
              </p>
            </Empty>
          }
        />
        <Given when={opened()}>{(row) => <PolicyDetail of={row()} all={props.all} reload={props.reload} />}</Given>
      </div>
      <Show when={creating()}>
        <DocumentDialog
          title="Create policy"
          action="Create"
          named
          hint="IAM's JSON: effects, actions, resources, conditions."
          document={EXAMPLE}
          close={() => setCreating(false)}
          submit={async (PolicyDocument, PolicyName) => {
            const made = await iam("CreatePolicy", { PolicyName, PolicyDocument });
            setCreating(false);
            props.reload();
            setParams({ arn: String((made.Policy as { Arn?: string } | undefined)?.Arn ?? ""), q: "" });
          }}
        />
      </Show>
    </>
  );
}

function PolicyDetail(props: { of: PolicyRow; all: Account; reload: () => void }) {
  const text = load(
    () => props.of,
    (policy, signal) => policyDocument(policy, signal),
  );
  const [failure, setFailure] = createSignal<unknown>();
  const [doomed, setDoomed] = createSignal(false);
  const [editing, setEditing] = createSignal(false);
  const holders = () =>
    [...props.all.users, ...props.all.groups, ...props.all.roles].filter((row) =>
      row.attached.some((a) => a.PolicyArn === props.of.arn),
    );
  const remove = async () => {
    setFailure(undefined);
    try {
      await deletePolicy(props.of.arn);
      setDoomed(false);
      setParams({ arn: "" });
      props.reload();
    } catch (error) {
      setFailure(() => error);
    }
  };
  return (
    <Detail
      label="Policy"
      title={props.of.name}
      close={() => setParams({ arn: "" })}
      actions={
        <Show when={props.of.isOwn}>
          <button type="button" class="small" disabled={text.data() === undefined} onClick={() => setEditing(true)}>
            Edit
          </button>
          <button type="button" class="small danger" onClick={() => setDoomed(true)}>
            Delete
          </button>
        </Show>
      }
    >
      <Facts
        of={[
          ["ARN", <span class="mono">{props.of.arn}</span>],
          ["Version", props.of.version],
          ["Changed", props.of.isOwn && `${dateTime(Date.parse(props.of.updated))} (${ago(Date.parse(props.of.updated))})`],
          [
            "Attached to",
            holders().length > 0 &&
              holders()
                .map((row) => `${row.kind} ${row.name}`)
                .join(", "),
          ],
        ]}
      />
      <div class="json-head">
        <h3>Document</h3>
        <Show when={text.data()}>{(document) => <Copy text={document()} />}</Show>
      </div>
      <Shown of={text} what="the document">
        {(document) => <Json text={document()} />}
      </Shown>
      <Show when={editing()}>
        <DocumentDialog
          title={`Policy ${props.of.name}`}
          action="Save as a new version"
          hint="It holds from the next call on. Five versions are kept at most: on the command line, delete-policy-version takes one away."
          document={text.data() ?? ""}
          close={() => setEditing(false)}
          submit={async (PolicyDocument) => {
            await iam("CreatePolicyVersion", { PolicyArn: props.of.arn, PolicyDocument, SetAsDefault: true });
            setEditing(false);
            props.reload();
          }}
        />
      </Show>
      <Show when={doomed()}>
        <Confirm
          title={`Delete policy ${props.of.name}?`}
          text="It must be attached to nobody. It cannot be had again."
          action="Delete for good"
          error={failure() instanceof Error ? (failure() as Error).message : undefined}
          yes={() => void remove()}
          close={() => {
            setDoomed(false);
            setFailure(undefined);
          }}
        />
      </Show>
    </Detail>
  );
}
