"""Metric streams from boto3, and what they deliver: at a receiver of our own, and in a bucket that is a folder."""

import http.server
import json
import queue
import threading
import time

import pytest
from botocore.exceptions import ClientError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from trailwatch import wait_until

FIREHOSE = "arn:aws:firehose:us-east-1:123456789012:deliverystream/metrics"
ROLE = "arn:aws:iam::123456789012:role/streams"
#: The next round of deliveries comes within a minute.
DELIVERY_SECONDS_MAX = 120


@pytest.fixture
def receiver():
    """Where batches arrive: its URL, and a queue of them."""
    batches = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            batches.put((self.headers, body))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/in", batches
    server.shutdown()
    server.server_close()


def test_lines_arrive_within_a_minute(make_server, receiver, tmp_path):
    url, batches = receiver
    config = tmp_path / "trailwatch.toml"
    config.write_text(f'[firehose]\n"{FIREHOSE}" = "{url}"\n')
    server = make_server("streams", "--config", config).start()
    cloudwatch = server.client("cloudwatch")
    filters = [{"Namespace": "Shop"}]
    # The oldest minute that a stream begins with when it is made now or in the next seconds.
    at = int(time.time() + 10) // 60 * 60 - 120
    data = [{"MetricName": "Latency", "Dimensions": [{"Name": "Page", "Value": "cart"}], "Timestamp": at, "Values": [1, 4], "Unit": "Milliseconds"}]
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=data)
    cloudwatch.put_metric_data(Namespace="Other", MetricData=data)
    cloudwatch.put_metric_stream(Name="s", FirehoseArn=FIREHOSE, RoleArn=ROLE, OutputFormat="json", IncludeFilters=filters)
    headers, body = batches.get(timeout=DELIVERY_SECONDS_MAX)
    assert headers["x-amz-firehose-source-arn"] == FIREHOSE
    assert body.endswith(b"\n")
    assert [json.loads(line) for line in body.splitlines()] == [
        {
            "metric_stream_name": "s",
            "account_id": "123456789012",
            "region": "us-east-1",
            "namespace": "Shop",
            "metric_name": "Latency",
            "dimensions": {"Page": "cart"},
            "timestamp": at * 1000,
            "value": {"count": 2, "sum": 5, "max": 4, "min": 1},
            "unit": "Milliseconds",
        }
    ]


def test_life_of_a_stream(cloudwatch):
    made = cloudwatch.put_metric_stream(
        Name="life", FirehoseArn=FIREHOSE, RoleArn=ROLE, OutputFormat="json", Tags=[{"Key": "team", "Value": "a"}]
    )
    assert made["Arn"] == "arn:aws:cloudwatch:us-east-1:123456789012:metric-stream/life"
    assert cloudwatch.list_tags_for_resource(ResourceARN=made["Arn"])["Tags"] == [{"Key": "team", "Value": "a"}]
    cloudwatch.stop_metric_streams(Names=["life"])
    assert cloudwatch.get_metric_stream(Name="life")["State"] == "stopped"
    cloudwatch.start_metric_streams(Names=["life"])
    entries = cloudwatch.list_metric_streams()["Entries"]
    assert [(e["Name"], e["State"], e["OutputFormat"]) for e in entries] == [("life", "running", "json")]
    cloudwatch.delete_metric_stream(Name="life")
    assert cloudwatch.list_metric_streams()["Entries"] == []
    with pytest.raises(ClientError) as raised:
        cloudwatch.get_metric_stream(Name="life")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


def latency(at):
    dimensions = [{"Name": "Page", "Value": "cart"}]
    return {"MetricName": "Latency", "Dimensions": dimensions, "Timestamp": at, "Values": [1, 2, 4], "Unit": "Milliseconds"}


def requests(batch):
    """The requests of a batch, each of which stands behind its length: a varint, 7 bits a byte, lowest first."""
    found, at = [], 0
    while at < len(batch):
        length, shift = 0, 0
        while True:
            byte, at = batch[at], at + 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found.append(ExportMetricsServiceRequest.FromString(batch[at : at + length]))
        at += length
    assert at == len(batch)
    return found


def texts(attributes):
    return {attribute.key: attribute.value.string_value for attribute in attributes}


def test_opentelemetry_arrives_as_its_own_library_reads_it(make_server, receiver, tmp_path):
    url, batches = receiver
    config = tmp_path / "trailwatch.toml"
    config.write_text(f'[firehose]\n"{FIREHOSE}" = "{url}"\n')
    cloudwatch = make_server("otel", "--config", config).start().client("cloudwatch")
    at = int(time.time() + 10) // 60 * 60 - 120
    orders = {"MetricName": "Orders", "Timestamp": at, "Value": 3, "Unit": "Count/Second"}
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[latency(at), orders])
    more = [{"IncludeMetrics": [{"Namespace": "Shop", "MetricName": "Latency"}], "AdditionalStatistics": ["p99.9", "p50"]}]
    arn = cloudwatch.put_metric_stream(
        Name="otel", FirehoseArn=FIREHOSE, RoleArn=ROLE, OutputFormat="opentelemetry1.0", StatisticsConfigurations=more
    )["Arn"]
    headers, body = batches.get(timeout=DELIVERY_SECONDS_MAX)
    assert headers["content-type"] == "application/x-protobuf; encoding=delimited"
    [request] = requests(body)
    [of_resource] = request.resource_metrics
    assert texts(of_resource.resource.attributes) == {
        "cloud.provider": "aws",
        "cloud.account.id": "123456789012",
        "cloud.region": "us-east-1",
        "aws.exporter.arn": arn,
    }
    [of_scope] = of_resource.scope_metrics
    first, second = of_scope.metrics
    assert (first.name, first.unit, second.name, second.unit) == (
        "amazonaws.com/Shop/Latency",
        "ms",
        "amazonaws.com/Shop/Orders",
        "{Count}/s",
    )
    [point] = first.summary.data_points
    assert (point.start_time_unix_nano, point.time_unix_nano) == (at * 10**9, (at + 60) * 10**9)
    assert (point.count, point.sum) == (3, 7.0)
    quantiles = [(q.quantile, round(q.value, 6)) for q in point.quantile_values]
    assert quantiles == [(0.0, 1.0), (0.5, 2.0), (0.999, 3.996), (1.0, 4.0)]
    namespace, name, dimensions = point.attributes
    assert texts([namespace, name]) == {"Namespace": "Shop", "MetricName": "Latency"}
    assert dimensions.key == "Dimensions"
    assert texts(dimensions.value.kvlist_value.values) == {"Page": "cart"}


def test_a_bucket_gets_objects_as_firehose_names_them(make_server, tmp_path):
    archive = tmp_path / "archive"
    config = tmp_path / "trailwatch.toml"
    config.write_text(f'[buckets]\nmetrics = "{archive}"\n')
    cloudwatch = make_server("bucket", "--config", config).start().client("cloudwatch")
    at = int(time.time() + 10) // 60 * 60 - 120
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[latency(at)])
    bucket = "arn:aws:s3:::metrics/cloudwatch"
    cloudwatch.put_metric_stream(Name="b", FirehoseArn=bucket, RoleArn=ROLE, OutputFormat="json")
    assert cloudwatch.get_metric_stream(Name="b")["FirehoseArn"] == bucket
    [found] = wait_until(lambda: list(archive.rglob("b-1-*")), DELIVERY_SECONDS_MAX, "an object is there")
    began = time.gmtime(at)
    assert str(found.parent.relative_to(archive)) == time.strftime("cloudwatch/%Y/%m/%d/%H", began)
    assert found.name.startswith(time.strftime("b-1-%Y-%m-%d-%H-%M-%S-", began))
    [line] = found.read_text().splitlines()
    assert (json.loads(line)["metric_name"], json.loads(line)["value"]) == ("Latency", {"count": 3, "sum": 7, "max": 4, "min": 1})


def test_what_is_not_delivered_is_refused_by_name(cloudwatch):
    more = [{"IncludeMetrics": [{"Namespace": "N", "MetricName": "m"}], "AdditionalStatistics": ["tm99"]}]
    for wrong, named in [
        ({"OutputFormat": "opentelemetry1.0", "StatisticsConfigurations": more}, "tm99"),
        ({"OutputFormat": "opentelemetry3.0"}, "opentelemetry3.0"),
        ({"OutputFormat": "json", "FirehoseArn": "arn:aws:sqs:us-east-1:123456789012:q"}, "FirehoseArn"),
    ]:
        with pytest.raises(ClientError) as raised:
            cloudwatch.put_metric_stream(**{"Name": "o", "FirehoseArn": FIREHOSE, "RoleArn": ROLE, **wrong})
        assert named in raised.value.response["Error"]["Message"]
