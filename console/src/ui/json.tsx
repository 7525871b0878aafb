// JSON, indented and coloured. Everything becomes text nodes: nothing in a record can be markup.
import { createMemo, For } from "solid-js";

interface Token {
  kind: string;
  text: string;
}

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)/g;
/** Longer texts are shown without colours: a node for each token would be slow. */
const COLOURED_MAX = 200_000;

export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function tokens(text: string): Token[] {
  if (text.length > COLOURED_MAX) return [{ kind: "", text }];
  const found: Token[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKENS)) {
    if (match.index > at) found.push({ kind: "", text: text.slice(at, match.index) });
    const [whole, string, colon, number] = match;
    const kind = string ? (colon ? "j-key" : "j-string") : number ? "j-number" : "j-word";
    found.push({ kind, text: whole });
    at = match.index + whole.length;
  }
  if (at < text.length) found.push({ kind: "", text: text.slice(at) });
  return found;
}

export function Json(props: { text: string }) {
  const all = createMemo(() => tokens(pretty(props.text)));
  return (
    <pre class="json" tabindex="0">
      <For each={all()}>{(token) => (token.kind ? <span class={token.kind}>{token.text}</span> : token.text)}</For>
    </pre>
  );
}
