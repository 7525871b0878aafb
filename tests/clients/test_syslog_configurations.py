"""Syslog configurations: messages that come to an address go to the log groups configured for it."""

import re
import socket
import time

import pytest
from botocore.exceptions import ClientError
from trailwatch import wait_until

ENDPOINT = "vpce-0a1b2c3d"


@pytest.fixture
def server(make_server, tmp_path):
    config = tmp_path / "trailwatch.toml"
    config.write_text(f"""
[syslog]
udp = "127.0.0.1:0"
log_group = "/hosts"

[syslog.endpoints.{ENDPOINT}]
tcp = "127.0.0.1:0"
""")
    return make_server("syslog", "--config", config).start()


def port(server, protocol, endpoint):
    found = re.findall(rf'listening for syslog over {protocol} address=127\.0\.0\.1:(\d+) endpoint="{endpoint}"', server.log())
    (found,) = found
    return int(found)


def messages(logs, group):
    try:
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def say(server, text, endpoint=ENDPOINT):
    """Sends a message: over TCP to the endpoint, over UDP to the addresses without an id."""
    line = f"<14>1 {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} fw-1 app - - - {text}"
    if endpoint:
        with socket.create_connection(("127.0.0.1", port(server, "TCP", endpoint))) as sender:
            sender.sendall(line.encode() + b"\n")
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(line.encode(), ("127.0.0.1", port(server, "UDP", "")))
    return line


def test_messages_go_to_the_groups_that_are_configured(server):
    logs = server.client("logs")
    for group in ("firewalls", "copies"):
        logs.create_log_group(logGroupName=group)
    server.cli("logs", "put-syslog-configuration", "--log-group-identifier", "firewalls", "--vpc-endpoint-id", ENDPOINT)
    first = say(server, "to one group")
    wait_until(lambda: messages(logs, "firewalls") == [first], 30, "the first message")
    logs.put_syslog_configuration(logGroupIdentifier="copies", vpcEndpointId=ENDPOINT)
    second = say(server, "to both")
    wait_until(lambda: messages(logs, "copies") == [second], 30, "the copy")
    wait_until(lambda: messages(logs, "firewalls") == [first, second], 30, "the second message")
    listed = logs.list_syslog_configurations(vpcEndpointId=ENDPOINT)["syslogConfigurations"]
    assert [(c["logGroupArn"].rpartition(":")[2], c["sourceType"], c["vpcEndpointId"]) for c in listed] == [
        ("copies", "VPCE", ENDPOINT), ("firewalls", "VPCE", ENDPOINT)
    ]


def test_the_addresses_without_an_id_can_be_configured_too(server):
    logs = server.client("logs")
    before = say(server, "to the group of the file", None)
    wait_until(lambda: messages(logs, "/hosts") == [before], 30, "the message")
    logs.create_log_group(logGroupName="elsewhere")
    logs.put_syslog_configuration(logGroupIdentifier="elsewhere")
    after = say(server, "elsewhere", None)
    wait_until(lambda: messages(logs, "elsewhere") == [after], 30, "the message elsewhere")
    logs.delete_syslog_configuration(logGroupIdentifier="elsewhere")
    again = say(server, "back", None)
    wait_until(lambda: messages(logs, "/hosts") == [before, again], 30, "the message that is back")
    with pytest.raises(ClientError) as raised:
        logs.delete_syslog_configuration(logGroupIdentifier="elsewhere")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"
