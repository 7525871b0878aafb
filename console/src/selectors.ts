// Event selectors of trails and event data stores, as sentences.

export interface FieldSelector {
  Field: string;
  Equals?: string[];
  StartsWith?: string[];
  EndsWith?: string[];
  NotEquals?: string[];
  NotStartsWith?: string[];
  NotEndsWith?: string[];
}

export interface AdvancedSelector {
  Name?: string;
  FieldSelectors: FieldSelector[];
}

export interface BasicSelector {
  ReadWriteType?: string;
  IncludeManagementEvents?: boolean;
  DataResources?: { Type: string; Values?: string[] }[];
  ExcludeManagementEventSources?: string[];
}

const CATEGORIES: Record<string, string> = {
  Management: "management events",
  Data: "data events",
  NetworkActivity: "network activity events",
  Insight: "Insights events",
};

const FIELDS: Record<string, string> = {
  eventSource: "the service",
  eventName: "the event's name",
  "resources.type": "the resource type",
  "resources.ARN": "the resource's ARN",
  eventType: "the event's type",
  "userIdentity.arn": "the actor's ARN",
  sessionCredentialFromConsole: "“made in a console”",
  errorCode: "the error code",
  vpcEndpointId: "the VPC endpoint",
};

const or = (values: string[]) => values.join(" or ");

/** `Management events that write, where the service is not kms.amazonaws.com`. */
export function sentence(selector: AdvancedSelector): string {
  let what = "events";
  let access = "";
  const conditions: string[] = [];
  for (const field of selector.FieldSelectors ?? []) {
    if (field.Field === "eventCategory") {
      what = or((field.Equals ?? []).map((category) => CATEGORIES[category] ?? `${category} events`)) || what;
      continue;
    }
    if (field.Field === "readOnly") {
      const reads = field.Equals?.[0] === "true" || field.NotEquals?.[0] === "false";
      access = reads ? " that only read" : " that write";
      continue;
    }
    const name = FIELDS[field.Field] ?? field.Field;
    if (field.Equals?.length) conditions.push(`${name} is ${or(field.Equals)}`);
    if (field.StartsWith?.length) conditions.push(`${name} begins with ${or(field.StartsWith)}`);
    if (field.EndsWith?.length) conditions.push(`${name} ends with ${or(field.EndsWith)}`);
    if (field.NotEquals?.length) conditions.push(`${name} is not ${or(field.NotEquals)}`);
    if (field.NotStartsWith?.length) conditions.push(`${name} does not begin with ${or(field.NotStartsWith)}`);
    if (field.NotEndsWith?.length) conditions.push(`${name} does not end with ${or(field.NotEndsWith)}`);
  }
  const text = `${what}${access}${conditions.length ? `, where ${conditions.join(", and ")}` : ""}`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A selector of the older kind, one sentence for each kind of event that it wants. */
export function basicSentences(selector: BasicSelector): string[] {
  const access = { ReadOnly: " that only read", WriteOnly: " that write" }[selector.ReadWriteType ?? "All"] ?? "";
  const all: string[] = [];
  if (selector.IncludeManagementEvents !== false) {
    const without = selector.ExcludeManagementEventSources?.length
      ? `, where the service is not ${or(selector.ExcludeManagementEventSources)}`
      : "";
    all.push(`Management events${access}${without}`);
  }
  for (const resource of selector.DataResources ?? []) {
    const isAll =
      !resource.Values?.length || resource.Values.some((value) => /^arn:aws[\w-]*:\w+(:::|:[^:]*:[^:]*:)?\w*$/.test(value));
    all.push(
      `Data events${access} of ${isAll ? `every ${resource.Type}` : `${resource.Type} whose ARN begins with ${or(resource.Values ?? [])}`}`,
    );
  }
  return all;
}
