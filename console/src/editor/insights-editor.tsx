// The editor of queries, of Logs Insights when nobody says otherwise: CodeMirror, fetched when it is first needed. It lives in a shadow root, where it may keep its
// styles without the inline <style> that the content-security policy forbids.

import type { CompletionSource } from "@codemirror/autocomplete";
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  completionStatus,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, toggleComment } from "@codemirror/commands";
import { bracketMatching, type StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { createEffect, on, onCleanup, onMount } from "solid-js";
import { colours, completion, insights } from "./language";

const setWrong = StateEffect.define<{ from: number; to: number } | undefined>();
/** What the server complained about, until the text changes. */
const wrong = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let now = transaction.docChanged ? Decoration.none : marks;
    for (const effect of transaction.effects) {
      if (effect.is(setWrong))
        now = effect.value
          ? Decoration.set([Decoration.mark({ class: "cm-wrong" }).range(effect.value.from, effect.value.to)])
          : Decoration.none;
    }
    return now;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Chromium gives what is typed over a selection the style of what was there, inline, which the content-security policy refuses. */
function replaceSelected(event: InputEvent, view: EditorView): boolean {
  const isPlain = event.inputType === "insertText" && !!event.data && !/["'([{`]/.test(event.data);
  if (!isPlain || view.state.selection.main.empty || view.composing) return false;
  event.preventDefault();
  view.dispatch(view.state.replaceSelection(event.data ?? ""), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

const theme = EditorView.theme({
  "&": { fontSize: "13px", color: "var(--text)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", maxHeight: "240px", minHeight: "92px" },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--muted)", border: "none" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--accent-soft)",
  },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-wrong": { textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "4px" },
  ".cm-tooltip": {
    border: "1px solid var(--line)",
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    borderRadius: "6px",
    boxShadow: "var(--shadow)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "2px 8px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionInfo": { padding: "6px 10px", maxWidth: "340px" },
});

/** Another language than that of Logs Insights. */
export interface Dialect {
  language: StreamLanguage<unknown>;
  completion: (names: () => Promise<string[]>) => CompletionSource;
  placeholder: string;
}

export default function InsightsEditor(props: {
  text: string;
  dialect?: Dialect;
  placeholder?: string;
  change: (text: string) => void;
  run: () => void;
  fields: Promise<string[]>;
  wrong?: { from: number; to: number };
}) {
  let holder!: HTMLDivElement;
  let view: EditorView | undefined;
  onMount(() => {
    const root = holder.attachShadow({ mode: "open" });
    view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: props.text,
        extensions: [
          lineNumbers(),
          history(),
          bracketMatching(),
          closeBrackets(),
          props.dialect?.language ?? insights,
          syntaxHighlighting(colours),
          autocompletion({
            override: [(props.dialect?.completion ?? completion)(() => props.fields)],
            icons: false,
            interactionDelay: 0,
          }),
          wrong,
          theme,
          placeholder(
            props.placeholder ?? props.dialect?.placeholder ?? "fields @timestamp, @message | sort @timestamp desc | limit 100",
          ),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": "Query", spellcheck: "false" }),
          EditorView.domEventHandlers({ beforeinput: replaceSelected }),
          keymap.of([
            {
              key: "Mod-Enter",
              run: () => {
                props.run();
                return true;
              },
            },
            { key: "Mod-/", run: toggleComment },
            { key: "Tab", run: (v) => completionStatus(v.state) === "active" && acceptCompletion(v) },
            ...closeBracketsKeymap,
            ...completionKeymap,
            ...historyKeymap,
            ...defaultKeymap,
          ]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) props.change(update.state.doc.toString());
          }),
        ],
      }),
    });
  });
  createEffect(
    on(
      () => props.text,
      (text) => {
        if (view && view.state.doc.toString() !== text)
          view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      },
    ),
  );
  createEffect(() => {
    const mark = props.wrong;
    const length = view?.state.doc.length ?? 0;
    const value =
      mark && mark.from < length ? { from: mark.from, to: Math.max(mark.from + 1, Math.min(length, mark.to)) } : undefined;
    view?.dispatch({ effects: setWrong.of(value) });
  });
  onCleanup(() => view?.destroy());
  return <div ref={holder} class="editor-holder" />;
}
