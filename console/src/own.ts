// Our own endpoints below `/_trailwatch/`, for what AWS has no operation for: the session stands for the signature.
import { ask } from "./aws";

/** Answers JSON. `input` makes it a POST. */
export async function own<T>(path: string, input?: unknown, signal?: AbortSignal): Promise<T> {
  const init =
    input === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(input) };
  const answer = await ask(`/_trailwatch/${path}`, init, `trailwatch ${path.split("?")[0]}`, signal);
  return (await answer.json()) as T;
}

/** Lines of JSON, as they come, until `signal` ends them. Empty lines say that the server is there. */
export async function* ownLines<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
  const answer = await ask(`/_trailwatch/${path}`, {}, `trailwatch ${path.split("?")[0]}`, signal);
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (held + value).split("\n");
    held = lines.pop() ?? "";
    for (const line of lines) if (line.trim()) yield JSON.parse(line) as T;
  }
}

/** A query string of what has a value. */
export function query(params: Record<string, string | number | undefined>): string {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== "") text.append(name, String(value));
  return text.size ? `?${text}` : "";
}
