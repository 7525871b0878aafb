"""CloudWatch Logs with boto3: groups, streams, what is rejected, paging loops and filter patterns."""

import time

import pytest
from botocore.exceptions import ClientError

HOUR = 3_600_000
DAY = 24 * HOUR


def now_ms():
    return int(time.time() * 1000)


def make(logs, group, *streams):
    logs.create_log_group(logGroupName=group)
    for stream in streams or ("s",):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    return {"logGroupName": group, "logStreamName": (streams or ("s",))[0]}


def code_of(function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    return raised.value.response["Error"]["Code"]


def filter_all(logs, **parameters):
    """The whole FilterLogEvents loop: events, and how many pages it took."""
    events, pages, token = [], 0, {}
    while True:
        page = logs.filter_log_events(**parameters, **token)
        events += page["events"]
        pages += 1
        assert pages < 1000
        if "nextToken" not in page:
            return events, pages
        token = {"nextToken": page["nextToken"]}


def get_all(logs, **parameters):
    """The GetLogEvents loop forward: it ends when the token comes back unchanged."""
    events, token = [], {}
    for _ in range(1000):
        page = logs.get_log_events(**parameters, startFromHead=True, **token)
        events += page["events"]
        if page["nextForwardToken"] == token.get("nextToken"):
            assert page["events"] == []
            return events
        token = {"nextToken": page["nextForwardToken"]}
    raise AssertionError("the token kept changing")


def test_groups_live_and_die(logs):
    logs.create_log_group(logGroupName="/life/a", tags={"team": "x"})
    logs.create_log_group(logGroupName="/life/b", logGroupClass="INFREQUENT_ACCESS")
    assert code_of(logs.create_log_group, logGroupName="/life/a") == "ResourceAlreadyExistsException"
    listed = logs.describe_log_groups(logGroupNamePrefix="/life/")["logGroups"]
    assert [(g["logGroupName"], g["logGroupClass"]) for g in listed] == [("/life/a", "STANDARD"), ("/life/b", "INFREQUENT_ACCESS")]
    assert abs(listed[0]["creationTime"] - now_ms()) < 60_000
    assert listed[0]["arn"] == listed[0]["logGroupArn"] + ":*"
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePattern="ife/b")["logGroups"]] == ["/life/b"]
    assert code_of(logs.describe_log_groups, logGroupNamePattern="x", logGroupNamePrefix="y") == "InvalidParameterException"
    logs.delete_log_group(logGroupName="/life/a")
    assert code_of(logs.delete_log_group, logGroupName="/life/a") == "ResourceNotFoundException"
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePrefix="/life/")["logGroups"]] == ["/life/b"]


def test_a_deleted_group_takes_its_events_along(logs):
    at = make(logs, "/again")
    logs.put_log_events(**at, logEvents=[{"timestamp": now_ms(), "message": "old"}])
    logs.delete_log_group(logGroupName="/again")
    make(logs, "/again")
    assert logs.get_log_events(**at)["events"] == []
    logs.put_log_events(**at, logEvents=[{"timestamp": now_ms(), "message": "new"}])
    assert [e["message"] for e in logs.filter_log_events(logGroupName="/again")["events"]] == ["new"]


@pytest.mark.parametrize("name", ["", "a" * 513, "with space", "aws/x", "colon:", "star*"])
def test_bad_group_names(server, name):
    answer = server.json_call("logs", "CreateLogGroup", {"logGroupName": name})
    assert (answer.status, answer.code) == (400, "InvalidParameterException"), answer


def test_pages_of_groups_and_streams(logs):
    streams = [f"s{n:03}" for n in range(60)]
    make(logs, "/pages/streams", *streams)
    for n in range(55):
        logs.create_log_group(logGroupName=f"/pages/g{n:03}")
    first = logs.describe_log_groups(logGroupNamePrefix="/pages/g")
    assert len(first["logGroups"]) == 50
    second = logs.describe_log_groups(logGroupNamePrefix="/pages/g", nextToken=first["nextToken"])
    assert len(second["logGroups"]) == 5 and "nextToken" not in second
    paginator = logs.get_paginator("describe_log_streams").paginate(logGroupName="/pages/streams", PaginationConfig={"PageSize": 7})
    assert [s["logStreamName"] for page in paginator for s in page["logStreams"]] == streams


def test_streams_are_ordered_by_name_or_by_last_event(logs):
    make(logs, "/order", "a", "b", "c")
    base = now_ms() - HOUR
    for stream, offset in (("a", 3), ("b", 9), ("c", 6)):
        logs.put_log_events(logGroupName="/order", logStreamName=stream, logEvents=[{"timestamp": base + offset, "message": "m"}])
    by_time = logs.describe_log_streams(logGroupName="/order", orderBy="LastEventTime", descending=True)["logStreams"]
    assert [s["logStreamName"] for s in by_time] == ["b", "c", "a"]
    assert (by_time[0]["firstEventTimestamp"], by_time[0]["lastEventTimestamp"]) == (base + 9, base + 9)
    assert by_time[0]["uploadSequenceToken"]
    by_name = logs.describe_log_streams(logGroupName="/order", logStreamNamePrefix="b")["logStreams"]
    assert [s["logStreamName"] for s in by_name] == ["b"]
    assert code_of(logs.describe_log_streams, logGroupName="/order", orderBy="LastEventTime", logStreamNamePrefix="b") == "InvalidParameterException"


def test_retention(logs):
    make(logs, "/retention")
    logs.put_retention_policy(logGroupName="/retention", retentionInDays=7)
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/retention")["logGroups"]
    assert group["retentionInDays"] == 7
    for days in (-1, 0, 2):
        assert code_of(logs.put_retention_policy, logGroupName="/retention", retentionInDays=days) == "InvalidParameterException"
    base = now_ms()
    answer = logs.put_log_events(
        logGroupName="/retention", logStreamName="s",
        logEvents=[{"timestamp": base - 8 * DAY, "message": "expired"}, {"timestamp": base - 7 * DAY - 12 * HOUR, "message": "expired"}],
    )
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 2}
    logs.delete_retention_policy(logGroupName="/retention")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/retention")["logGroups"]
    assert "retentionInDays" not in group


def test_rejected_indexes(logs):
    at = make(logs, "/rejected")
    base = now_ms()
    events = [{"timestamp": base - 15 * DAY, "message": "too old"}, {"timestamp": base - 14 * DAY - HOUR, "message": "too old"}]
    events += [{"timestamp": base - HOUR, "message": "good"}, {"timestamp": base + HOUR, "message": "good too"}]
    events += [{"timestamp": base + 3 * HOUR, "message": "too new"}]
    answer = logs.put_log_events(**at, logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
    assert [e["message"] for e in get_all(logs, **at)] == ["good", "good too"]


def test_a_batch_keeps_its_rules(server, logs):
    at = make(logs, "/batch")
    base = now_ms() - HOUR
    put = lambda events: server.json_call("logs", "PutLogEvents", {**at, "logEvents": events})  # noqa: E731
    backwards = put([{"timestamp": base + 1, "message": "b"}, {"timestamp": base, "message": "a"}])
    assert (backwards.code, backwards.message) == (
        "InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.")
    assert put([{"timestamp": base - DAY - 1, "message": "a"}, {"timestamp": base, "message": "b"}]).code == "InvalidParameterException"
    assert put([{"timestamp": base - DAY, "message": "a"}, {"timestamp": base, "message": "b"}]).status == 200
    assert put([]).code == "InvalidParameterException"
    assert put([{"timestamp": base, "message": ""}]).code == "InvalidParameterException"
    assert put([{"timestamp": base, "message": "m"}] * 10_001).code == "InvalidParameterException"
    assert put([{"timestamp": base, "message": "m"}] * 10_000).status == 200
    size = 1_048_576 - 26
    assert put([{"timestamp": base, "message": "x" * (size + 1)}]).code == "InvalidParameterException"
    assert put([{"timestamp": base, "message": "x" * size}]).status == 200, "26 bytes of overhead are counted for the event"
    assert put([{"timestamp": base, "message": "é" * (size // 2 + 1)}]).code == "InvalidParameterException", "bytes, not characters"


def test_missing_group_and_stream(logs):
    make(logs, "/there")
    event = [{"timestamp": now_ms(), "message": "m"}]
    for group, stream, text in (("/not-there", "s", "log group"), ("/there", "nope", "log stream")):
        with pytest.raises(ClientError) as raised:
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=event)
        error = raised.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("ResourceNotFoundException", f"The specified {text} does not exist.")
    assert code_of(logs.get_log_events, logGroupName="/there", logStreamName="nope") == "ResourceNotFoundException"
    assert code_of(logs.filter_log_events, logGroupName="/not-there") == "ResourceNotFoundException"


def test_sequence_tokens_are_ignored(logs):
    at = make(logs, "/token")
    first = logs.put_log_events(**at, logEvents=[{"timestamp": now_ms(), "message": "1"}])
    logs.put_log_events(**at, logEvents=[{"timestamp": now_ms(), "message": "2"}], sequenceToken="49590302938")
    logs.put_log_events(**at, logEvents=[{"timestamp": now_ms(), "message": "3"}], sequenceToken=first["nextSequenceToken"])
    assert len(get_all(logs, **at)) == 3


@pytest.fixture(scope="module")
def many(logs):
    """25,000 events over three streams, one millisecond apart, in one group."""
    streams = ("red", "green", "blue")
    make(logs, "/many", *streams)
    base = now_ms() - HOUR
    for index, stream in enumerate(streams):
        events = [{"timestamp": base + n, "message": f"event {n} of {stream}"} for n in range(index, 25_000, 3)]
        logs.put_log_events(logGroupName="/many", logStreamName=stream, logEvents=events)
    return base


def test_filter_loop_sees_everything_once_in_order(logs, many):
    events, pages = filter_all(logs, logGroupName="/many")
    assert [e["timestamp"] for e in events] == list(range(many, many + 25_000))
    assert len({e["eventId"] for e in events}) == 25_000
    assert all(e["eventId"].isdigit() and len(e["eventId"]) == 56 for e in events[:10])
    assert events[0]["logStreamName"] == "red" and events[1]["logStreamName"] == "green"
    assert pages >= 3, "a page holds at most 10,000 events"
    page = logs.filter_log_events(logGroupName="/many")
    assert len(page["events"]) == 10_000 and page["searchedLogStreams"] == []


def test_filter_by_stream_limit_and_pattern(logs, many):
    events, _ = filter_all(logs, logGroupName="/many", logStreamNames=["green", "blue"], filterPattern="%event 1[0-9]{2} %")
    assert [e["timestamp"] - many for e in events] == [n for n in range(100, 200) if n % 3]
    events, pages = filter_all(logs, logGroupName="/many", logStreamNamePrefix="gr", filterPattern='"event 4 "', limit=1)
    assert [e["message"] for e in events] == ["event 4 of green"]
    assert code_of(logs.filter_log_events, logGroupName="/many", logStreamNames=["red"], logStreamNamePrefix="r") == "InvalidParameterException"


def test_ends_of_filter_are_inclusive_and_those_of_get_are_not(logs, many):
    events, _ = filter_all(logs, logGroupName="/many", startTime=many + 3, endTime=many + 9)
    assert [e["timestamp"] - many for e in events] == [3, 4, 5, 6, 7, 8, 9]
    events = get_all(logs, logGroupName="/many", logStreamName="red", startTime=many + 3, endTime=many + 9)
    assert [e["timestamp"] - many for e in events] == [3, 6]


def test_newest_first(logs, many):
    page = logs.filter_log_events(logGroupName="/many", startFromHead=False, startTime=many, limit=3)
    assert [e["timestamp"] - many for e in page["events"]] == [24_999, 24_998, 24_997]
    page = logs.filter_log_events(logGroupName="/many", startFromHead=False, startTime=many, limit=3, nextToken=page["nextToken"])
    assert [e["timestamp"] - many for e in page["events"]] == [24_996, 24_995, 24_994]


def test_get_forward_and_backward(logs, many):
    at = {"logGroupName": "/many", "logStreamName": "red"}
    whole = [e["timestamp"] - many for e in get_all(logs, **at, limit=1000)]
    assert whole == list(range(0, 25_000, 3))
    newest = logs.get_log_events(**at, limit=10)
    assert [e["timestamp"] - many for e in newest["events"]] == whole[-10:], "the newest page, ascending inside"
    older = logs.get_log_events(**at, limit=10, nextToken=newest["nextBackwardToken"])
    assert [e["timestamp"] - many for e in older["events"]] == whole[-20:-10]
    again = logs.get_log_events(**at, limit=10, nextToken=older["nextForwardToken"])
    assert [e["timestamp"] - many for e in again["events"]] == whole[-10:]
    assert newest["nextForwardToken"].startswith("f/") and newest["nextBackwardToken"].startswith("b/")


def test_a_token_follows_what_is_written_later(logs):
    at = make(logs, "/tail")
    base = now_ms()
    logs.put_log_events(**at, logEvents=[{"timestamp": base, "message": "first"}])
    page = logs.get_log_events(**at, startFromHead=True)
    token = page["nextForwardToken"]
    assert logs.get_log_events(**at, startFromHead=True, nextToken=token)["nextForwardToken"] == token
    logs.put_log_events(**at, logEvents=[{"timestamp": base + 1, "message": "second"}])
    page = logs.get_log_events(**at, startFromHead=True, nextToken=token)
    assert [e["message"] for e in page["events"]] == ["second"]


def test_a_page_holds_a_megabyte(logs):
    at = make(logs, "/wide")
    base = now_ms() - HOUR
    for batch in range(3):
        logs.put_log_events(**at, logEvents=[{"timestamp": base + batch * 10 + n, "message": str(n) + "x" * 100_000} for n in range(10)])
    page = logs.get_log_events(**at, startFromHead=True)
    assert 5 <= len(page["events"]) <= 10
    assert len(get_all(logs, **at)) == 30
    events, _ = filter_all(logs, logGroupName="/wide")
    assert len(events) == 30


LINES = [
    "[ERROR] disk full",
    "[WARN] disk slow",
    "error in lower case",
    '{"level":"ERROR","status":500,"user":{"name":"ann"},"tags":["a","b"],"slow":true,"gone":null}',
    '{"level":"INFO","status":200,"user":{"name":"bob"},"tags":["c"],"slow":false}',
    '10.0.0.1 - ann [10/Oct/2026:13:55:36 -0700] "GET /a.html HTTP/1.0" 404 2326',
    '10.0.0.2 - bob [10/Oct/2026:13:55:37 -0700] "POST /b.html HTTP/1.0" 200 12',
    "{ broken json ERROR",
]


@pytest.fixture(scope="module")
def lines(logs):
    at = make(logs, "/lines")
    base = now_ms() - HOUR
    logs.put_log_events(**at, logEvents=[{"timestamp": base + n, "message": line} for n, line in enumerate(LINES)])


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("", range(8)), (" ", range(8)), ("ERROR", [0, 3, 7]), ("disk full", [0]), ("?full ?slow", [0, 1, 3, 4]), ("disk -WARN", [0]),
        ('"disk slow"', [1]), ('-"disk"', [2, 3, 4, 5, 6, 7]), ("%[Ee]rror%", [2]), ("%^10\\.0%", [5, 6]),
        ('{ $.level = "ERROR" }', [3]), ("{ $.status >= 500 }", [3]), ("{ $.status != 500 }", [4]), ('{ $.user.name = "b*" }', [4]),
        ('{ $.tags[0] = "c" }', [4]), ("{ $.slow IS TRUE }", [3]), ("{ $.slow IS FALSE }", [4]), ("{ $.gone IS NULL }", [3]),
        ("{ $.gone NOT EXISTS }", [4]), ('{ ($.status = 200 || $.status = 500) && $.user.name = "ann" }', [3]),
        ('{ $.level = %^E% }', [3]), ("[ip, dash, user, time, request, status = 4*, bytes]", [5]),
        ("[ip, dash, user = bob, ..., bytes < 100]", [6]), ("[..., status = 404 || status = 200, bytes > 1000]", [5]),
        ("[ip, dash, user]", [0, 1]), ("[kind = %ERROR%, rest, more]", [0]), ("[a, b]", []),
    ],
    ids=str,
)
def test_filter_patterns(logs, lines, pattern, expected):
    events, _ = filter_all(logs, logGroupName="/lines", filterPattern=pattern)
    assert [LINES.index(e["message"]) for e in events] == list(expected)


def test_tags_and_identifiers(logs):
    logs.create_log_group(logGroupName="/tags", tags={"a": "1"})
    logs.create_log_stream(logGroupName="/tags", logStreamName="s")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/tags")["logGroups"]
    logs.tag_resource(resourceArn=group["logGroupArn"], tags={"b": "2"})
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"a": "1", "b": "2"}
    logs.untag_resource(resourceArn=group["logGroupArn"], tagKeys=["a"])
    assert list(logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"]) == ["b"]
    logs.put_log_events(logGroupName="/tags", logStreamName="s", logEvents=[{"timestamp": now_ms(), "message": "m"}])
    for identifier in ("/tags", group["logGroupArn"]):
        assert len(logs.filter_log_events(logGroupIdentifier=identifier)["events"]) == 1
        assert len(logs.get_log_events(logGroupIdentifier=identifier, logStreamName="s")["events"]) == 1
    assert code_of(logs.filter_log_events, logGroupIdentifier="/tags", logGroupName="/tags") == "InvalidParameterException"


def test_regions_do_not_see_each_other(server, logs):
    logs.create_log_group(logGroupName="/here")
    elsewhere = server.client("logs", region="eu-central-1")
    assert elsewhere.describe_log_groups(logGroupNamePrefix="/here")["logGroups"] == []
    elsewhere.create_log_group(logGroupName="/here")
    (group,) = elsewhere.describe_log_groups(logGroupNamePrefix="/here")["logGroups"]
    assert group["arn"] == "arn:aws:logs:eu-central-1:123456789012:log-group:/here:*"


def test_bad_entities_are_said_and_the_data_kept(logs):
    at = make(logs, "/entity")
    answer = logs.put_log_events(**at, logEvents=[{"timestamp": now_ms(), "message": "m"}], entity={"keyAttributes": {"Type": "Nonsense", "Name": "x"}})
    assert answer["rejectedEntityInfo"]["errorType"]
    assert len(get_all(logs, **at)) == 1


def test_the_servers_own_log_is_there(server, logs):
    from trailwatch import wait_until

    def lines():
        try:
            return logs.filter_log_events(logGroupName="/trailwatch/server", filterPattern='{ $.level = "INFO" }')["events"]
        except ClientError:
            return []

    assert wait_until(lines, 30, "the server's own log in /trailwatch/server")
