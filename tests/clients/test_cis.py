"""The CIS AWS Foundations benchmark's monitoring controls, all of one way: CloudTrail record, log group, metric filter, alarm, notification.

Trailwatch's own calls come by a trail. Records of services that it does not serve are put into the trail's group as a forwarder would."""

import json
import time

from test_sns import Receiver, subscribed
from trailwatch import wait_until

#: Longest wait for all alarms and their notifications, seconds. Alarms of a minute are looked at every minute.
RAISED = 150

CALLS = {
    # What is watched for, by the benchmark's numbers: event names, and the source where a name alone would say too little.
    "3.4-iam-policy": (None, ["DeleteGroupPolicy", "DeleteRolePolicy", "PutUserPolicy", "AttachRolePolicy", "DetachGroupPolicy"]),
    "3.5-cloudtrail": (None, ["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"]),
    "3.7-cmk": ("kms.amazonaws.com", ["DisableKey", "ScheduleKeyDeletion"]),
    "3.8-bucket-policy": ("s3.amazonaws.com", ["PutBucketAcl", "PutBucketPolicy", "DeleteBucketPolicy", "PutBucketCors"]),
    "3.9-config": ("config.amazonaws.com", ["StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel"]),
    "3.10-security-group": (None, ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupEgress", "CreateSecurityGroup"]),
    "3.11-nacl": (None, ["CreateNetworkAcl", "DeleteNetworkAclEntry", "ReplaceNetworkAclAssociation"]),
    "3.12-gateway": (None, ["CreateCustomerGateway", "AttachInternetGateway", "DetachInternetGateway"]),
    "3.13-route-table": (None, ["CreateRoute", "ReplaceRoute", "DeleteRouteTable", "DisassociateRouteTable"]),
    "3.14-vpc": (None, ["CreateVpc", "DeleteVpc", "AcceptVpcPeeringConnection", "EnableVpcClassicLink"]),
    "3.15-organizations": ("organizations.amazonaws.com", ["AcceptHandshake", "LeaveOrganization", "DetachPolicy"]),
}


def pattern(source, names):
    """A filter pattern that takes these events."""
    any_name = " || ".join(f"($.eventName = {name})" for name in names)
    return f"{{ ($.eventSource = {source}) && ({any_name}) }}" if source else f"{{ {any_name} }}"


def record(name, source="ec2.amazonaws.com", **members):
    """A CloudTrail record."""
    return {
        "eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "userName": "eve", "accountId": "123456789012"},
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "eventSource": source, "eventName": name,
        "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.7", "eventType": "AwsApiCall", **members,
    }


CONTROLS = {name: pattern(*what) for name, what in CALLS.items()} | {
    "3.1-unauthorized": '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',
    "3.2-no-mfa": '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.responseElements.ConsoleLogin = "Success") }',
    "3.3-root": '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" && $.eventName = "CreateAccessKey" }',
    "3.6-console-failure": '{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }',
}

RECORDS = {name: record(names[-1], source or "ec2.amazonaws.com") for name, (source, names) in CALLS.items() if name != "3.5-cloudtrail"} | {
    "3.1-unauthorized": record("RunInstances", errorCode="Client.UnauthorizedOperation"),
    "3.2-no-mfa": record("ConsoleLogin", "signin.amazonaws.com", additionalEventData={"MFAUsed": "No"}, responseElements={"ConsoleLogin": "Success"}),
    "3.3-root": record("CreateAccessKey", "iam.amazonaws.com", userIdentity={"type": "Root", "accountId": "123456789012"}),
    "3.6-console-failure": record("ConsoleLogin", "signin.amazonaws.com", errorMessage="Failed authentication", additionalEventData={"MFAUsed": "No"}),
}


def test_fifteen_controls_reach_a_web_server(make_server, tmp_path):
    config = tmp_path / "trailwatch.toml"
    config.write_text(f"[notify]\nallow_private = true\n[buckets]\naudit = '{tmp_path / 'audit'}'\n")
    server = make_server("data", "--config", config).start()
    logs, cloudtrail, cloudwatch = (server.client(name) for name in ("logs", "cloudtrail", "cloudwatch"))
    receiver = Receiver()
    try:
        topic = server.client("sns").create_topic(Name="cis")["TopicArn"]
        subscribed(server, receiver, topic)
        logs.create_log_group(logGroupName="/cis")
        logs.create_log_stream(logGroupName="/cis", logStreamName="forwarded")
        arn = logs.describe_log_groups(logGroupNamePrefix="/cis")["logGroups"][0]["arn"]
        role = "arn:aws:iam::123456789012:role/CloudTrailToLogs"
        cloudtrail.create_trail(Name="cis", S3BucketName="audit", CloudWatchLogsLogGroupArn=arn, CloudWatchLogsRoleArn=role)
        cloudtrail.start_logging(Name="cis")
        assert len(CONTROLS) == 15
        for name, filter_pattern in CONTROLS.items():
            metric = {"metricName": name, "metricNamespace": "CIS", "metricValue": "1"}
            logs.put_metric_filter(logGroupName="/cis", filterName=name, filterPattern=filter_pattern, metricTransformations=[metric])
            cloudwatch.put_metric_alarm(
                AlarmName=name, Namespace="CIS", MetricName=name, Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
                ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching", AlarmActions=[topic],
            )
        quiet = [record("DescribeInstances"), record("ConsoleLogin", "signin.amazonaws.com", additionalEventData={"MFAUsed": "Yes"})]
        at = int(time.time() * 1000)
        events = [{"timestamp": at, "message": json.dumps(each)} for each in [*RECORDS.values(), *quiet]]
        logs.put_log_events(logGroupName="/cis", logStreamName="forwarded", logEvents=events)
        # The one control whose events are Trailwatch's own.
        cloudtrail.update_trail(Name="cis", S3KeyPrefix="changed")

        told = {}

        def all_told():
            while not receiver.received.empty():
                _, _, body = receiver.next()
                alarm = json.loads(json.loads(body)["Message"])
                told.setdefault(alarm["AlarmName"], []).append(alarm)
            return len(told) == len(CONTROLS)

        wait_until(all_told, RAISED, f"each control's notification; so far {sorted(told)}")
        assert sorted(told) == sorted(CONTROLS)
        for name, alarms in told.items():
            assert [alarm["NewStateValue"] for alarm in alarms] == ["ALARM"], name
            assert alarms[0]["Trigger"]["MetricName"] == name
        counts = {
            name: sum(
                point["Sum"]
                for point in cloudwatch.get_metric_statistics(
                    Namespace="CIS", MetricName=name, StartTime=at / 1000 - 300, EndTime=at / 1000 + 300, Period=60, Statistics=["Sum"]
                )["Datapoints"]
            )
            for name in CONTROLS
        }
        assert counts == {name: 1 for name in CONTROLS}, "each control counts its own event and no other"
    finally:
        receiver.close()
