"""Runs boto3 of whatever environment starts it: reads calls as lines of JSON, writes answers as lines of JSON."""

import datetime
import json
import sys

import boto3
import botocore
import botocore.config
from botocore.exceptions import ClientError


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    if hasattr(value, "read"):
        return value.read().decode()
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(type(value))


def main():
    session = boto3.session.Session()
    config = botocore.config.Config(retries={"total_max_attempts": 1}, proxies={})
    clients, sent = {}, {}

    def remember(request, **_):
        def text(name):
            value = request.headers.get(name)
            return value.decode() if isinstance(value, bytes) else value

        sent.update(content_type=text("Content-Type"), encoding=text("Content-Encoding"), target=text("X-Amz-Target"))

    print(json.dumps({"botocore": botocore.__version__}), flush=True)
    for line in sys.stdin:
        service, operation, parameters = json.loads(line)
        if service not in clients:
            clients[service] = session.client(service, config=config)
            clients[service].meta.events.register("before-send", remember)
        sent.clear()
        try:
            answer = {"ok": getattr(clients[service], operation)(**parameters)}
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            answer = {"error": error.response["Error"], "status": status}
        except Exception as error:  # noqa: BLE001: the other side decides what it means
            answer = {"error": {"Code": type(error).__name__, "Message": str(error)}, "status": None}
        print(json.dumps({**answer, "sent": sent}, default=plain), flush=True)


main()
