"""Alarm definitions from the field (Terraform, CloudFormation): those that AWS would take are taken and evaluated."""

import json

import pytest
from alarm_definitions import Untranslatable, translated
from botocore.exceptions import ClientError, ParamValidationError
from trailwatch import Paths, wait_until

DEFINITIONS = Paths.shared() / "data" / "alarm-definitions.json"

#: What AWS refuses too, by the words of the refusal: mistakes of the definitions, or of values that only their variables could tell.
REFUSED_BY_AWS = (
    "Statistic", "MetricName must not be null", "Namespace must not be null", "Period must not be null", "Threshold must not be null", "must be 10, 20, 30 or a multiple of 60",
    "DatapointsToAlarm must be less", "Metrics cannot be checked across more than", "failed to satisfy constraint", "should return data", "Unresolved id", "are not unique",
    "can only be used with", "should not be set if list of Metrics is set", "EvaluateLowSampleCountPercentile can only be set", "must have length", "is not matching the expected pattern",
    "Period", "ThresholdMetricId", "Dimensions", "Invalid syntax", "TreatMissingData", "must be specified", "Function '",
)


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
    assert len(untranslatable) <= 5, untranslatable
    assert len(taken) >= 0.9 * len(definitions), (len(taken), refused)

    def unchecked():
        pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix="field-", AlarmTypes=["MetricAlarm"])
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"] if alarm["StateReason"].startswith("Unchecked") and alarm.get("EvaluationState")]

    # Without data there is nothing to say; what cannot be evaluated would say so.
    wait_until(lambda: cloudwatch.describe_alarms(AlarmNames=taken[:1])["MetricAlarms"], 10, "alarms are listed")
    assert unchecked() == []
