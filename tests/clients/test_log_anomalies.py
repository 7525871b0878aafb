"""Log anomaly detectors with boto3: made, changed, tagged and deleted, and what is refused."""

import pytest
from botocore.exceptions import ClientError

GROUP = "/anomalies"


@pytest.fixture
def group(logs):
    logs.create_log_group(logGroupName=GROUP)
    yield logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]["logGroupArn"]
    logs.delete_log_group(logGroupName=GROUP)


def test_a_detector_from_its_making_to_its_end(logs, group):
    made = logs.create_log_anomaly_detector(
        logGroupArnList=[group],
        detectorName="errors",
        evaluationFrequency="ONE_MIN",
        filterPattern="ERROR",
        anomalyVisibilityTime=30,
        tags={"team": "a"},
    )
    arn = made["anomalyDetectorArn"]
    shown = logs.get_log_anomaly_detector(anomalyDetectorArn=arn)
    assert (shown["detectorName"], shown["logGroupArnList"], shown["evaluationFrequency"]) == ("errors", [group], "ONE_MIN")
    assert (shown["filterPattern"], shown["anomalyVisibilityTime"]) == ("ERROR", 30)
    assert shown["anomalyDetectorStatus"] == "INITIALIZING"
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "a"}
    logs.tag_resource(resourceArn=arn, tags={"stage": "b"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "a", "stage": "b"}

    logs.update_log_anomaly_detector(anomalyDetectorArn=arn, enabled=False, evaluationFrequency="ONE_HOUR")
    shown = logs.get_log_anomaly_detector(anomalyDetectorArn=arn)
    assert (shown["anomalyDetectorStatus"], shown["evaluationFrequency"]) == ("PAUSED", "ONE_HOUR")

    second = logs.create_log_anomaly_detector(logGroupArnList=[group])["anomalyDetectorArn"]
    pages = logs.get_paginator("list_log_anomaly_detectors").paginate(
        filterLogGroupArn=group, PaginationConfig={"PageSize": 1}
    )
    listed = [detector for page in pages for detector in page["anomalyDetectors"]]
    assert {detector["anomalyDetectorArn"] for detector in listed} == {arn, second}
    assert logs.list_anomalies(anomalyDetectorArn=arn)["anomalies"] == []

    logs.delete_log_anomaly_detector(anomalyDetectorArn=arn)
    with pytest.raises(ClientError) as gone:
        logs.get_log_anomaly_detector(anomalyDetectorArn=arn)
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_detector_goes_with_its_group(logs):
    logs.create_log_group(logGroupName="/anomalies/gone")
    group = logs.describe_log_groups(logGroupNamePrefix="/anomalies/gone")["logGroups"][0]["logGroupArn"]
    arn = logs.create_log_anomaly_detector(logGroupArnList=[group])["anomalyDetectorArn"]
    logs.delete_log_group(logGroupName="/anomalies/gone")
    assert arn not in [d["anomalyDetectorArn"] for d in logs.list_log_anomaly_detectors()["anomalyDetectors"]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"logGroupArnList": []}, "InvalidParameterException"),
        ({"logGroupArnList": ["arn:aws:logs:us-east-1:123456789012:log-group:/absent"]}, "ResourceNotFoundException"),
        ({"filterPattern": "{ $.a = "}, "InvalidParameterException"),
        ({"anomalyVisibilityTime": 91}, "InvalidParameterException"),
        ({"evaluationFrequency": "TWO_MIN"}, "InvalidParameterException"),
    ],
)
def test_wrong_detectors_are_refused(logs, group, change, code):
    with pytest.raises(ClientError) as refused:
        logs.create_log_anomaly_detector(**{"logGroupArnList": [group], **change})
    assert refused.value.response["Error"]["Code"] == code


def test_an_anomaly_that_is_not_there_cannot_be_suppressed(logs, group):
    arn = logs.create_log_anomaly_detector(logGroupArnList=[group])["anomalyDetectorArn"]
    with pytest.raises(ClientError) as refused:
        logs.update_anomaly(anomalyDetectorArn=arn, patternId="0" * 32, suppressionType="INFINITE")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
