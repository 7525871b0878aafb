"""Alarm definitions from the field (Terraform, CloudFormation): those that AWS would take are taken and evaluated."""

import json

import pytest
from alarm_definitions import Untranslatable, translated
from botocore.exceptions import ClientError, ParamValidationError
from trailwatch import Paths, wait_until

DEFINITIONS = Paths.shared() / "data" / "alarm-definitions.json"

#: What the translated definitions are refused for, as on AWS: modules that set everything a caller may choose between, and a variable within an expression.
REFUSED_BY_AWS = ("Statistic and ExtendedStatistic cannot both be set", "EvaluateLowSampleCountPercentile can only be set for alarms based on percentiles", "Unresolved id 'x'")


@pytest.mark.skipif(not DEFINITIONS.exists(), reason="../shared is not here")
def test_definitions_from_the_field(cloudwatch):
    definitions = json.loads(DEFINITIONS.read_text())
    taken, refused, untranslatable = [], {}, []
    for number, definition in enumerate(definitions):
        try:
            alarm = {**translated(definition), "AlarmName": f"field-{number}"}
            cloudwatch.put_metric_alarm(**alarm)
            taken.append(alarm["AlarmName"])
        except Untranslatable:
            untranslatable.append(number)
        except ParamValidationError as error:
            refused[number] = f"failed to satisfy constraint: {error}"
        except ClientError as error:
            refused[number] = error.response["Error"]["Message"]
    odd = {number: message for number, message in refused.items() if not any(words in message for words in REFUSED_BY_AWS)}
    assert not odd, odd
    # Those that are commented out, and one that is computed whole.
    assert len(untranslatable) <= 40, untranslatable
    assert len(refused) <= 5, refused
    assert len(taken) + len(refused) + len(untranslatable) == len(definitions)

    def unchecked():
        pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix="field-", AlarmTypes=["MetricAlarm"])
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"] if alarm["StateReason"].startswith("Unchecked") and alarm.get("EvaluationState")]

    # Without data there is nothing to say; what cannot be evaluated would say so.
    wait_until(lambda: cloudwatch.describe_alarms(AlarmNames=taken[:1])["MetricAlarms"], 10, "alarms are listed")
    assert unchecked() == []
