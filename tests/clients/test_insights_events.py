"""CloudTrail Insights, aggregated events and event configurations with boto3; results of Lake queries as signed files."""

import csv
import gzip
import hashlib
import io
import json
import os
import time

import pytest
import rsa
from botocore.exceptions import ClientError
from trailwatch import run, wait_until

#: Longest wait for what the server does by itself, seconds; periods of these tests are of a second.
ARRIVES = 90
CONFIG = """
[trail]
delivery_interval = '1s'
insights_period = '1s'
insights_baseline = '70s'
insights_training = '2s'
aggregation_window = '2s'
"""


@pytest.fixture
def server(make_server, tmp_path):
    config = tmp_path / "trailwatch.toml"
    config.write_text(CONFIG)
    return make_server("data", "--config", config).start()


def records(server, kind):
    """Records in the files of a kind, of the bucket `audit`."""
    folder = server.data_dir / "buckets" / "audit" / "AWSLogs" / "123456789012" / kind
    files = [path for path in folder.rglob("*.json.gz") if not any(part.startswith(".") for part in path.parts[-6:])]
    return [record for path in files for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def refused(code, function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    assert raised.value.response["Error"]["Code"] == code
    return raised.value.response["Error"]["Message"]


def insights(cloudtrail):
    pages = cloudtrail.get_paginator("lookup_events").paginate(EventCategory="insight")
    found = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
    return [record for record in found if record["insightDetails"]["eventName"] == "CreateLogGroup"]


class Bursts:
    """Calls that come more often each time, with pauses between: whenever Insights began to look, one is unusual."""

    def __init__(self, logs):
        self.logs, self.times, self.again = logs, 3, 0.0

    def __call__(self):
        if time.monotonic() < self.again:
            return
        self.times *= 3
        for _ in range(self.times):
            try:
                self.logs.create_log_group(logGroupName="same")
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ResourceAlreadyExistsException"
        self.again = time.monotonic() + 8


def test_bursts_of_calls_and_errors_begin_and_end_once(server):
    cloudtrail, logs = server.client("cloudtrail"), server.client("logs")
    server.client("s3").create_bucket(Bucket="audit")
    logs.create_log_group(logGroupName="trail")
    arn = logs.describe_log_groups(logGroupNamePrefix="trail")["logGroups"][0]["arn"]
    cloudtrail.create_trail(
        Name="insights", S3BucketName="audit", CloudWatchLogsLogGroupArn=arn, CloudWatchLogsRoleArn="arn:aws:iam::123456789012:role/r"
    )
    text = refused("InsightNotEnabledException", cloudtrail.get_insight_selectors, TrailName="insights")
    assert "does not have Insights enabled" in text
    both = [{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}]
    cloudtrail.put_insight_selectors(TrailName="insights", InsightSelectors=both)
    assert cloudtrail.get_insight_selectors(TrailName="insights")["InsightSelectors"] == both
    assert cloudtrail.get_trail(Name="insights")["Trail"]["HasInsightSelectors"] is True
    cloudtrail.start_logging(Name="insights")
    burst = Bursts(logs)

    def begun():
        burst()
        kinds = {record["insightDetails"]["insightType"] for record in insights(cloudtrail)}
        return kinds == {"ApiCallRateInsight", "ApiErrorRateInsight"}

    wait_until(begun, ARRIVES, "Insights on calls and errors")
    server.kill()
    server.start()
    cloudtrail, logs = server.client("cloudtrail"), server.client("logs")

    def ended():
        found = insights(cloudtrail)
        states = {}
        for record in found:
            states.setdefault(record["sharedEventID"], []).append(record["insightDetails"]["state"])
        is_over = all(sorted(of) == ["End", "Start"] for of in states.values())
        return found if is_over else None

    found = wait_until(ended, ARRIVES, "the end of all Insights")
    for record in found:
        details = record["insightDetails"]
        statistics = details["insightContext"]["statistics"]
        assert statistics["insight"]["average"] > statistics["baseline"]["average"]
        attribution = details["insightContext"]["attributions"][0]
        assert attribution["attribute"] == "userIdentityArn"
        assert attribution["insight"][0]["value"] == "arn:aws:iam::123456789012:root"
        is_error = details["insightType"] == "ApiErrorRateInsight"
        assert details.get("errorCode") == ("ResourceAlreadyExistsException" if is_error else None)
    wanted = sorted(record["eventID"] for record in found)

    def delivered():
        of = [record for record in records(server, "CloudTrail-Insight") if record["insightDetails"]["eventName"] == "CreateLogGroup"]
        return sorted(record["eventID"] for record in of) == wanted

    wait_until(delivered, ARRIVES, "files of Insights, each event once")
    listed = cloudtrail.list_insights_data(
        InsightSource=cloudtrail.get_trail(Name="insights")["Trail"]["TrailARN"], DataType="InsightsEvents",
        Dimensions={"EventName": "CreateLogGroup"},
    )
    assert sorted(event["EventId"] for event in listed["Events"]) == wanted
    lines = logs.filter_log_events(logGroupName="trail", filterPattern='{ $.eventType = "AwsCloudTrailInsight" && $.insightDetails.eventName = "CreateLogGroup" }')
    assert sorted(json.loads(line["message"])["eventID"] for line in lines["events"]) == wanted
    assert {line["logStreamName"] for line in lines["events"]} == {"123456789012_CloudTrail-Insight_us-east-1"}
    rates = cloudtrail.list_insights_metric_data(
        EventSource="logs.amazonaws.com", EventName="CreateLogGroup", InsightType="ApiErrorRateInsight",
        ErrorCode="ResourceAlreadyExistsException", Period=60,
    )
    assert len(rates["Timestamps"]) == len(rates["Values"]) > 0 and min(rates["Values"]) > 0


def test_data_events_are_summarised(server):
    cloudtrail, logs = server.client("cloudtrail"), server.client("logs")
    server.client("s3").create_bucket(Bucket="audit")
    logs.create_log_group(logGroupName="busy")
    logs.create_log_stream(logGroupName="busy", logStreamName="s")
    cloudtrail.create_trail(Name="data", S3BucketName="audit")
    fields = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::Logs::LogGroup"]}]
    cloudtrail.put_event_selectors(TrailName="data", AdvancedEventSelectors=[{"FieldSelectors": fields}])
    aggregation = [{"EventCategory": "Data", "Templates": ["API_ACTIVITY", "RESOURCE_ACCESS"]}]
    cloudtrail.put_event_configuration(TrailName="data", AggregationConfigurations=aggregation)
    assert cloudtrail.get_event_configuration(TrailName="data")["AggregationConfigurations"] == aggregation
    cloudtrail.start_logging(Name="data")

    def summarised():
        now = int(time.time() * 1000)
        logs.put_log_events(logGroupName="busy", logStreamName="s", logEvents=[{"timestamp": now, "message": "m"}])
        return records(server, "CloudTrail-Aggregated")

    found = wait_until(summarised, ARRIVES, "aggregated events")
    by = {record["summary"]["primaryDimension"]["dimension"] for record in found}
    assert by == {"eventName", "resourceARN"}
    for record in found:
        assert (record["eventType"], record["eventSource"]) == ("AwsAggregatedEvent", "logs.amazonaws.com")
        assert record["timeWindow"]["windowSize"] == "PT2S"
        assert record["summary"]["primaryDimension"]["statistics"][0]["value"] > 0


def test_stores_have_sizes_and_context(server):
    cloudtrail, logs = server.client("cloudtrail"), server.client("logs")
    arn = cloudtrail.create_event_data_store(Name="events", TerminationProtectionEnabled=False)["EventDataStoreArn"]
    context = [{"Type": "RequestContext", "Equals": ["aws:PrincipalArn", "aws:RequestedRegion"]}]
    refused("InvalidParameterException", cloudtrail.put_event_configuration, EventDataStore=arn, ContextKeySelectors=context)
    cloudtrail.put_event_configuration(EventDataStore=arn, MaxEventSize="Large", ContextKeySelectors=context)
    assert cloudtrail.get_event_configuration(EventDataStore=arn)["MaxEventSize"] == "Large"
    logs.create_log_group(logGroupName="enriched")
    store = arn.rsplit("/", 1)[1]
    statement = f"SELECT element_at(eventContext.requestContext, 'aws:PrincipalArn') AS who FROM {store} WHERE eventName = 'CreateLogGroup'"
    query = cloudtrail.start_query(QueryStatement=statement)["QueryId"]
    wait_until(lambda: cloudtrail.describe_query(QueryId=query)["QueryStatus"] == "FINISHED", ARRIVES, "the query to end")
    rows = cloudtrail.get_query_results(QueryId=query)["QueryResultRows"]
    assert rows == [[{"who": "arn:aws:iam::123456789012:root"}]]
    event = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}])["Events"][0]
    assert "eventContext" not in json.loads(event["CloudTrailEvent"])


#: An aws cli that has `verify-query-results`: version 2, later than Debian 12's; version 1 does not have it.
AWS_2 = os.environ.get("TRAILWATCH_AWS_2", "/usr/bin/aws")


def has_verify_query_results():
    try:
        return "--s3-bucket" in run([AWS_2, "cloudtrail", "verify-query-results"], env={"PATH": os.environ["PATH"]}).stderr
    except OSError:
        return False


def verify_query_results(server, bucket, prefix):
    """What `aws cloudtrail verify-query-results` does, for where no aws cli has it. True, or why not."""
    s3, cloudtrail = server.client("s3"), server.client("cloudtrail")
    sign_file = json.loads(s3.get_object(Bucket=bucket, Key=prefix + "result_sign.json")["Body"].read())
    for file in sign_file["files"]:
        body = s3.get_object(Bucket=bucket, Key=prefix + file["fileName"])["Body"].read()
        if hashlib.sha256(body).hexdigest() != file["fileHashValue"]:
            return f"File {file['fileName']} has inconsistent hash value"
    complete = sign_file["queryCompleteTime"]
    keys = cloudtrail.list_public_keys(StartTime=complete, EndTime=complete)["PublicKeyList"]
    key = next(key["Value"] for key in keys if key["Fingerprint"] == sign_file["publicKeyFingerprint"])
    text = " ".join(file["fileHashValue"] for file in sign_file["files"])
    try:
        rsa.verify(text.encode(), bytes.fromhex(sign_file["hashSignature"]), rsa.PublicKey.load_pkcs1(key, "DER"))
    except rsa.VerificationError:
        return "Invalid signature in sign file"
    return True


@pytest.mark.skipif(not has_verify_query_results(), reason=f"{AWS_2} has no verify-query-results (TRAILWATCH_AWS_2 names one)")
def test_the_aws_cli_verifies_results(server, tmp_path):
    cloudtrail, s3 = server.client("cloudtrail"), server.client("s3")
    s3.create_bucket(Bucket="verified")
    arn = cloudtrail.create_event_data_store(Name="verified", TerminationProtectionEnabled=False)["EventDataStoreArn"]
    statement = f"SELECT eventName FROM {arn.rsplit('/', 1)[1]}"
    query = cloudtrail.start_query(QueryStatement=statement, DeliveryS3Uri="s3://verified/lake")["QueryId"]
    wait_until(lambda: cloudtrail.describe_query(QueryId=query)["DeliveryStatus"] == "SUCCESS", ARRIVES, "the delivery of results")
    prefix = s3.list_objects_v2(Bucket="verified")["Contents"][0]["Key"].rsplit("/", 1)[0]
    for key in ("result_1.csv.gz", "result_sign.json"):
        s3.download_file("verified", f"{prefix}/{key}", str(tmp_path / key))

    def verify(*where):
        done = run([AWS_2, "cloudtrail", "verify-query-results", *where], env=server.environment())
        return done.returncode, done.stdout + done.stderr

    in_bucket, on_disk = ("--s3-bucket", "verified", "--s3-prefix", prefix), ("--local-export-path", tmp_path)
    for where in (in_bucket, on_disk):
        code, told = verify(*where)
        assert (code, told) == (0, "Successfully validated sign and query result files\n")
    kept = server.data_dir / "buckets" / "verified" / prefix / "result_1.csv.gz"
    kept.write_bytes(kept.read_bytes() + b"x")
    code, told = verify(*in_bucket)
    assert code == 255 and "inconsistent hash value" in told
    sign_file = tmp_path / "result_sign.json"
    signed = json.loads(sign_file.read_text())
    signed["hashSignature"] = ("1" if signed["hashSignature"][0] == "0" else "0") + signed["hashSignature"][1:]
    sign_file.write_text(json.dumps(signed))
    code, told = verify(*on_disk)
    assert code == 255 and "Invalid signature in sign file" in told


def test_results_are_delivered_and_verify(server):
    cloudtrail, logs = server.client("cloudtrail"), server.client("logs")
    server.client("s3").create_bucket(Bucket="results")
    arn = cloudtrail.create_event_data_store(Name="events", TerminationProtectionEnabled=False)["EventDataStoreArn"]
    for n in range(3):
        logs.create_log_group(logGroupName=f"group-{n}")
    statement = (
        f"SELECT element_at(requestParameters, 'logGroupName') AS name, errorCode FROM {arn.rsplit('/', 1)[1]} "
        "WHERE eventName = 'CreateLogGroup' ORDER BY 1"
    )
    refused("S3BucketDoesNotExistException", cloudtrail.start_query, QueryStatement=statement, DeliveryS3Uri="s3://nowhere-at-all")
    query = cloudtrail.start_query(QueryStatement=statement, DeliveryS3Uri="s3://results/lake/")["QueryId"]

    def delivered():
        described = cloudtrail.describe_query(QueryId=query)
        return described if described["DeliveryStatus"] != "PENDING" else None

    described = wait_until(delivered, ARRIVES, "the delivery of results")
    assert (described["DeliveryStatus"], described["DeliveryS3Uri"]) == ("SUCCESS", "s3://results/lake/")
    keys = [item["Key"] for item in server.client("s3").list_objects_v2(Bucket="results")["Contents"]]
    prefix = keys[0].rsplit("/", 1)[0] + "/"
    assert prefix.startswith("lake/AWSLogs/123456789012/CloudTrail-Lake/Query/") and prefix.endswith(f"/{query}/")
    assert sorted(key[len(prefix):] for key in keys) == ["result_1.csv.gz", "result_sign.json"]
    folder = server.data_dir / "buckets" / "results"
    rows = list(csv.reader(io.StringIO(gzip.decompress((folder / keys[0]).read_bytes()).decode())))
    assert rows == [["name", "errorcode"], ["group-0", ""], ["group-1", ""], ["group-2", ""]]
    assert verify_query_results(server, "results", prefix) is True
    sign_file = folder / prefix / "result_sign.json"
    kept = sign_file.read_text()
    other = "0" if json.loads(kept)["hashSignature"][0] != "0" else "1"
    altered = json.loads(kept)
    altered["hashSignature"] = other + altered["hashSignature"][1:]
    sign_file.write_text(json.dumps(altered))
    assert verify_query_results(server, "results", prefix) == "Invalid signature in sign file"
    sign_file.write_text(kept)
    result = folder / prefix / "result_1.csv.gz"
    result.write_bytes(result.read_bytes()[:-1] + b"\x01")
    assert verify_query_results(server, "results", prefix) == "File result_1.csv.gz has inconsistent hash value"
