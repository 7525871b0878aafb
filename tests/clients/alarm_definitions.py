"""Alarm definitions of Terraform and CloudFormation, translated to what PutMetricAlarm takes. Whatever depends on variables gets a plausible value."""

import json
import re

#: What stands for a value that only the definition's own variables could tell, by the name of the attribute.
PLACEHOLDERS = {
    "alarm_name": "alarm", "comparison_operator": "GreaterThanThreshold", "evaluation_periods": 1, "period": 60, "threshold": 1, "datapoints_to_alarm": 1,
    "statistic": "Average", "stat": "Average", "metric_name": "M", "namespace": "N", "expression": "m1", "id": "m1", "return_data": True, "unit": "Count",
    "treat_missing_data": "missing", "evaluate_low_sample_count_percentiles": "evaluate", "actions_enabled": True, "extended_statistic": "p90",
}
ACTIONS = ("alarm_actions", "ok_actions", "insufficient_data_actions")
TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"


class Untranslatable(Exception):
    """The definition does not say enough without the program that it is part of."""


TOKEN = re.compile(r'\s+|(?:#|//)[^\n]*|/\*.*?\*/|<<[-~]?(?P<heredoc>\w+)\n(?P<text>.*?)\n\s*(?P=heredoc)\b|(?P<string>"(?:\$\{(?:[^{}"]|"[^"]*"|\{[^{}]*\})*\}|\\.|[^"\\])*")|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|(?P<word>[A-Za-z_][\w-]*)|(?P<sign>=>|==|!=|<=|>=|&&|\|\||[-{}\[\]()=,:.?!<>*+/%|&])', re.S)


def tokens(text):
    at, found = 0, []
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Untranslatable(f"what is {text[at:at + 20]!r}")
        at = match.end()
        for kind in ("string", "number", "word", "sign"):
            if match.group(kind) is not None:
                found.append((kind, match.group(kind)))
        if match.group("heredoc"):
            found.append(("string", json.dumps(match.group("text"))))
    return found


class Hcl:
    """Reads the body of one block: attributes, and blocks by name."""

    def __init__(self, text):
        self.tokens, self.at = tokens(text), 0

    def peek(self, offset=0):
        return self.tokens[self.at + offset] if self.at + offset < len(self.tokens) else ("end", "")

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def body(self):
        attributes, blocks = {}, []
        while self.peek()[1] not in ("}", ""):
            _, name = self.take()
            labels = []
            while self.peek()[0] in ("string", "word") and self.peek()[1] != "=":
                labels.append(self.take()[1].strip('"'))
            if self.peek()[1] == "{":
                self.take()
                blocks.append((name, labels, self.body()))
                self.take()
            elif self.peek()[1] in ("=", ":"):
                self.take()
                attributes[name] = self.expression(name)
            else:
                raise Untranslatable(f"after {name}")
        return attributes, blocks

    def expression(self, name):
        """A literal, or the placeholder when anything has to be computed."""
        start = self.at
        value = self.literal(name)
        if value is not None and self.ends():
            return value
        self.at = start
        depth = 0
        while True:
            kind, text = self.peek()
            if kind == "end" or (depth == 0 and (text in ("}", "]", ",") or (self.at > start and self.begins()))):
                return PLACEHOLDERS.get(name, "x")
            depth += (text in "([{") - (text in ")]}") if kind == "sign" else 0
            self.take()

    def ends(self):
        return self.peek()[1] in ("}", "]", ",", "") or self.begins()

    def begins(self):
        """True where an attribute or a block begins."""
        if self.tokens[self.at - 1][1] in (".", "?", ":", "(", "[", "==", "!=", "&&", "||", "+", "-", "*", "/"):
            return False
        (kind, _), (_, after) = self.peek(), self.peek(1)
        return kind in ("word", "string") and after in ("=", "{")

    def literal(self, name):
        kind, text = self.peek()
        if kind == "string":
            self.take()
            value = re.sub(r"\$\{.*?\}|\{\{.*?\}\}", "x", json.loads(text.replace("\n", "\\n").replace("\\$", "$")))
            return PLACEHOLDERS.get(name, value) if value == "x" else value
        if kind == "number":
            self.take()
            return float(text) if "." in text else int(text)
        if text in ("true", "false"):
            self.take()
            return text == "true"
        if text == "[":
            self.take()
            items = []
            while self.peek()[1] != "]":
                items.append(self.expression(name))
                if self.peek()[1] == ",":
                    self.take()
                if self.peek()[0] == "end":
                    raise Untranslatable("a list without end")
            self.take()
            return items
        if text == "{":
            self.take()
            pairs = {}
            while self.peek()[1] != "}":
                if self.peek()[1] in ("for", ""):
                    raise Untranslatable("a map that is computed")
                key = self.take()[1].strip('"')
                if self.take()[1] not in ("=", ":"):
                    raise Untranslatable("a key that is computed")
                pairs[key] = self.expression("value")
                if self.peek()[1] == ",":
                    self.take()
            self.take()
            return pairs
        return None


def dimensions(value):
    pairs = value.items() if isinstance(value, dict) else []
    return [{"Name": re.sub(r"[^ -~]|\W", "", key) or "D", "Value": str(text) or "x"} for key, text in pairs]


def number(value):
    return float(value) if isinstance(value, str) else value


def of_terraform(text):
    opened = text.index("{", text.index("resource")) + 1
    attributes, blocks = Hcl(text[opened:text.rindex("}")]).body()
    if not attributes and not blocks:
        raise Untranslatable("all of it is commented out")
    if any(name == "dynamic" for name, _, _ in blocks):
        raise Untranslatable("blocks that are computed")
    alarm = {"AlarmName": "alarm"}
    names = {"comparison_operator": "ComparisonOperator", "evaluation_periods": "EvaluationPeriods", "metric_name": "MetricName", "namespace": "Namespace",
             "period": "Period", "statistic": "Statistic", "threshold": "Threshold", "datapoints_to_alarm": "DatapointsToAlarm", "unit": "Unit",
             "treat_missing_data": "TreatMissingData", "extended_statistic": "ExtendedStatistic", "threshold_metric_id": "ThresholdMetricId",
             "evaluate_low_sample_count_percentiles": "EvaluateLowSampleCountPercentile", "alarm_description": "AlarmDescription"}
    for name, key in names.items():
        if name in attributes:
            alarm[key] = attributes[name]
    if "dimensions" in attributes:
        alarm["Dimensions"] = dimensions(attributes["dimensions"])
    alarm["AlarmActions"] = [TOPIC] if attributes.get("alarm_actions") else []
    queries = []
    for _, _, (fields, inner) in (block for block in blocks if block[0] == "metric_query"):
        query = {"Id": fields["id"], "ReturnData": fields.get("return_data") in (True, "true")}
        query.update({key: fields[name] for name, key in (("expression", "Expression"), ("label", "Label")) if name in fields})
        if "period" in fields:
            query["Period"] = int(fields["period"])
        for _, _, (metric, _) in (block for block in inner if block[0] == "metric"):
            stat = {"Metric": {"Namespace": metric.get("namespace", "N"), "MetricName": metric["metric_name"], "Dimensions": dimensions(metric.get("dimensions"))},
                    "Period": int(metric.get("period", 60)), "Stat": metric.get("stat", "Average")}
            if "unit" in metric:
                stat["Unit"] = metric["unit"]
            query["MetricStat"] = stat
        queries.append(query)
    if queries:
        alarm["Metrics"] = queries
    return typed(alarm)


def plain(value):
    """Intrinsic functions become text."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).split("::")[0] in ("Ref", "Fn", "!Ref", "!Sub"):
        (inner,) = value.values()
        return re.sub(r"\$\{.*?\}", "x", inner) if isinstance(inner, str) and "Sub" in next(iter(value)) else "x"
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def of_cloudformation(definition):
    alarm = plain(definition)
    for actions in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        if actions in alarm:
            alarm[actions] = [TOPIC] if alarm[actions] else []
    for drop in ("Tags", "DeletionPolicy"):
        alarm.pop(drop, None)
    alarm["AlarmName"] = "alarm"
    snake = {"EvaluationPeriods": 1, "Period": 60, "Threshold": 1, "DatapointsToAlarm": 1}
    for key, fallback in snake.items():
        if alarm.get(key) == "x":
            alarm[key] = fallback
    for key in ("ComparisonOperator", "Statistic", "Unit", "TreatMissingData", "ExtendedStatistic"):
        if alarm.get(key) == "x":
            alarm.pop(key)
    for dimension in alarm.get("Dimensions") or []:
        # The text of a reference that the file's reader left out.
        dimension["Value"] = dimension.get("Value") or "x"
    for query in alarm.get("Metrics", []) if isinstance(alarm.get("Metrics"), list) else []:
        stat = query.get("MetricStat")
        if stat:
            stat["Period"] = int(stat["Period"]) if str(stat.get("Period")).isdigit() else 60
        if "Period" in query:
            query["Period"] = int(query["Period"]) if str(query["Period"]).isdigit() else 60
        if "ReturnData" in query:
            query["ReturnData"] = query["ReturnData"] in (True, "true", "True")
    return typed(alarm)


def typed(alarm):
    for key in ("EvaluationPeriods", "Period", "DatapointsToAlarm"):
        if key in alarm:
            alarm[key] = int(float(alarm[key]))
    if "Threshold" in alarm:
        alarm["Threshold"] = float(alarm["Threshold"])
    if "AlarmDescription" in alarm:
        alarm["AlarmDescription"] = str(alarm["AlarmDescription"])[:1024]
    if alarm.get("ActionsEnabled") is not None:
        alarm["ActionsEnabled"] = alarm["ActionsEnabled"] in (True, "true", "True")
    return alarm


def translated(definition):
    """What PutMetricAlarm takes."""
    try:
        body = definition["definition"]
        if definition["kind"] == "tf":
            return of_terraform(body)
        return of_cloudformation(json.loads(body) if isinstance(body, str) else body)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise Untranslatable(repr(error)) from error
