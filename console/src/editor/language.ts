// The query language of Logs Insights, as an editor needs it: colours and completion.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { HighlightStyle, StreamLanguage } from "@codemirror/language";
import { tags } from "@lezer/highlight";

export const COMMANDS: [string, string][] = [
  ["fields", "fields to show, and new ones: fields @timestamp, ms / 1000 as s"],
  ["display", "fields to show in the result"],
  ["filter", "keep what matches: filter level = 'error' and ms > 300"],
  ["stats", "aggregate: stats count(*), avg(ms) by bin(5m)"],
  ["sort", "order: sort @timestamp desc"],
  ["limit", "at most so many rows: limit 100"],
  ["parse", "take fields out of text: parse @message 'user=* ' as user"],
  ["dedup", "one row for each value: dedup user"],
  ["pattern", "group lines by their pattern: pattern @message"],
  ["diff", "compare with an earlier time: pattern @message | diff"],
  ["unmask", "show what data protection hides"],
  ["unnest", "a row for each element of a list"],
  ["anomaly", "unusual patterns"],
  ["filterIndex", "only events that an index has this value for"],
  ["lookup", "fields of a lookup table"],
];

const FUNCTIONS =
  "abs ceil floor greatest least log sqrt bin dateceil datefloor fromMillis toMillis now coalesce isPresent isempty isblank concat ltrim rtrim trim replace strlen strcontains substr toupper tolower isIpv4InSubnet isIpv6InSubnet isValidIp isValidIpv4 isValidIpv6 isIpInSubnet jsonParse jsonStringify avg count count_distinct max min pct stddev sum earliest latest sortsFirst sortsLast".split(
    " ",
  );
const WORDS = "as by and or not in like asc desc on limit regex".split(" ");
const SYSTEM_FIELDS = ["@timestamp", "@message", "@logStream", "@log", "@ingestionTime", "@ptr", "@entity"];

const commands = new Set(COMMANDS.map(([name]) => name.toLowerCase()));
const functions = new Set(FUNCTIONS.map((name) => name.toLowerCase()));
const words = new Set([...WORDS, "source", "true", "false"]);

export const insights = StreamLanguage.define<{ begins: boolean }>({
  startState: () => ({ begins: true }),
  token(stream, state) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^'(?:[^'\\]|\\.)*'?/) || stream.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
    if (stream.match(/^\/(?:[^/\\\n]|\\.)+\//)) return "regexp";
    if (stream.eat("|")) {
      state.begins = true;
      return "operator";
    }
    if (stream.match(/^`[^`]*`?/) || stream.match(/^@\w+/)) {
      state.begins = false;
      return "variableName.special";
    }
    if (stream.match(/^\d+(\.\d+)?(ms|s|m|h|d|w|mo|q|y)?\b/)) return "number";
    const word = stream.match(/^[A-Za-z_][\w.]*/) as RegExpMatchArray | null;
    if (word) {
      const name = word[0].toLowerCase();
      const begins = state.begins;
      state.begins = false;
      if ((begins && commands.has(name)) || name === "source") return "keyword";
      if (functions.has(name) && stream.peek() === "(") return "function";
      return words.has(name) ? "operatorKeyword" : "variableName";
    }
    stream.next();
    return "operator";
  },
  languageData: { commentTokens: { line: "#" } },
  tokenTable: { function: tags.function(tags.variableName), operatorKeyword: tags.operatorKeyword },
});

export const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: tags.operatorKeyword, color: "var(--accent)" },
  { tag: tags.function(tags.variableName), color: "var(--warn)" },
  { tag: [tags.string, tags.regexp], color: "var(--good)" },
  { tag: tags.number, color: "var(--warn)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: tags.operator, color: "var(--muted)" },
]);

/** Completes commands at the beginning of a step, else functions and the fields that the groups have. */
export function completion(fields: () => Promise<string[]>) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const word = context.matchBefore(/[@\w.]+/);
    if (!word && !context.explicit) return null;
    const from = word?.from ?? context.pos;
    const before = context.state.sliceDoc(0, from);
    if (/(^|\||\n\s*)\s*$/.test(before) && /(^|\|)\s*$/.test(before)) {
      return {
        from,
        options: COMMANDS.map(([label, info]): Completion => ({ label, info, type: "keyword", apply: `${label} ` })),
        validFor: /^\w*$/,
      };
    }
    const known = [...new Set([...SYSTEM_FIELDS, ...(await fields())])];
    const options: Completion[] = [
      ...known.map(
        (label): Completion => ({ label: /^[@\w.]+$/.test(label) ? label : `\`${label}\``, type: "property", boost: 2 }),
      ),
      ...FUNCTIONS.map((label): Completion => ({ label, type: "function", apply: `${label}(`, detail: "()" })),
      ...WORDS.map((label): Completion => ({ label, type: "keyword" })),
    ];
    return { from, options, validFor: /^[@\w.]*$/ };
  };
}
