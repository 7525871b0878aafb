// IAM, which speaks forms and XML: identities and policies of the account, and what they may do.
import { ask, CALLS } from "./aws";

const VERSION = "2010-05-08";

type Input = { [name: string]: string | number | boolean | undefined | Input | (string | Input)[] };
/** What an element holds: text, a list (`member` after `member`) or members by name. */
export type Value = string | Value[] | { [name: string]: Value };

/** `Action=…&ActionNames.member.1=…`. */
export function form(operation: string, input: Input): string {
  const fields = new URLSearchParams({ Action: operation, Version: VERSION });
  const put = (name: string, value: Input[string]): void => {
    if (value === undefined) return;
    if (Array.isArray(value)) for (const [i, item] of value.entries()) put(`${name}.member.${i + 1}`, item);
    else if (typeof value === "object") for (const [inner, of] of Object.entries(value)) put(`${name}.${inner}`, of);
    else fields.append(name, String(value));
  };
  for (const [name, value] of Object.entries(input)) put(name, value);
  return fields.toString();
}

function held(element: Element): Value {
  const children = [...element.children];
  if (!children.length) return element.textContent ?? "";
  if (children.every((child) => child.localName === "member")) return children.map(held);
  return Object.fromEntries(children.map((child) => [child.localName, held(child)]));
}

/** One call; the members of its result. */
export async function iam(operation: string, input: Input = {}, signal?: AbortSignal): Promise<{ [name: string]: Value }> {
  const headers = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
  const answer = await ask(CALLS, { method: "POST", headers, body: form(operation, input) }, `iam ${operation}`, signal);
  const xml = new DOMParser().parseFromString(await answer.text(), "text/xml");
  const result = xml.getElementsByTagName(`${operation}Result`)[0];
  const value = result && held(result);
  return value && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** A list of a result; an empty one is an empty element. */
export function list<T>(value: Value | undefined): T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

const PAGES_MAX = 50;

async function all(operation: string, input: Input, names: string[], signal?: AbortSignal): Promise<Record<string, Value[]>> {
  const found: Record<string, Value[]> = Object.fromEntries(names.map((name) => [name, []]));
  let marker: Value | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const got = await iam(operation, marker ? { ...input, Marker: String(marker) } : input, signal);
    for (const name of names) found[name]?.push(...list<Value>(got[name]));
    marker = got.IsTruncated === "true" ? got.Marker : undefined;
    if (!marker) break;
  }
  return found;
}

export interface Attached {
  PolicyName: string;
  PolicyArn: string;
}

interface Inline {
  PolicyName: string;
  PolicyDocument: string;
}

export type Kind = "user" | "group" | "role";

/** A user, a group or a role. */
export interface Identity {
  kind: Kind;
  name: string;
  arn: string;
  created: string;
  attached: Attached[];
  /** With their documents as text. */
  inline: { name: string; document: string }[];
  /** Of a user. */
  groups: string[];
  /** Of a group. */
  members: string[];
  /** Of a role: who may take it. */
  trust: string;
  boundary: string;
}

export interface PolicyRow {
  name: string;
  arn: string;
  version: string;
  attachments: number;
  updated: string;
  isOwn: boolean;
}

export interface Account {
  users: Identity[];
  groups: Identity[];
  roles: Identity[];
  policies: PolicyRow[];
}

/** Documents come percent-encoded. */
export function document(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    return text ?? "";
  }
}

type Members = { [name: string]: Value };
const text = (value: Value | undefined) => (typeof value === "string" ? value : "");

function identity(kind: Kind, of: Members): Identity {
  const noun = { user: "User", group: "Group", role: "Role" }[kind];
  const boundary = of.PermissionsBoundary as Members | undefined;
  return {
    kind,
    name: text(of[`${noun}Name`]),
    arn: text(of.Arn),
    created: text(of.CreateDate),
    attached: list<Attached>(of.AttachedManagedPolicies),
    inline: list<Inline>(of[`${noun}PolicyList`]).map((policy) => ({
      name: policy.PolicyName,
      document: document(policy.PolicyDocument),
    })),
    groups: list<string>(of.GroupList),
    members: [],
    trust: document(text(of.AssumeRolePolicyDocument)),
    boundary: text(boundary?.PermissionsBoundaryArn),
  };
}

/** Everybody, and all policies. */
export async function account(signal?: AbortSignal): Promise<Account> {
  const [details, policies] = await Promise.all([
    all(
      "GetAccountAuthorizationDetails",
      { Filter: ["User", "Group", "Role"] },
      ["UserDetailList", "GroupDetailList", "RoleDetailList"],
      signal,
    ),
    all("ListPolicies", { Scope: "All" }, ["Policies"], signal),
  ]);
  const of = (name: string) => (details[name] ?? []) as Members[];
  const users = of("UserDetailList").map((user) => identity("user", user));
  const groups = of("GroupDetailList").map((group) => identity("group", group));
  for (const group of groups) group.members = users.filter((user) => user.groups.includes(group.name)).map((user) => user.name);
  return {
    users,
    groups,
    roles: of("RoleDetailList").map((role) => identity("role", role)),
    policies: ((policies.Policies ?? []) as Members[]).map((policy) => ({
      name: text(policy.PolicyName),
      arn: text(policy.Arn),
      version: text(policy.DefaultVersionId),
      attachments: Number(text(policy.AttachmentCount)),
      updated: text(policy.UpdateDate),
      isOwn: !text(policy.Arn).startsWith("arn:aws:iam::aws:"),
    })),
  };
}

export async function policyDocument(policy: PolicyRow, signal?: AbortSignal): Promise<string> {
  const got = await iam("GetPolicyVersion", { PolicyArn: policy.arn, VersionId: policy.version }, signal);
  return document(text((got.PolicyVersion as Members | undefined)?.Document));
}

export interface AccessKey {
  id: string;
  isActive: boolean;
  created: string;
  lastUsed: string;
  lastService: string;
}

export async function accessKeys(user: string, signal?: AbortSignal): Promise<AccessKey[]> {
  const found = await all("ListAccessKeys", { UserName: user }, ["AccessKeyMetadata"], signal);
  return Promise.all(
    ((found.AccessKeyMetadata ?? []) as Members[]).map(async (key) => {
      const id = text(key.AccessKeyId);
      const used = (await iam("GetAccessKeyLastUsed", { AccessKeyId: id }, signal)).AccessKeyLastUsed as Members | undefined;
      return {
        id,
        isActive: text(key.Status) === "Active",
        created: text(key.CreateDate),
        lastUsed: text(used?.LastUsedDate),
        lastService: text(used?.ServiceName),
      };
    }),
  );
}

export async function createAccessKey(user: string): Promise<{ id: string; secret: string }> {
  const key = (await iam("CreateAccessKey", { UserName: user })).AccessKey as Members | undefined;
  return { id: text(key?.AccessKeyId), secret: text(key?.SecretAccessKey) };
}

/** Takes everything from a user that keeps AWS's DeleteUser from deleting it, then deletes it. */
export async function deleteIdentity(of: Identity): Promise<void> {
  const noun = of.kind === "user" ? "User" : of.kind === "group" ? "Group" : "Role";
  const named = { [`${noun}Name`]: of.name };
  if (of.kind === "user") {
    for (const key of await accessKeys(of.name)) await iam("DeleteAccessKey", { ...named, AccessKeyId: key.id });
    for (const group of of.groups) await iam("RemoveUserFromGroup", { ...named, GroupName: group });
  }
  for (const member of of.members) await iam("RemoveUserFromGroup", { ...named, UserName: member });
  for (const policy of of.attached) await iam(`Detach${noun}Policy`, { ...named, PolicyArn: policy.PolicyArn });
  for (const policy of of.inline) await iam(`Delete${noun}Policy`, { ...named, PolicyName: policy.name });
  await iam(`Delete${noun}`, named);
}

/** Takes the older versions from a policy, which keep AWS's DeletePolicy from deleting it, then deletes it. */
export async function deletePolicy(PolicyArn: string): Promise<void> {
  const { Versions } = await all("ListPolicyVersions", { PolicyArn }, ["Versions"]);
  for (const version of (Versions ?? []) as Members[])
    if (text(version.IsDefaultVersion) !== "true")
      await iam("DeletePolicyVersion", { PolicyArn, VersionId: text(version.VersionId) });
  await iam("DeletePolicy", { PolicyArn });
}

export interface Decision {
  action: string;
  resource: string;
  /** `allowed`, `implicitDeny` or `explicitDeny`. */
  decision: string;
  statements: { policy: string; type: string; start: Place; end: Place }[];
  missing: string[];
  /** False when the permissions boundary does not allow it. */
  boundary: boolean | undefined;
}

export interface Place {
  line: number;
  column: number;
}

/** What an identity's policies decide of each pair of action and resource. */
export async function simulate(arn: string, actions: string[], resources: string[], signal?: AbortSignal): Promise<Decision[]> {
  const input = { PolicySourceArn: arn, ActionNames: actions, ...(resources.length ? { ResourceArns: resources } : {}) };
  const found = await all("SimulatePrincipalPolicy", input, ["EvaluationResults"], signal);
  const place = (value: Value | undefined): Place => {
    const of = (value ?? {}) as Members;
    return { line: Number(text(of.Line)), column: Number(text(of.Column)) };
  };
  return ((found.EvaluationResults ?? []) as Members[]).map((result) => {
    const boundary = result.PermissionsBoundaryDecisionDetail as Members | undefined;
    return {
      action: text(result.EvalActionName),
      resource: text(result.EvalResourceName),
      decision: text(result.EvalDecision),
      statements: list<Members>(result.MatchedStatements).map((statement) => ({
        policy: text(statement.SourcePolicyId),
        type: text(statement.SourcePolicyType),
        start: place(statement.StartPosition),
        end: place(statement.EndPosition),
      })),
      missing: list<string>(result.MissingContextValues),
      boundary: boundary && text(boundary.AllowedByPermissionsBoundary) === "true",
    };
  });
}

/** The part of a document between two places; lines and columns count from 1. */
export function excerpt(document: string, start: Place, end: Place): string {
  const lines = document.split("\n").slice(start.line - 1, end.line);
  if (!lines.length) return "";
  lines[lines.length - 1] = lines.at(-1)?.slice(0, end.column) ?? "";
  lines[0] = lines[0]?.slice(start.column - 1) ?? "";
  return lines.join("\n");
}
