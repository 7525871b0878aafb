"""Other ways in: OTLP with the Python SDK, Prometheus remote write by hand and by a real Prometheus, syslog, bearer tokens."""

import base64
import gzip
import json
import re
import shutil
import socket
import struct
import subprocess
import time
import urllib.parse

import grpc
import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk import metrics
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
from trailwatch import Server, run, wait_until

TOKEN = "a-token-of-more-than-20-characters"
OTHER = "another-token-that-is-long-enough"
CONFIG = f"""
[trail]
lenient_lookup = true
[bearer_tokens.collector]
token = "{TOKEN}"
log_group_prefix = "/otel/"
[bearer_tokens.metrics]
token = "{OTHER}"
allow = ["metrics"]
[otlp]
grpc = "127.0.0.1:0"
[syslog]
udp = "127.0.0.1:0"
tcp = "127.0.0.1:0"
log_group = "/hosts"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with tokens and syslog ports."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "config.toml").write_text(CONFIG)
    server = Server(folder / "data", "--config", folder / "config.toml").start()
    yield server
    assert server.running, f"the server died with code {server.process.returncode}:\n{server.log()[-4000:]}"
    assert server.stop() == 0
    complaints = server.complaints()
    assert not complaints, "the server complained:\n" + "\n".join(complaints[:20])


@pytest.fixture(scope="module")
def target(logs):
    """A group that takes tokens, its stream, as headers."""
    logs.create_log_group(logGroupName="/otel/shop")
    logs.create_log_stream(logGroupName="/otel/shop", logStreamName="app")
    logs.put_bearer_token_authentication(logGroupIdentifier="/otel/shop", bearerTokenAuthenticationEnabled=True)
    return {"x-aws-log-group": "/otel/shop", "x-aws-log-stream": "app"}


def bearer(token=TOKEN):
    return {"Authorization": f"Bearer {token}"}


def basic(server):
    pair = f"{server.exports['AWS_ACCESS_KEY_ID']}:{server.exports['AWS_SECRET_ACCESS_KEY']}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def messages(logs, group, pattern=""):
    found = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
    return [event["message"] for event in found]


def promql(server, query, at=None):
    body = urllib.parse.urlencode({"query": query, "time": at or time.time()}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = server.signed("monitoring", "/api/v1/query", headers, body).json
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


# -- OTLP ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_logs_of_the_sdk(server, logs, target, compression):
    exporter = OTLPLogExporter(f"{server.endpoint}/v1/logs", headers={**target, **bearer()}, compression=compression)
    provider = LoggerProvider(Resource.create({"service.name": "shop"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    order = time.time_ns()
    provider.get_logger("checkout", "1.2").emit(
        timestamp=order, severity_number=SeverityNumber.ERROR, severity_text="ERROR",
        body={"text": "card refused", "tries": 3}, attributes={"order": str(order)},
    )
    provider.shutdown()
    (message,) = messages(logs, "/otel/shop", f'{{ $.severityNumber = 17 && $.attributes.order = "{order}" }}')
    event = json.loads(message)
    assert event["body"] == {"text": "card refused", "tries": 3}
    assert event["resource"]["attributes"]["service.name"] == "shop"
    assert event["scope"] == {"name": "checkout", "version": "1.2"}
    assert (event["timeUnixNano"], event["severityText"]) == (order, "ERROR")


def sdk_metrics(server, service, temporality, headers):
    kinds = (metrics.Counter, metrics.Histogram, metrics.UpDownCounter)
    exporter = OTLPMetricExporter(
        f"{server.endpoint}/v1/metrics", headers=headers,
        preferred_temporality=dict.fromkeys(kinds, temporality),
    )
    # Exports happen when the test asks for them.
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=86_400_000)
    return metrics.MeterProvider([reader], Resource.create({"service.name": service}))


@pytest.mark.parametrize("temporality", [AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE])
def test_metrics_of_the_sdk(server, cloudwatch, temporality):
    service = f"shop-{temporality.name.lower()}"
    provider = sdk_metrics(server, service, temporality, bearer(OTHER))
    meter = provider.get_meter("checkout", "1.2")
    orders, latency = meter.create_counter("orders", "{order}"), meter.create_histogram("latency", "ms")
    began = time.time()
    for value in (3, 4):
        orders.add(value, {"country": "de"})
        for ms in (2, 7, 7, 180):
            latency.record(ms, {"path": "/"})
        assert provider.force_flush()
    provider.shutdown()
    span = {"StartTime": int(began) - 120, "EndTime": int(began) + 240, "Period": 3600}
    (metric,) = cloudwatch.list_metrics(Namespace=service, MetricName="latency")["Metrics"]
    labels = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
    assert (labels["path"], labels["@resource.service.name"], labels["@instrumentation.@version"]) == ("/", service, "1.2")
    (point,) = cloudwatch.get_metric_statistics(
        **metric, **span, Statistics=["SampleCount", "Sum", "Minimum", "Maximum"], Unit="Milliseconds"
    )["Datapoints"]
    # The last export of a cumulative client brings nothing new.
    assert (point["SampleCount"], point["Minimum"], point["Maximum"]) == (8, 2, 180)
    assert point["Sum"] == pytest.approx(2 * (2 + 7 + 7 + 180))
    (metric,) = cloudwatch.list_metrics(Namespace=service, MetricName="orders")["Metrics"]
    (point,) = cloudwatch.get_metric_statistics(**metric, **span, Statistics=["Sum", "Maximum"], Unit="Count")["Datapoints"]
    assert point["Maximum"] == (4 if temporality is AggregationTemporality.DELTA else 7)
    if temporality is AggregationTemporality.DELTA:
        assert point["Sum"] == 7
    (series,) = promql(server, f'{{"orders", "@resource.service.name"="{service}", __stat__="Maximum"}}')
    assert series["metric"]["country"] == "de" and series["metric"]["@instrumentation.@name"] == "checkout"
    assert series["metric"]["__unit__"] == "Count"


def test_exponential_histograms_of_the_sdk(server, cloudwatch):
    headers = basic(server)
    exporter = OTLPMetricExporter(
        f"{server.endpoint}/v1/metrics?namespace=Exponential", headers=headers,
        preferred_temporality={metrics.Histogram: AggregationTemporality.DELTA},
        preferred_aggregation={metrics.Histogram: ExponentialBucketHistogramAggregation()},
    )
    provider = metrics.MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=86_400_000)], Resource({}))
    latency = provider.get_meter("m").create_histogram("latency", "s")
    for n in range(1, 101):
        latency.record(n / 10)
    provider.shutdown()
    (metric,) = cloudwatch.list_metrics(Namespace="Exponential")["Metrics"]
    (point,) = cloudwatch.get_metric_statistics(
        **metric, StartTime=int(time.time()) - 300, EndTime=int(time.time()) + 60, Period=3600, ExtendedStatistics=["p50", "p99"],
    )["Datapoints"]
    assert point["ExtendedStatistics"]["p50"] == pytest.approx(5, rel=0.1)
    assert point["ExtendedStatistics"]["p99"] == pytest.approx(9.9, rel=0.1)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_sdk_over_grpc(server, cloudwatch, logs, target, compression):
    address, *_ = re.findall(r"listening for OTLP over gRPC address=(\S+)", server.log())
    how = {"endpoint": f"http://{address}", "insecure": True, "compression": compression}
    logger = LoggerProvider(Resource({}))
    headers = {**target, "authorization": f"Bearer {TOKEN}"}
    logger.add_log_record_processor(SimpleLogRecordProcessor(GrpcLogExporter(headers=headers, **how)))
    text = f"by gRPC {time.time_ns()}"
    logger.get_logger("g").emit(timestamp=time.time_ns(), body=text)
    logger.shutdown()
    assert len(messages(logs, "/otel/shop", f'{{ $.body = "{text}" }}')) == 1

    headers = {"authorization": basic(server)["Authorization"], "x-trailwatch-namespace": f"Grpc{compression.value}"}
    reader = PeriodicExportingMetricReader(GrpcMetricExporter(headers=headers, **how), export_interval_millis=86_400_000)
    provider = metrics.MeterProvider([reader], Resource({}))
    provider.get_meter("g").create_counter("calls").add(1)
    provider.shutdown()
    assert len(cloudwatch.list_metrics(Namespace=f"Grpc{compression.value}")["Metrics"]) == 1


def test_what_grpc_refuses(server, target):
    address, *_ = re.findall(r"listening for OTLP over gRPC address=(\S+)", server.log())
    logs_export = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
    with grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
        def code(path, message, metadata):
            with pytest.raises(grpc.RpcError) as raised:
                channel.unary_unary(path)(message, metadata=list(metadata.items()), timeout=30)
            return raised.value.code()
        known = {**target, "authorization": f"Bearer {TOKEN}"}
        assert code(logs_export, b"", target) is grpc.StatusCode.UNAUTHENTICATED
        assert code(logs_export, b"", {**target, "authorization": f"Bearer {OTHER}"}) is grpc.StatusCode.PERMISSION_DENIED
        assert code(logs_export, b"\xff", known) is grpc.StatusCode.INVALID_ARGUMENT
        assert code(logs_export, b"", {"authorization": f"Bearer {TOKEN}"}) is grpc.StatusCode.INVALID_ARGUMENT
        assert code(logs_export, b"x" * 5_000_000, known) in (grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.RESOURCE_EXHAUSTED)
        traces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        assert code(traces, b"", known) is grpc.StatusCode.UNIMPLEMENTED
    assert server.alive()


def a_record(text):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": str(time.time_ns()), "body": {"stringValue": text}}]}]}]}


def test_a_signed_request_in_json(server, logs, target):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", **target}
    answer = server.signed("logs", "/v1/logs", headers, gzip.compress(json.dumps(a_record("signed")).encode()))
    assert (answer.status, answer.json, answer.headers["content-type"]) == (200, {}, "application/json")
    assert len(messages(logs, "/otel/shop", '{ $.body = "signed" }')) == 1
    old = a_record("old")
    old["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["timeUnixNano"] = "1000000000000000000"
    answer = server.signed("logs", "/v1/logs", {"Content-Type": "application/json", **target}, json.dumps(old).encode())
    assert answer.json["partialSuccess"]["rejectedLogRecords"] == "1", answer


def test_what_is_refused_and_how(server, logs, target):
    body = json.dumps(a_record("x")).encode()
    kind = {"Content-Type": "application/json"}
    post = lambda headers, body=body, path="/v1/logs": server.http("POST", path, body, headers)
    plain = {"x-aws-log-group": "plain", "x-aws-log-stream": "app"}
    logs.create_log_group(logGroupName="plain")
    logs.create_log_group(logGroupName="/otel/closed")
    closed = {"x-aws-log-group": "/otel/closed", "x-aws-log-stream": "app"}
    absent = {"x-aws-log-group": "/otel/absent", "x-aws-log-stream": "app"}
    wrong_password = {"Authorization": "Basic " + base64.b64encode(b"AKIA:no").decode()}
    for status, code, answer in [
        (401, 16, post({**kind, **target})),
        (401, 16, post({**kind, **target, **bearer("nobody-knows-this-long-token")})),
        (401, 16, post({**kind, **target, **wrong_password})),
        (403, 7, post({**kind, **target, **bearer(OTHER)})),
        (403, 7, post({**kind, **plain, **bearer()})),
        (403, 7, post({**kind, **closed, **bearer()})),
        (403, 7, post({**kind, **target, **bearer(), "Origin": "http://example.com"})),
        (403, 7, server.signed("monitoring", "/v1/logs", {**kind, **target}, body)),
        (400, 3, post({**kind, **absent, **bearer()})),
        (400, 3, post({**kind, **bearer()})),
        (400, 3, post({**kind, **target, **bearer()}, b"{")),
        (400, 3, post({**kind, **target, **bearer(), "Content-Encoding": "gzip"})),
        (415, 3, post({"Content-Type": "text/plain", **target, **bearer()})),
        (413, 3, post({**kind, **target, **bearer(), "Content-Encoding": "gzip"}, gzip.compress(b" " * 5_000_000))),
        (413, 3, post({**kind, **target, **bearer()}, b" " * 9_000_000)),
    ]:
        assert answer.status == status and answer.headers["content-type"] == "application/json", (status, code, answer)
        assert answer.json["code"] == code and answer.json["message"], (status, code, answer)
    answer = post({"Content-Type": "application/x-protobuf", **target, **bearer()}, b"\xff")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/x-protobuf")
    assert answer.body.startswith(b"\x08\x03\x12"), answer


def test_calls_are_recorded_where_a_trail_asks(server, cloudtrail, target):
    server.client("s3").create_bucket(Bucket="bucket")
    cloudtrail.create_trail(Name="data", S3BucketName="bucket")
    selector = {"Name": "logs", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::Logs::LogGroup"]}]}
    cloudtrail.put_event_selectors(TrailName="data", AdvancedEventSelectors=[selector])
    cloudtrail.start_logging(Name="data")
    headers = {"Content-Type": "application/json", **target, **bearer()}
    assert server.http("POST", "/v1/logs", json.dumps(a_record("told")).encode(), headers).status == 200
    assert server.http("POST", "/v1/logs", b"{", headers).status == 400
    asked = [{"AttributeKey": "EventName", "AttributeValue": "ExportLogs"}]
    events = [json.loads(e["CloudTrailEvent"]) for e in cloudtrail.lookup_events(LookupAttributes=asked)["Events"]]
    refused, taken = sorted(events, key=lambda event: "errorCode" not in event)
    assert taken["userIdentity"]["userName"] == "collector" and taken["eventCategory"] == "Data"
    assert taken["resources"][0]["ARN"].endswith(":log-group:/otel/shop")
    assert refused["errorCode"] == "SerializationException"
    cloudtrail.delete_trail(Name="data")


# -- Prometheus remote write -------------------------------------------------------------------------------------------


def varint(number):
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def write_request(*series):
    out = b""
    for labels, samples in series:
        body = b"".join(field(1, field(1, n.encode()) + field(2, v.encode())) for n, v in sorted(labels.items()))
        body += b"".join(field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(int(t * 1000))) for v, t in samples)
        out += field(1, body)
    return out


def snappy(content):
    """A block of literals only."""
    out = varint(len(content))
    for at in range(0, len(content), 65536):
        part = content[at:at + 65536]
        out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
    return out


WRITE = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}


def test_remote_write(server, cloudwatch):
    now = time.time()
    post = lambda body, headers=None, path="/api/v1/write": server.http("POST", path, body, {**WRITE, **basic(server), **(headers or {})})
    stale = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
    body = write_request(
        ({"__name__": "up", "job": "node", "instance": "a:9100"}, [(1, now - 60), (stale, now)]),
        ({"__name__": "up", "job": "node", "instance": "b:9100"}, [(0, now - 60)]),
    )
    answer = post(snappy(body))
    assert (answer.status, answer.body) == (204, b"")
    assert {s["metric"]["instance"]: s["value"][1] for s in promql(server, 'up{job="node"}')} == {"a:9100": "1", "b:9100": "0"}
    assert len(cloudwatch.list_metrics(Namespace="Prometheus", MetricName="up")["Metrics"]) == 2
    assert post(snappy(write_request(({"__name__": "n"}, [(1, now)]))), path="/api/v1/write?namespace=My%20Own").status == 204
    assert len(cloudwatch.list_metrics(Namespace="My Own")["Metrics"]) == 1
    # A token, and the signature that Prometheus makes.
    assert post(snappy(body), bearer(OTHER)).status == 204
    assert server.signed("aps", "/api/v1/write", WRITE, snappy(body)).status == 204

    answer = post(snappy(write_request(({"__name__": "late"}, [(1, now - 15 * 86400), (2, now)]))))
    assert answer.status == 400 and b"two weeks" in answer.body
    assert [s["value"][1] for s in promql(server, "late", now + 1)] == ["2"]
    for status, answer in [
        (415, post(snappy(body), {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"})),
        (415, post(body, {"Content-Encoding": "identity"})),
        (400, post(body)),
        (400, post(snappy(b"\xff"))),
        (413, post(varint(4_000_000_000))),
        (401, post(snappy(body), bearer("nobody-knows-this-long-token"))),
    ]:
        assert answer.status == status and answer.body, (status, answer)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not on PATH")
def test_a_real_prometheus(server, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % probe.getsockname()[1]
    key, secret = server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "itself", "static_configs": [{"targets": [address]}]}],
        "remote_write": [{"url": f"{server.endpoint}/api/v1/write?namespace=Real", "basic_auth": {"username": key, "password": secret}}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    arguments = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address={address}"]
    with open(tmp_path / "log", "wb") as log:
        prometheus = subprocess.Popen(arguments, stdout=log, stderr=log)
    try:
        found = wait_until(lambda: promql(server, 'up{job="itself"}'), 60, "a sample of Prometheus")
        assert found[0]["metric"]["instance"] == address and found[0]["metric"]["@aws.namespace"] == "Real"
        wait_until(lambda: promql(server, 'prometheus_http_request_duration_seconds_bucket{le="+Inf"}'), 60, "a classic histogram")
    finally:
        prometheus.terminate()
        prometheus.wait(timeout=30)


# -- syslog ------------------------------------------------------------------------------------------------------------


def port(server, protocol):
    (found,) = re.findall(rf"listening for syslog over {protocol} address=127\.0\.0\.1:(\d+)", server.log())
    return int(found)


def of_host(logs, host):
    def read():
        try:
            return logs.get_log_events(logGroupName="/hosts", logStreamName=host, startFromHead=True)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
    return read


def test_syslog_over_udp(server, logs):
    now = time.time()
    stamp = time.strftime("%b %d %H:%M:%S", time.gmtime(now))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port(server, "UDP")))
        sender.send(f"<34>{stamp} web-1 app: hello".encode())
        sender.send(b"no syslog at all")
    (event,) = wait_until(of_host(logs, "web-1"), 30, "the message")
    assert event["message"] == f"<34>{stamp} web-1 app: hello" and event["timestamp"] == int(now) * 1000
    assert [e["message"] for e in wait_until(of_host(logs, "127.0.0.1"), 30, "the other")] == ["no syslog at all"]


def test_syslog_over_tcp_in_both_framings(server, logs):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.5Z", time.gmtime())
    texts = [f"<14>1 {stamp} db-1 app {n} - - line {n}" for n in range(1000)]
    with socket.create_connection(("127.0.0.1", port(server, "TCP"))) as sender:
        sender.sendall(b"".join(b"%d %s" % (len(t), t.encode()) for t in texts[:500]))
        sender.sendall("".join(t + "\n" for t in texts[500:]).encode())
    wait_until(lambda: len(of_host(logs, "db-1")()) == 1000, 30, "all messages")
    assert [e["message"] for e in of_host(logs, "db-1")()] == texts


@pytest.mark.skipif(shutil.which("logger") is None, reason="logger is not on PATH")
@pytest.mark.parametrize("flags", [["--udp", "--rfc5424"], ["--tcp", "--rfc5424", "--octet-count"], ["--tcp", "--rfc3164"]], ids=" ".join)
def test_logger(server, logs, flags):
    protocol = "UDP" if "--udp" in flags else "TCP"
    text = f"from logger {time.time_ns()}"
    done = run(["logger", "--server", "127.0.0.1", "--port", port(server, protocol), *flags, "--tag", "test", text])
    assert done.returncode == 0, done
    (event,) = wait_until(lambda: messages(logs, "/hosts", f'"{text}"'), 30, "the message")
    assert event.startswith("<13>") and "test" in event


def test_nonsense_over_tcp_ends_its_own_connection(server, logs):
    with socket.create_connection(("127.0.0.1", port(server, "TCP"))) as sender:
        sender.sendall(b"99999999999999 x")
        assert sender.recv(1) == b""
    assert server.alive()
