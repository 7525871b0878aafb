"""SNS: topics and subscriptions with boto3 and the aws cli, and messages on their way to a web server and a mail server here."""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import queue
import socketserver
import threading
import urllib.parse

import pytest
import rsa
from botocore.exceptions import ClientError
from trailwatch import AwsError, wait_until

#: Longest wait for a delivery, seconds; it takes milliseconds.
ARRIVES = 20


class Receiver:
    """A web server on loopback, or at `address`: keeps every POST, answers 200, or what `answers` holds."""

    def __init__(self, address="127.0.0.1"):
        self.received, self.answers = queue.Queue(), queue.Queue()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = 200 if receiver.answers.empty() else receiver.answers.get()
                receiver.received.put((self.path, headers, body.decode()))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        return self.received.get(timeout=ARRIVES)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class MailSink:
    """A mail server on loopback that takes everything."""

    def __init__(self):
        self.received = queue.Queue()
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 sink\r\n")
                while line := self.rfile.readline():
                    verb = line[:4].upper()
                    if verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        mail = b""
                        while not mail.endswith(b"\r\n.\r\n"):
                            mail += self.rfile.readline()
                        sink.received.put(mail.replace(b"=\r\n", b"").decode())
                    self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def mail_sink():
    sink = MailSink()
    yield sink
    sink.close()


@pytest.fixture
def notifying(make_server, tmp_path, receiver, mail_sink):
    """A server whose receivers may be on loopback, with webhooks and mail."""
    config = tmp_path / "trailwatch.toml"
    config.write_text(
        "[notify]\nallow_private = true\n"
        f"[notify.webhooks]\nchat = {{ url = '{receiver.url}/chat', format = 'slack' }}\n"
        f"[notify.smtp]\nhost = '127.0.0.1'\nport = {mail_sink.port}\nfrom = 'tw@example.com'\ntls = 'none'\n"
    )
    return make_server("data", "--config", config).start()


def refused(function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    error = raised.value.response["Error"]
    return raised.value.response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


def visit(server, link):
    """Follows a link of a message, as a browser does: unsigned."""
    parts = urllib.parse.urlsplit(link)
    assert f"{parts.scheme}://{parts.netloc}" in server.endpoints
    return server.http("GET", f"{parts.path}?{parts.query}")


def subscribed(server, receiver, topic, path="/hook"):
    """Subscribes the receiver and confirms by the link; answers the subscription's ARN."""
    server.client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url + path)
    _, headers, body = receiver.next()
    assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    answer = visit(server, json.loads(body)["SubscribeURL"])
    assert answer.status == 200, answer
    return answer.body.decode().split("<SubscriptionArn>")[1].split("<")[0]


def public_key(pem):
    """The RSA key of a certificate: the bit string behind the one mention of rsaEncryption."""
    der = base64.b64decode("".join(pem.split("\n")[1:-2]))
    algorithm = bytes.fromhex("06092a864886f70d0101010500")
    at = der.index(algorithm) + len(algorithm)
    assert der[at : at + 2] == b"\x03\x82"
    length = int.from_bytes(der[at + 2 : at + 4], "big")
    return rsa.PublicKey.load_pkcs1(der[at + 5 : at + 4 + length], "DER")


def check_signature(server, document, algorithm):
    """As "Verifying the signatures of Amazon SNS messages" says."""
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
    certificate = visit(server, document["SigningCertURL"])
    assert certificate.status == 200, certificate
    key = public_key(certificate.body.decode())
    assert rsa.verify(text.encode(), base64.b64decode(document["Signature"]), key) == algorithm
    with pytest.raises(rsa.VerificationError):
        rsa.verify(text.replace("Type", "type").encode(), base64.b64decode(document["Signature"]), key)


def test_messages_are_signed(notifying, receiver):
    sns = notifying.client("sns")
    topic = sns.create_topic(Name="signed")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url + "/hook")
    asked = json.loads(receiver.next()[2])
    check_signature(notifying, asked, "SHA-1")
    assert visit(notifying, asked["SubscribeURL"]).status == 200
    sns.publish(TopicArn=topic, Message="to\nall", Subject="s")
    first = json.loads(receiver.next()[2])
    assert first["SignatureVersion"] == "1"
    check_signature(notifying, first, "SHA-1")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue="2")
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SignatureVersion"] == "2"
    sns.publish(TopicArn=topic, Message="\u00e9")
    second = json.loads(receiver.next()[2])
    assert (second["SignatureVersion"], second["SigningCertURL"]) == ("2", first["SigningCertURL"])
    check_signature(notifying, second, "SHA-256")
    assert refused(sns.set_topic_attributes, TopicArn=topic, AttributeName="SignatureVersion", AttributeValue="3")[1] == "InvalidParameter"
    assert notifying.http("GET", "/SimpleNotificationService-0.pem").status == 404


def test_the_first_topic_with_the_cli(server):
    topic = server.cli("sns", "create-topic", "--name", "cli", "--attributes", "DisplayName=Ops", "--tags", "Key=a,Value=1")["TopicArn"]
    assert topic == "arn:aws:sns:us-east-1:123456789012:cli"
    assert {"TopicArn": topic} in server.cli("sns", "list-topics")["Topics"]
    attributes = server.cli("sns", "get-topic-attributes", "--topic-arn", topic)["Attributes"]
    assert (attributes["DisplayName"], attributes["Owner"], attributes["SubscriptionsPending"]) == ("Ops", "123456789012", "0")
    assert json.loads(attributes["Policy"])["Statement"][0]["Resource"] == topic
    assert server.cli("sns", "list-tags-for-resource", "--resource-arn", topic)["Tags"] == [{"Key": "a", "Value": "1"}]
    published = server.cli(
        "sns", "publish", "--topic-arn", topic, "--subject", "hello", "--message", "to nobody yet",
        "--message-attributes", '{"n":{"DataType":"Number","StringValue":"1"}}',
    )
    assert len(published["MessageId"]) == 36
    server.cli("sns", "set-topic-attributes", "--topic-arn", topic, "--attribute-name", "DisplayName", "--attribute-value", "Dev")
    assert server.cli("sns", "get-topic-attributes", "--topic-arn", topic)["Attributes"]["DisplayName"] == "Dev"
    server.cli("sns", "delete-topic", "--topic-arn", topic)
    done = server.cli_raw("sns", "get-topic-attributes", "--topic-arn", topic)
    assert "(NotFound) when calling the GetTopicAttributes operation: Topic does not exist" in done.stderr


def test_old_and_new_clients_agree(peer):
    name = "old" if peer.is_old else "new"
    topic = peer("sns", "create_topic", Name=name)["TopicArn"]
    batch = [{"Id": "a", "Message": "one"}, {"Id": "b", "Message": "two", "Subject": "x" * 101}]
    answer = peer("sns", "publish_batch", TopicArn=topic, PublishBatchRequestEntries=batch)
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"]
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [("b", "InvalidParameter", True)]
    with pytest.raises(AwsError) as raised:
        peer("sns", "publish", TopicArn=topic, Message="m", MessageStructure="json")
    assert raised.value.code == "InvalidParameter"
    assert raised.value.message == "Invalid parameter: Message Structure - JSON message body failed to parse"


def test_errors_have_the_codes_and_statuses_of_aws(server):
    sns = server.client("sns")
    topic = sns.create_topic(Name="errors")["TopicArn"]
    cases = [
        (sns.get_topic_attributes, {"TopicArn": topic + "x"}, (404, "NotFound", "Topic does not exist")),
        (sns.get_topic_attributes, {"TopicArn": "x"}, (400, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1")),
        (sns.create_topic, {"Name": "a b"}, (400, "InvalidParameter", "Invalid parameter: Topic Name")),
        (sns.subscribe, {"TopicArn": topic, "Protocol": "pigeon", "Endpoint": "x"},
         (400, "InvalidParameter", "Invalid parameter: Amazon SNS does not support this protocol string: pigeon")),
        (sns.subscribe, {"TopicArn": topic, "Protocol": "http", "Endpoint": "http://127.0.0.1/"},
         (400, "InvalidParameter", "Invalid parameter: Not authorized to subscribe internal endpoints")),
        (sns.get_subscription_attributes, {"SubscriptionArn": topic + ":1"}, (404, "NotFound", "Subscription does not exist")),
    ]
    for function, parameters, expected in cases:
        assert refused(function, **parameters) == expected
    status, code, message = refused(sns.publish, TopicArn="arn:aws:sns:us-east-1:999999999999:t", Message="m")
    assert (status, code) == (403, "AuthorizationError") and "is not authorized to perform: SNS:Publish" in message
    for operation in ("CreatePlatformApplication", "AddPermission", "SetSMSAttributes"):
        answer = server.query_call(f"Action={operation}&Version=2010-03-31", service="sns")
        assert answer.status == 400 and b"<Code>InvalidAction</Code>" in answer.body and operation.encode() in answer.body


def test_pages(server):
    sns = server.client("sns", region="eu-west-1")
    for number in range(101):
        sns.create_topic(Name=f"page-{number}")
    pages = list(sns.get_paginator("list_topics").paginate())
    assert [len(page["Topics"]) for page in pages] == [100, 1]


def test_only_links_go_unsigned(server):
    for action in ("Publish", "Subscribe", "DeleteTopic", "ListTopics", "GetTopicAttributes"):
        answer = server.http("GET", f"/?Action={action}&Version=2010-03-31")
        assert answer.status == 403 and b"MissingAuthenticationToken" in answer.body, (action, answer)
    topic = server.client("sns").create_topic(Name="links")["TopicArn"]
    answer = server.http("GET", f"/?Action=ConfirmSubscription&TopicArn={topic}&Token=guess&Version=2010-03-31")
    assert answer.status == 400 and b"Invalid parameter: Token" in answer.body
    wrong = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0",
             "X-Amz-Date": "20260101T000000Z"}
    answer = server.http("GET", f"/?Action=ConfirmSubscription&TopicArn={topic}&Token=guess&Version=2010-03-31", headers=wrong)
    assert answer.status == 403, "who signs must sign rightly"


def test_a_receiver_confirms_by_the_link_hears_and_leaves_by_the_link(notifying, receiver):
    sns = notifying.client("sns")
    topic = sns.create_topic(Name="life")["TopicArn"]
    arn = subscribed(notifying, receiver, topic)
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [(s["SubscriptionArn"], s["Protocol"]) for s in listed] == [(arn, "http")]
    message = sns.publish(TopicArn=topic, Message="it burns", Subject="Fire")["MessageId"]
    path, headers, body = receiver.next()
    assert (path, headers["x-amz-sns-message-id"], headers["x-amz-sns-subscription-arn"]) == ("/hook", message, arn)
    document = json.loads(body)
    assert (document["Type"], document["Subject"], document["Message"]) == ("Notification", "Fire", "it burns")
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    sns.publish(TopicArn=topic, Message="bare")
    assert receiver.next()[2] == "bare"
    assert visit(notifying, document["UnsubscribeURL"]).status == 200
    (left,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert left["SubscriptionArn"] == "PendingConfirmation"
    farewell = json.loads(receiver.next()[2])
    assert farewell["Type"] == "UnsubscribeConfirmation"
    # Whoever left by mistake comes back by the last message's link.
    assert visit(notifying, farewell["SubscribeURL"]).status == 200
    sns.publish(TopicArn=topic, Message="back")
    assert receiver.next()[2] == "back"
    # Who did what, links included, is on the trail; the message itself is not.
    events = notifying.client("cloudtrail").lookup_events()["Events"]
    told = {event["EventName"]: json.loads(event["CloudTrailEvent"]) for event in events if event["EventSource"] == "sns.amazonaws.com"}
    assert told["ConfirmSubscription"]["userIdentity"]["type"] == "Unknown"
    assert told["ConfirmSubscription"]["requestParameters"]["token"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert "Publish" not in told, "a data event, recorded where a trail asks for it"


def test_an_alarm_reaches_topic_and_webhook(notifying, receiver):
    sns, cloudwatch = notifying.client("sns"), notifying.client("cloudwatch")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    subscribed(notifying, receiver, topic)
    hook = "arn:trailwatch:notify:us-east-1:123456789012:webhook/chat"
    cloudwatch.put_metric_alarm(
        AlarmName="fire", Namespace="T", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic, hook],
    )
    cloudwatch.set_alarm_state(AlarmName="fire", StateValue="ALARM", StateReason="smoke seen")
    heard = {path: body for path, _, body in (receiver.next(), receiver.next())}
    assert json.loads(json.loads(heard["/hook"])["Message"])["NewStateReason"] == "smoke seen"
    assert "smoke seen" in json.loads(heard["/chat"])["text"]
    items = cloudwatch.describe_alarm_history(AlarmName="fire", HistoryItemType="Action")["AlarmHistoryItems"]
    assert sorted(item["HistorySummary"] for item in items) == [
        f"Successfully executed action {topic}", f"Successfully executed action {hook}"]


def test_mail(notifying, mail_sink):
    sns = notifying.client("sns")
    topic = sns.create_topic(Name="mail", Attributes={"DisplayName": "Ops"})["TopicArn"]
    assert sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ann@example.com")["SubscriptionArn"] == "pending confirmation"
    asked = mail_sink.received.get(timeout=ARRIVES)
    link = asked.split("link below.")[1].split("http://")[1].split("\r\n")[0].replace("=3D", "=")
    assert visit(notifying, "http://" + link).status == 200
    sns.publish(TopicArn=topic, Subject="Fire", Message="it burns")
    heard = mail_sink.received.get(timeout=ARRIVES)
    assert "Subject: Fire" in heard and "it burns" in heard and "From: Ops <tw@example.com>" in heard


def test_what_was_published_survives_a_kill(notifying, receiver):
    sns = notifying.client("sns")
    topic = sns.create_topic(Name="kill")["TopicArn"]
    arn = subscribed(notifying, receiver, topic)
    policy = {"healthyRetryPolicy": {"minDelayTarget": 3, "maxDelayTarget": 3, "numRetries": 5}}
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(policy))
    receiver.answers.put(500)
    message = sns.publish(TopicArn=topic, Message="m")["MessageId"]
    assert receiver.next()[1]["x-amz-sns-message-id"] == message
    notifying.kill()
    notifying.start()
    assert receiver.next()[1]["x-amz-sns-message-id"] == message


def dead_letters(server):
    """GET /_trailwatch/dead-letters, signed."""
    path, host = "/_trailwatch/dead-letters", server.endpoint.removeprefix("http://")
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/us-east-1/trailwatch/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    canonical = f"GET\n{path}\n\nhost:{host}\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{empty}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + server.exports["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in (stamp[:8], "us-east-1", "trailwatch", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{server.exports['AWS_ACCESS_KEY_ID']}/{scope}"
    value = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature={signature}"
    answer = server.http("GET", path, headers={"Host": host, "X-Amz-Date": stamp, "Authorization": value})
    assert answer.status == 200, answer
    return answer.json["dead_letters"]


def test_what_cannot_be_delivered_is_listed(notifying, receiver):
    notifying.expect_complaint("became a dead letter")
    sns = notifying.client("sns")
    topic = sns.create_topic(Name="dead")["TopicArn"]
    arn = subscribed(notifying, receiver, topic)
    receiver.answers.put(410)
    sns.publish(TopicArn=topic, Message="m")
    (letter,) = wait_until(lambda: dead_letters(notifying), ARRIVES, "a dead letter")
    assert (letter["target"], letter["attempts"], letter["error"]) == (arn, 1, "the receiver answered 410")
    assert (letter["message"]["text"], letter["message"]["topic_arn"]) == ("m", topic)
    assert notifying.http("GET", "/_trailwatch/dead-letters").status == 403
