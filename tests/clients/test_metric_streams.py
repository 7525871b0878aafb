"""Metric streams from boto3, and their lines at a receiver of our own."""

import http.server
import json
import queue
import threading
import time

import pytest
from botocore.exceptions import ClientError

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


def test_what_is_not_delivered_is_refused_by_name(cloudwatch):
    with pytest.raises(ClientError) as raised:
        cloudwatch.put_metric_stream(Name="o", FirehoseArn=FIREHOSE, RoleArn=ROLE, OutputFormat="opentelemetry1.0")
    assert "opentelemetry1.0" in raised.value.response["Error"]["Message"]
