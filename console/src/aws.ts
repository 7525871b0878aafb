// Calls of AWS operations in the session: JSON in, JSON out, errors with their AWS code.
import { param } from "./router";
import { session, sessionEnded } from "./session";

const TARGETS = {
  logs: { prefix: "Logs_20140328", type: "application/x-amz-json-1.1" },
  cloudwatch: { prefix: "GraniteServiceVersion20100801", type: "application/x-amz-json-1.0" },
  cloudtrail: { prefix: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", type: "application/x-amz-json-1.1" },
} as const;

export type Service = keyof typeof TARGETS;

export class AwsError extends Error {
  constructor(
    /** Such as `ResourceNotFoundException`. */
    readonly code: string,
    message: string,
    readonly status: number,
    /** `logs DescribeLogGroups`. */
    readonly call: string,
    /** The whole answer: some errors say more in members of their own. */
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

/** What a user can do about an error, in a sentence. */
export function advice(error: unknown): string {
  if (!(error instanceof AwsError)) return "Reload the page. If it happens again, look into the browser's console.";
  if (error.status === 0) return "Check that the server runs and can be reached from here, then try again.";
  if (/NotFound/.test(error.code)) return "It may have been deleted, or belong to another region. Check the name and the region.";
  if (/AccessDenied|Unauthorized/.test(error.code)) return "Sign in with a key that may do this, or ask whoever keeps the keys.";
  if (/Throttl|LimitExceeded|TooManyRequests/.test(error.code)) return "Wait a few seconds and try again.";
  if (/Validation|InvalidParameter|Malformed|Invalid/.test(error.code)) return "Correct what the message names and try again.";
  if (error.status >= 500) return "See the server's log for the reason; the overview says whether it takes writes.";
  return "Try again, or make the same call with the aws cli to see more.";
}

/** Code and message of an error, from JSON or, of the services that speak forms, XML. */
function refusal(text: string): { code?: string; message?: string; details: Record<string, unknown> } {
  try {
    const body = JSON.parse(text);
    // The last ones are Prometheus's.
    return { code: body.__type ?? body.errorType, message: body.message ?? body.Message ?? body.error, details: body };
  } catch {
    const xml = new DOMParser().parseFromString(text, "text/xml");
    const of = (name: string) => xml.getElementsByTagName(name)[0]?.textContent ?? undefined;
    return { code: of("Code"), message: of("Message"), details: {} };
  }
}

/** One request in the session. What is refused, or not answered, is an `AwsError` of `call`. */
export async function ask(
  url: string,
  init: { method?: string; headers?: Record<string, string>; body?: string },
  call: string,
  signal?: AbortSignal,
): Promise<Response> {
  const now = session();
  const headers: Record<string, string> = { ...init.headers };
  if (now.signedIn) headers["x-trailwatch-csrf"] = now.csrf;
  const region = param("region");
  if (region) headers["x-trailwatch-region"] ??= region;
  let answer: Response;
  try {
    answer = await fetch(url, { ...init, headers, credentials: "same-origin", cache: "no-store", signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AwsError("Unreachable", "The server did not answer.", 0, call);
  }
  if (answer.ok) return answer;
  const told = refusal(await answer.text());
  const code = String(told.code ?? answer.headers.get("x-amzn-errortype") ?? "Unknown").replace(/^.*#/, "");
  if (code.startsWith("MissingAuthenticationToken")) void sessionEnded();
  throw new AwsError(code, told.message ?? `The server answered ${answer.status}.`, answer.status, call, told.details);
}

/** Where AWS operations are called. */
export const CALLS = "/_trailwatch/console/aws";

function send(service: Service, operation: string, input: unknown, signal?: AbortSignal, region?: string): Promise<Response> {
  const { prefix, type } = TARGETS[service];
  const headers: Record<string, string> = { "content-type": type, "x-amz-target": `${prefix}.${operation}` };
  if (region) headers["x-trailwatch-region"] = region;
  return ask(CALLS, { method: "POST", headers, body: JSON.stringify(input) }, `${service} ${operation}`, signal);
}

/**
 * One call, in the page's region unless `region` names another. Times in JSON are seconds since 1970 (CloudWatch, CloudTrail) or
 * milliseconds (Logs), as AWS has them.
 */
export async function aws<T>(
  service: Service,
  operation: string,
  input: unknown = {},
  signal?: AbortSignal,
  region?: string,
): Promise<T> {
  const answer = await send(service, operation, input, signal, region);
  const text = await answer.text();
  return (text ? JSON.parse(text) : {}) as T;
}

/** Follows the pages of a listing until `limit` items are there. `more` says that there are further ones. */
export async function pages<P extends object, I>(
  service: Service,
  operation: string,
  input: object,
  token: { in: string; out: string },
  items: (page: P) => I[] | undefined,
  limit: number,
  signal?: AbortSignal,
): Promise<{ items: I[]; more: boolean; next?: string }> {
  const all: I[] = [];
  let next: string | undefined;
  do {
    const page: P = await aws<P>(service, operation, next ? { ...input, [token.in]: next } : input, signal);
    all.push(...(items(page) ?? []));
    next = (page as Record<string, string | undefined>)[token.out];
  } while (next && all.length < limit);
  return { items: all, more: !!next, next };
}

/** The messages of an event stream (`application/vnd.amazon.eventstream`), as they come. */
export async function* eventStream(
  service: Service,
  operation: string,
  input: unknown,
  signal: AbortSignal,
): AsyncGenerator<{ type: string; payload: unknown }> {
  const answer = await send(service, operation, input, signal);
  const reader = answer.body?.getReader();
  if (!reader) return;
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    for (let message = frame(held); message; message = frame(held)) {
      held = held.slice(message.bytes);
      if (message.kind === "exception")
        throw new AwsError(
          message.type,
          String((message.payload as { message?: string }).message ?? ""),
          400,
          `${service} ${operation}`,
        );
      yield message;
    }
  }
}

/** The first whole frame: lengths, headers (names and strings only), payload; the checksums are TCP's business here. */
export function frame(bytes: Uint8Array): { bytes: number; kind: string; type: string; payload: unknown } | undefined {
  if (bytes.length < 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const total = view.getUint32(0);
  const headerBytes = view.getUint32(4);
  if (bytes.length < total) return undefined;
  const text = new TextDecoder();
  const headers: Record<string, string> = {};
  let at = 12;
  while (at < 12 + headerBytes) {
    const nameBytes = view.getUint8(at);
    const name = text.decode(bytes.subarray(at + 1, at + 1 + nameBytes));
    at += 1 + nameBytes;
    // Type 7 is a string; AWS sends no other in these streams.
    if (view.getUint8(at) !== 7) break;
    const length = view.getUint16(at + 1);
    headers[name] = text.decode(bytes.subarray(at + 3, at + 3 + length));
    at += 3 + length;
  }
  const payload = text.decode(bytes.subarray(12 + headerBytes, total - 4));
  const kind = headers[":message-type"] ?? "event";
  return {
    bytes: total,
    kind,
    type: headers[":event-type"] ?? headers[":exception-type"] ?? "",
    payload: payload ? JSON.parse(payload) : {},
  };
}
