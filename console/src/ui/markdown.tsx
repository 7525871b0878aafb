// The Markdown of text widgets: headings, lists, emphasis, code, links. Built as elements; markup in the text stays text.
import { For, type JSX, Match, Switch } from "solid-js";

type Block =
  | { kind: "h"; level: number; text: string }
  | { kind: "list"; items: string[] }
  | { kind: "code"; text: string }
  | { kind: "rule" }
  | { kind: "p"; text: string };

export function blocks(text: string): Block[] {
  const all: Block[] = [];
  const lines = text.replaceAll("\r", "").split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (/^```/.test(line)) {
      const code: string[] = [];
      for (i += 1; i < lines.length && !/^```/.test(lines[i] ?? ""); i++) code.push(lines[i] ?? "");
      all.push({ kind: "code", text: code.join("\n") });
    } else if (heading) all.push({ kind: "h", level: heading[1]?.length ?? 1, text: heading[2] ?? "" });
    else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) all.push({ kind: "rule" });
    else if (/^\s*([-*+]|\d+\.)\s+/.test(line)) {
      const item = line.replace(/^\s*([-*+]|\d+\.)\s+/, "");
      const last = all.at(-1);
      if (last?.kind === "list") last.items.push(item);
      else all.push({ kind: "list", items: [item] });
    } else if (line.trim()) {
      const last = all.at(-1);
      if (last?.kind === "p" && (lines[i - 1] ?? "").trim()) last.text += ` ${line.trim()}`;
      else all.push({ kind: "p", text: line.trim() });
    }
  }
  return all;
}

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;

function inline(text: string): JSX.Element[] {
  const all: JSX.Element[] = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    all.push(text.slice(at, match.index));
    const [whole, code, strong, soft, name, address] = match;
    if (code) all.push(<code>{code}</code>);
    else if (strong) all.push(<strong>{strong}</strong>);
    else if (soft) all.push(<em>{soft}</em>);
    else if (address && /^(https?:\/\/|#)/i.test(address)) {
      all.push(
        <a href={address} target={address.startsWith("#") ? undefined : "_blank"} rel="noopener noreferrer">
          {name}
        </a>,
      );
    } else all.push(whole);
    at = match.index + whole.length;
  }
  all.push(text.slice(at));
  return all;
}

export function Markdown(props: { text: string }) {
  return (
    <div class="markdown">
      <For each={blocks(props.text)}>
        {(block) => (
          <Switch fallback={<hr />}>
            <Match when={block.kind === "h" && block}>
              {(b) => <strong class={`md-h${b().level}`}>{inline(b().text)}</strong>}
            </Match>
            <Match when={block.kind === "list" && block}>
              {(b) => (
                <ul>
                  <For each={b().items}>{(item) => <li>{inline(item)}</li>}</For>
                </ul>
              )}
            </Match>
            <Match when={block.kind === "code" && block}>{(b) => <pre class="json">{b().text}</pre>}</Match>
            <Match when={block.kind === "p" && block}>{(b) => <p>{inline(b().text)}</p>}</Match>
          </Switch>
        )}
      </For>
    </div>
  );
}
