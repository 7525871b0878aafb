// SQL over event data stores, as the editor needs it: colours, and completion of words, functions and columns.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { StreamLanguage } from "@codemirror/language";
import { tags } from "@lezer/highlight";

const WORDS =
  "select from where and or not in is null like between group by order having limit as asc desc distinct case when then else end with union all join on left inner cast escape true false over partition offset exists except intersect".split(
    " ",
  );
const FUNCTIONS =
  "count sum avg min max max_by min_by count_if approx_distinct date_trunc date_add date_diff date_format from_iso8601_timestamp json_extract json_extract_scalar json_array_get element_at cardinality contains map_keys regexp_like lower upper substr concat length coalesce now".split(
    " ",
  );
/** Of CloudTrail events. */
const COLUMNS =
  "eventTime eventName eventSource eventID eventType eventCategory awsRegion sourceIPAddress userAgent userIdentity userIdentity.type userIdentity.arn userIdentity.userName userIdentity.accountId userIdentity.accessKeyId userIdentity.sessionContext.sessionIssuer.userName errorCode errorMessage requestParameters responseElements additionalEventData requestID readOnly resources recipientAccountId managementEvent sharedEventID vpcEndpointId tlsDetails sessionCredentialFromConsole addendum".split(
    " ",
  );

const words = new Set(WORDS);
const functions = new Set(FUNCTIONS);

const sql = StreamLanguage.define({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^--.*/)) return "comment";
    if (stream.match(/^'(?:[^']|'')*'?/)) return "string";
    if (stream.match(/^"(?:[^"]|"")*"?/)) return "variableName";
    if (stream.match(/^\d+(?:\.\d+)?(?![\w-])/)) return "number";
    const word = stream.match(/^[A-Za-z_]\w*/);
    if (Array.isArray(word)) {
      const lower = word[0].toLowerCase();
      if (words.has(lower)) return "keyword";
      return functions.has(lower) ? "function" : "variableName";
    }
    // A store's id, such as 3270e016-59a1-4448-8dd1-d27a4796502d.
    if (stream.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/)) return "variableName";
    stream.next();
    return "operator";
  },
  languageData: { commentTokens: { line: "--" } },
  tokenTable: { function: tags.function(tags.variableName) },
});

function completion(stores: () => Promise<string[]>) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const word = context.matchBefore(/[\w.-]+/);
    if (!word && !context.explicit) return null;
    const from = word?.from ?? context.pos;
    const isStore = /\b(from|join)\s+$/i.test(context.state.sliceDoc(0, from));
    const known = (await stores()).map((label): Completion => ({ label, type: "class", boost: isStore ? 9 : -9 }));
    const options: Completion[] = [
      ...known,
      ...COLUMNS.map((label): Completion => ({ label, type: "property", boost: 2 })),
      ...FUNCTIONS.map((label): Completion => ({ label, type: "function", apply: `${label}(`, detail: "()" })),
      ...WORDS.map((label): Completion => ({ label: label.toUpperCase(), type: "keyword" })),
    ];
    return { from, options: isStore && known.length ? known : options, validFor: /^[\w.-]*$/ };
  };
}

/** For the editor. */
export const lakeSql = { language: sql, completion, placeholder: "SELECT eventTime, eventName FROM store LIMIT 100" };
