// The variables of a dashboard body: which there are, what can be chosen, and widgets with what was chosen put in.
//
// A property variable sets a property wherever it stands: in a widget, in the options of a metric, or as a dimension of a metric. A
// pattern variable replaces a text, or what a regular expression matches, in the texts of all widgets. Both work on values, never on
// JSON text, so that what is chosen cannot change what a widget is.

export interface Variable {
  type: "property" | "pattern";
  id: string;
  label: string;
  /** The property's or dimension's name, or the pattern. */
  of: string;
  inputType: "input" | "select" | "radio";
  values: { value: string; label: string }[];
  /** A search of metrics, and the dimension whose values can be chosen. */
  search?: string;
  populateFrom?: string;
  defaultValue?: string;
  visible: boolean;
}

/** Values to choose from at most, as in AWS. */
export const VALUES_MAX = 500;

const text = (value: unknown) => (typeof value === "string" || typeof value === "number" ? String(value) : "");

export function variablesOf(body: Record<string, unknown>): Variable[] {
  const given = Array.isArray(body.variables) ? (body.variables as Record<string, unknown>[]) : [];
  return given.flatMap((v): Variable[] => {
    if (!v || typeof v !== "object") return [];
    const type = v.type === "pattern" ? "pattern" : "property";
    const of = text(v[type]);
    const id = text(v.id);
    if (!of || !id) return [];
    const values = Array.isArray(v.values) ? (v.values as Record<string, unknown>[]) : [];
    return [
      {
        type,
        id,
        of,
        label: text(v.label) || id,
        inputType: v.inputType === "select" || v.inputType === "radio" ? v.inputType : "input",
        values: values
          .filter((one) => one && typeof one === "object" && one.value !== undefined)
          .slice(0, VALUES_MAX)
          .map((one) => ({ value: text(one.value), label: text(one.label) || text(one.value) })),
        search: text(v.search) || undefined,
        populateFrom: text(v.populateFrom) || undefined,
        defaultValue: text(v.defaultValue) || undefined,
        visible: v.visible !== false,
      },
    ];
  });
}

/** What the word `__FIRST` as a default stands for is the first value that there is. */
export const initial = (variable: Variable, values: { value: string }[]) =>
  variable.defaultValue === "__FIRST" ? (values[0]?.value ?? "") : (variable.defaultValue ?? "");

/** Namespace, dimensions and metric name of a search such as `{AWS/Lambda,FunctionName} MetricName="Duration"`. */
export function schemaOf(search: string): { namespace: string; dimensions: string[]; metric?: string } | undefined {
  const schema = /\{([^}]*)\}/.exec(search)?.[1];
  if (schema === undefined) return undefined;
  const [namespace = "", ...dimensions] = schema.split(",").map((part) => part.trim().replace(/^"(.*)"$/, "$1"));
  return { namespace, dimensions, metric: /\bMetricName\s*=\s*"?([^"\s]+)"?/i.exec(search)?.[1] };
}

const SPECIAL = /[\\^$*+?()[\]{}|]/;
/** A group that repeats, repeated: such an expression can take for ever. */
const EXPLODES = /\([^)]*[*+{|][^)]*\)\s*[*+{]/;

/** What a pattern finds: itself where the text has it so, else what it means as a regular expression. */
function replacing(pattern: string): (text: string, value: string) => string {
  const literal = (found: string, value: string) => found.split(pattern).join(value);
  if (!SPECIAL.test(pattern) || EXPLODES.test(pattern)) return literal;
  try {
    const expression = new RegExp(pattern, "g");
    return (found, value) => (found.includes(pattern) ? literal(found, value) : found.replace(expression, () => value));
  } catch {
    return literal;
  }
}

/** `properties` of a widget, with the chosen values put in; those not chosen change nothing. */
export function applied(
  properties: Record<string, unknown>,
  variables: Variable[],
  chosen: Record<string, string>,
): Record<string, unknown> {
  let now: unknown = properties;
  for (const variable of variables) {
    const value = chosen[variable.id];
    if (!value) continue;
    if (variable.type === "property") now = withProperty(now, variable.of, value);
    else {
      const replace = replacing(variable.of);
      now = mapped(now, (found) => replace(found, value));
    }
  }
  return now as Record<string, unknown>;
}

/** Deepest nesting of a dashboard body that is looked at. */
const DEPTH_MAX = 12;

function mapped(value: unknown, change: (text: string) => string, depth = 0): unknown {
  if (typeof value === "string") return change(value);
  if (depth > DEPTH_MAX || !value || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((one) => mapped(one, change, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapped(one, change, depth + 1)]));
}

function withProperty(value: unknown, name: string, chosen: string, depth = 0): unknown {
  if (depth > DEPTH_MAX || !value || typeof value !== "object") return value;
  if (Array.isArray(value)) {
    // A row of metrics: namespace, name, then dimensions in pairs.
    const isRow = typeof value[0] === "string";
    return value.map((one, i) =>
      isRow && i >= 3 && i % 2 === 1 && value[i - 1] === name && typeof one === "string"
        ? chosen
        : withProperty(one, name, chosen, depth + 1),
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      key === name && (typeof one === "string" || typeof one === "number")
        ? typeof one === "number" && Number.isFinite(Number(chosen))
          ? Number(chosen)
          : chosen
        : withProperty(one, name, chosen, depth + 1),
    ]),
  );
}
