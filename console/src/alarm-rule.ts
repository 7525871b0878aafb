// The rule of a composite alarm: read into a tree, and what it comes to now. The server decides; this draws, and tells mistakes while
// one writes.

export type Rule =
  | { kind: "and" | "or"; of: Rule[] }
  | { kind: "not"; of: Rule }
  | { kind: "state"; state: string; alarm: string }
  | { kind: "constant"; value: boolean }
  | { kind: "atLeast"; count: string; not: boolean; state: string; alarms: string[] };

export class RuleMistake extends Error {
  constructor(
    message: string,
    /** In characters from the beginning. */
    readonly at: number,
  ) {
    super(message);
  }
}

const STATES = ["ALARM", "OK", "INSUFFICIENT_DATA"];
/** As the server's: longer rules and deeper ones are none. */
const CHARS_MAX = 10_240;
const DEPTH_MAX = 100;

interface Token {
  text: string;
  at: number;
  isName: boolean;
}

function tokens(text: string): Token[] {
  const all: Token[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([(),])|([^\s(),"']+))/gy;
  let end = 0;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    end = pattern.lastIndex;
    const [whole, quoted, single, mark, bare] = match;
    const at = match.index + (whole.length - whole.trimStart().length);
    if (quoted !== undefined) all.push({ text: quoted.replace(/\\(.)/g, "$1"), at, isName: true });
    else if (single !== undefined) all.push({ text: single, at, isName: true });
    else all.push({ text: mark ?? bare ?? "", at, isName: false });
  }
  if (text.slice(end).trim()) throw new RuleMistake("A quote does not end.", end);
  return all;
}

/** The name in an ARN of an alarm, or the name itself. */
const nameOf = (reference: string) => reference.split(":alarm:").at(-1) ?? reference;

export function parseRule(text: string): Rule {
  if (text.length > CHARS_MAX) throw new RuleMistake(`A rule has at most ${CHARS_MAX} characters.`, CHARS_MAX);
  const all = tokens(text);
  let next = 0;
  const here = () => all[next]?.at ?? text.length;
  const is = (word: string) => !!all[next] && !all[next]!.isName && all[next]!.text.toUpperCase() === word;
  const take = (word: string) => {
    if (!is(word)) throw new RuleMistake(`Expected ${word}.`, here());
    next += 1;
  };
  const name = (): string => {
    const token = all[next];
    if (!token || (!token.isName && /^[(),]$/.test(token.text))) throw new RuleMistake("Expected the name of an alarm.", here());
    next += 1;
    return nameOf(token.text);
  };
  const state = (): string => {
    const found = STATES.find(is);
    if (!found) throw new RuleMistake("Expected ALARM, OK or INSUFFICIENT_DATA.", here());
    next += 1;
    return found;
  };
  const chain = (word: "AND" | "OR", one: () => Rule): Rule => {
    const of = [one()];
    while (is(word)) {
      next += 1;
      of.push(one());
    }
    return of.length === 1 ? of[0]! : { kind: word === "AND" ? "and" : "or", of };
  };
  const or = (depth: number): Rule => chain("OR", () => chain("AND", () => not(depth)));
  const not = (depth: number): Rule => {
    if (depth > DEPTH_MAX) throw new RuleMistake("Parentheses nest too deeply.", here());
    if (!is("NOT")) return term(depth);
    next += 1;
    return { kind: "not", of: not(depth + 1) };
  };
  const term = (depth: number): Rule => {
    if (is("(")) {
      next += 1;
      const inner = or(depth + 1);
      take(")");
      return inner;
    }
    if (is("TRUE") || is("FALSE")) {
      const value = is("TRUE");
      next += 1;
      return { kind: "constant", value };
    }
    if (is("AT_LEAST")) return atLeast();
    if (!STATES.some(is)) throw new RuleMistake("Expected ALARM(…), OK(…), INSUFFICIENT_DATA(…), NOT, TRUE or FALSE.", here());
    const of = state();
    take("(");
    const alarm = name();
    take(")");
    return { kind: "state", state: of, alarm };
  };
  const atLeast = (): Rule => {
    next += 1;
    take("(");
    const count = all[next]?.text ?? "";
    if (!/^\d+%?$/.test(count)) throw new RuleMistake("Expected how many, such as 2 or 50%.", here());
    next += 1;
    take(",");
    const isNot = is("NOT");
    if (isNot) next += 1;
    const of = state();
    take(",");
    take("(");
    const alarms = [name()];
    while (is(",")) {
      next += 1;
      alarms.push(name());
    }
    take(")");
    take(")");
    return { kind: "atLeast", count, not: isNot, state: of, alarms };
  };
  if (!all.length) throw new RuleMistake("Name at least one alarm.", 0);
  const rule = or(0);
  if (next < all.length) throw new RuleMistake("Expected AND, OR or the end.", here());
  return rule;
}

/** True, false, or undefined where an alarm is not known. */
export function holds(rule: Rule, stateOf: (alarm: string) => string | undefined): boolean | undefined {
  switch (rule.kind) {
    case "constant":
      return rule.value;
    case "state": {
      const now = stateOf(rule.alarm);
      return now === undefined ? undefined : now === rule.state;
    }
    case "not": {
      const inner = holds(rule.of, stateOf);
      return inner === undefined ? undefined : !inner;
    }
    case "atLeast": {
      const states = rule.alarms.map(stateOf);
      if (states.some((now) => now === undefined)) return undefined;
      const found = states.filter((now) => (now === rule.state) !== rule.not).length;
      const wanted = rule.count.endsWith("%")
        ? Math.ceil((Number.parseInt(rule.count, 10) / 100) * rule.alarms.length)
        : Number.parseInt(rule.count, 10);
      return found >= wanted;
    }
    default: {
      const all = rule.of.map((one) => holds(one, stateOf));
      const decides = rule.kind === "or";
      if (all.includes(decides)) return decides;
      return all.includes(undefined) ? undefined : !decides;
    }
  }
}

export function alarmsOf(rule: Rule): string[] {
  const named = (one: Rule): string[] => {
    if (one.kind === "state") return [one.alarm];
    if (one.kind === "atLeast") return one.alarms;
    if (one.kind === "not") return named(one.of);
    return one.kind === "constant" ? [] : one.of.flatMap(named);
  };
  return [...new Set(named(rule))];
}

/** A reference to an alarm, quoted. */
export const quoted = (name: string) => `"${name.replace(/["\\]/g, "\\$&")}"`;
