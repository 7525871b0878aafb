"""Logs Insights with boto3 and the aws cli: queries, their life, saved queries, lookup tables, schedules."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from test_logs import code_of, make, now_ms
from trailwatch import wait_until


def put(logs, names, lines, at=None):
    start = at or now_ms() - 60_000
    events = [{"timestamp": start + n, "message": line} for n, line in enumerate(lines)]
    assert "rejectedLogEventsInfo" not in logs.put_log_events(**names, logEvents=events)
    return start


def start(logs, groups, text, **more):
    now = int(time.time())
    times = {"startTime": now - 3600, "endTime": now + 60}
    return logs.start_query(logGroupNames=groups, queryString=text, **{**times, **more})["queryId"]


def ended(logs, query):
    """Results of a query, once it has ended."""
    def look():
        results = logs.get_query_results(queryId=query)
        return results if results["status"] not in ("Scheduled", "Running") else None

    return wait_until(look, 60, "the query ends")


def ask(logs, groups, text, **more):
    results = ended(logs, start(logs, groups, text, **more))
    assert results["status"] == "Complete", results
    return [{cell["field"]: cell["value"] for cell in row} for row in results["results"]]


@pytest.fixture(scope="module")
def shop(logs):
    names = make(logs, "/shop", "web-1")
    lines = [
        json.dumps({"status": 500 if n % 10 == 0 else 200, "path": f"/item/{n % 3}", "ms": n, "user": {"name": f"u{n % 2}"}})
        for n in range(100)
    ]
    put(logs, names, [*lines, "plain text ERROR disk 7 failed"])
    return ["/shop"]


def test_counts_by_field(logs, shop):
    rows = ask(logs, shop, "filter ispresent(status) | stats count(*) as n, avg(ms) as mean by status | sort status")
    assert rows == [{"status": "200", "n": "90", "mean": "50"}, {"status": "500", "n": "10", "mean": "45"}]


def test_access_lines_have_fields(logs):
    line = '10.0.0.{} - - [01/Mar/2026:00:00:00 +0000] "GET /item/{} HTTP/1.1" {} 512 "-" "curl/8"'
    put(logs, make(logs, "/access", "web-1"), [line.format(n, n % 2, 500 if n == 3 else 200) for n in range(5)])
    rows = ask(logs, ["/access"], "stats count(*) as n by status, path | sort status, path")
    assert [(row["status"], row["path"], row["n"]) for row in rows] == [("200", "/item/0", "3"), ("200", "/item/1", "1"), ("500", "/item/1", "1")]
    assert ask(logs, ["/access"], "filter status >= 500 | stats count(*) as n by host, userAgent") == [{"host": "10.0.0.3", "userAgent": "curl/8", "n": "1"}]


def test_sort_is_that_of_the_guide(logs):
    # The example of its page "sort", in its order.
    ascending = "! # *%04 0# 5A 111A 2345_ @ @_ A A9876fghj a12345hfh 0 1 2 3".split()
    put(logs, make(logs, "/sorted", "s"), [json.dumps({"v": value}) for value in sorted(ascending)])
    rows = ask(logs, ["/sorted"], "fields v | sort v asc")
    assert [row["v"] for row in rows] == ascending
    assert [row["v"] for row in ask(logs, ["/sorted"], "stats count(*) by v | sort v desc")] == ascending[::-1]


def test_events_come_newest_first_with_pointers(logs, shop):
    rows = ask(logs, shop, "fields @timestamp, @message, user.name | filter status = 500 | limit 3")
    assert [json.loads(row["@message"])["ms"] for row in rows] == [90, 80, 70]
    assert rows[0]["user.name"] == "u0"
    record = logs.get_log_record(logRecordPointer=rows[0]["@ptr"])["logRecord"]
    assert (record["ms"], record["user.name"], record["@logStream"]) == ("90", "u0", "web-1")
    assert record["@message"] == rows[0]["@message"]
    with pytest.raises(ClientError):
        logs.get_log_record(logRecordPointer="nonsense")


def test_text_is_parsed(logs, shop):
    rows = ask(logs, shop, 'filter @message like /ERROR/ | parse @message "disk * failed" as disk | display disk')
    assert [row["disk"] for row in rows] == ["7"]


def test_chained_stats_and_bins(logs, shop):
    text = "stats sum(ms) as total by path, bin(1h) | stats max(total) as highest, count(*) as paths"
    (row,) = ask(logs, shop, "filter ispresent(path) | " + text)
    assert int(row["paths"]) >= 3 and float(row["highest"]) > 0


def test_other_languages(logs, shop):
    now = int(time.time())
    times = {"startTime": now - 3600, "endTime": now + 60}
    sql = "SELECT status, COUNT(*) AS n FROM `/shop` WHERE status IS NOT NULL GROUP BY status ORDER BY n DESC"
    query = logs.start_query(queryLanguage="SQL", queryString=sql, **times)["queryId"]
    rows = [{cell["field"]: cell["value"] for cell in row} for row in ended(logs, query)["results"]]
    assert [(row["status"], row["n"]) for row in rows] == [("200", "90"), ("500", "10")]
    ppl = "source = [lg:`/shop`] | where status = 500 | stats count() as n by path | sort path"
    query = logs.start_query(queryLanguage="PPL", queryString=ppl, **times)["queryId"]
    rows = [{cell["field"]: cell["value"] for cell in row} for row in ended(logs, query)["results"]]
    assert sum(int(row["n"]) for row in rows) == 10


def test_newer_commands(logs, shop):
    rows = ask(logs, shop, "filter ispresent(ms) | sort ms | fields ms | accum ms as sum | tail 1")
    assert (rows[0]["ms"], rows[0]["sum"]) == ("99", "4950")
    rows = ask(logs, shop, "filter ispresent(ms) | stats count(*) as n by status | appendcols (stats max(ms) as most)")
    assert rows[0]["most"] == "99" and "most" not in rows[1]
    (row,) = ask(logs, shop, 'fields sha256(path) as h, regex_replace(path, "[0-9]", "N") as p | filter ms = 0')
    assert row["p"] == "/item/N" and len(row["h"]) == 64
    rows = ask(logs, shop, "relevantfields status, path where ms < 0 or status = 500")
    assert (rows[0]["@fieldName"], rows[0]["@relevanceScore"]) == ("status", "1")
    (row,) = ask(logs, shop, "filter status = 500 | estimate")
    assert int(row["estimatedBytesScanned"]) > 101 * 26


def test_anomalies_among_patterns(logs):
    names = make(logs, "/odd", "s")
    begin = now_ms() - 50 * 60_000
    for minute in range(50):
        lines = [f"[INFO] request {minute * 20 + n} is done" for n in range(20)]
        if minute == 40:
            lines.append("[ERROR] the disk is full")
        put(logs, names, lines, at=begin + minute * 60_000)
    rows = ask(logs, ["/odd"], "pattern @message | anomaly | filter @anomalyScore > 0")
    assert [(row["@pattern"], row["@anomalyType"]) for row in rows] == [("[ERROR] the disk is full", "New Pattern")]


def test_windows_and_unions(logs, shop):
    now = int(time.time())
    times = {"startTime": now - 3600, "endTime": now + 60}

    def rows(language, text):
        query = logs.start_query(queryLanguage=language, queryString=text, **times)["queryId"]
        results = ended(logs, query)
        assert results["status"] == "Complete", text
        return [[cell["value"] for cell in row if cell["field"] != "@ptr"] for row in results["results"]]

    sql = """WITH counts AS (SELECT status, COUNT(*) AS n FROM `/shop` WHERE status IS NOT NULL GROUP BY status)
        SELECT status, n, RANK() OVER (ORDER BY n DESC) AS place FROM counts
        UNION ALL SELECT 'all', COUNT(*), 0 FROM `/shop` WHERE status IN (SELECT status FROM counts) ORDER BY place"""
    assert rows("SQL", sql) == [["all", "100", "0"], ["200", "90", "1"], ["500", "10", "2"]]
    ppl = "source = [lg:`/shop`] | where ms < 4 | trendline sort ms sma(2, ms) as mean | fields ms, mean | tail 1"
    with pytest.raises(ClientError):
        logs.start_query(queryLanguage="PPL", queryString=ppl, **times)
    found = rows("PPL", ppl.replace(" | tail 1", "") + " | sort - ms | head 1")
    assert found == [["3", "2.5"]]


def test_joins_of_sql(logs, shop):
    put(logs, make(logs, "/owners", "s"), [json.dumps({"item": "/item/1", "team": "red"}), json.dumps({"item": "/item/9", "team": "blue"})])
    now = int(time.time())
    times = {"startTime": now - 3600, "endTime": now + 60}

    def ended_sql(text):
        results = ended(logs, logs.start_query(queryLanguage="SQL", queryString=text, **times)["queryId"])
        assert results["status"] == "Complete", text
        return [[cell["value"] for cell in row if cell["field"] != "@ptr"] for row in results["results"]], results["statistics"]

    joined = "FROM `/shop` s {} JOIN `/owners` o ON s.path = o.item"
    # Neither side of the equation is selected.
    rows, statistics = ended_sql(f"SELECT o.team, s.ms {joined.format('INNER')} WHERE s.ms < 6 ORDER BY s.ms DESC")
    assert rows == [["red", "4"], ["red", "1"]]
    assert statistics["logGroupsScanned"] == 2 and statistics["recordsScanned"] == 103
    assert ended_sql(f"SELECT o.team, count(s.ms) {joined.format('RIGHT')} GROUP BY o.team ORDER BY o.team")[0] == [["blue", "0"], ["red", "33"]]
    above = "SELECT count(*) AS n FROM `/shop` WHERE ms > (SELECT avg(ms) FROM `/shop`)"
    assert ended_sql(above)[0] == [["50"]]
    correlated = "SELECT s.ms FROM `/shop` s WHERE s.path IN (SELECT item FROM `/owners` WHERE item = s.path)"
    with pytest.raises(ClientError, match="correlated queries are not supported"):
        logs.start_query(queryLanguage="SQL", queryString=correlated, **times)


def test_mistakes_are_placed(logs, shop):
    with pytest.raises(ClientError) as raised:
        start(logs, shop, "fields @timestamp | filtr status = 1")
    error = raised.value.response
    assert error["Error"]["Code"] == "MalformedQueryException"
    location = error["queryCompileError"]["location"]
    assert location["startCharOffset"] == 20
    assert code_of(logs.start_query, logGroupNames=["/nowhere"], queryString="limit 1", startTime=0, endTime=1) == "ResourceNotFoundException"
    assert code_of(logs.start_query, queryString="limit 1", startTime=0, endTime=1) == "InvalidParameterException"
    assert code_of(logs.get_query_results, queryId="nothing") == "ResourceNotFoundException"


def test_statistics_and_listing(logs, shop):
    query = start(logs, shop, "stats count(*)")
    results = ended(logs, query)
    assert results["statistics"]["recordsScanned"] >= 101
    assert results["statistics"]["recordsMatched"] >= 101
    assert results["statistics"]["logGroupsScanned"] == 1
    listed = logs.describe_queries(logGroupName="/shop", status="Complete")["queries"]
    info = next(info for info in listed if info["queryId"] == query)
    assert info["queryString"] == "stats count(*)" and info["logGroupName"] == "/shop"
    groups = logs.list_log_groups_for_query(queryId=query)["logGroupIdentifiers"]
    assert len(groups) == 1 and groups[0].endswith(":log-group:/shop")
    assert code_of(logs.stop_query, queryId=query) == "InvalidParameterException"


def test_many_rows_are_paged(logs):
    names = make(logs, "/insights/many")
    at = now_ms() - 120_000
    for part in range(3):
        put(logs, names, [f"line {part} {n}" for n in range(5000)], at=at + part * 5000)
    query = start(logs, ["/insights/many"], "fields @message | sort @timestamp asc", limit=15000)
    first = ended(logs, query)
    assert len(first["results"]) == 10_000
    rest = logs.get_query_results(queryId=query, nextToken=first["nextToken"])
    assert len(rest["results"]) == 5000 and "nextToken" not in rest
    assert rest["results"][-1][0]["value"] == "line 2 4999"
    small = logs.get_query_results(queryId=query, maxItems=10)
    assert len(small["results"]) == 10 and small["nextToken"]


def test_fields_of_a_group(logs, shop):
    fields = {field["name"]: field["percent"] for field in logs.get_log_group_fields(logGroupName="/shop")["logGroupFields"]}
    assert fields["@message"] == 100
    assert fields["user.name"] == 100 or fields["user.name"] == 99


def test_saved_queries(logs):
    put_one = logs.put_query_definition
    parameters = [{"name": "code", "defaultValue": "500", "description": "status"}]
    first = put_one(name="errors/by path", queryString="filter status = {{code}}", logGroupNames=["/shop"], parameters=parameters)
    put_one(name="other", queryString="limit 1")
    listed = logs.describe_query_definitions(queryDefinitionNamePrefix="errors/")["queryDefinitions"]
    assert [(d["name"], d["parameters"], d["logGroupNames"]) for d in listed] == [("errors/by path", parameters, ["/shop"])]
    put_one(name="errors/renamed", queryString="limit 2", queryDefinitionId=first["queryDefinitionId"])
    listed = logs.describe_query_definitions(queryDefinitionNamePrefix="errors/")["queryDefinitions"]
    assert [(d["name"], d["queryString"]) for d in listed] == [("errors/renamed", "limit 2")]
    token = "0123456789abcdef0123456789abcdef0123"
    again = {put_one(name="once", queryString="limit 1", clientToken=token)["queryDefinitionId"] for _ in range(2)}
    assert len(again) == 1
    assert logs.delete_query_definition(queryDefinitionId=first["queryDefinitionId"])["success"]
    assert code_of(logs.delete_query_definition, queryDefinitionId=first["queryDefinitionId"]) == "ResourceNotFoundException"


def test_lookup_tables(logs, shop):
    made = logs.create_lookup_table(lookupTableName="owners", tableBody="path,owner\n/item/0,ann\n/item/1,bob\n", tags={"a": "b"})
    assert logs.list_tags_for_resource(resourceArn=made["lookupTableArn"])["tags"] == {"a": "b"}
    text = "filter ispresent(path) | lookup owners path output owner | stats count(*) as n by owner | sort owner"
    rows = ask(logs, shop, text)
    assert {row.get("owner"): row["n"] for row in rows} == {"ann": "34", "bob": "33", None: "33"}
    described = logs.describe_lookup_tables()["lookupTables"]
    assert [(t["lookupTableName"], t["tableFields"], t["recordsCount"]) for t in described] == [("owners", ["path", "owner"], 2)]
    query = start(logs, shop, "filter ispresent(path) | stats count(*) as n by path | sort path")
    ended(logs, query)
    logs.update_lookup_table(lookupTableArn=made["lookupTableArn"], queryId=query)
    body = logs.get_lookup_table(lookupTableArn=made["lookupTableArn"])["tableBody"]
    assert body.splitlines()[0] == "path,n"
    assert code_of(logs.create_lookup_table, lookupTableName="owners", tableBody="a\n1\n") == "ResourceAlreadyExistsException"
    logs.delete_lookup_table(lookupTableArn=made["lookupTableArn"])
    assert code_of(logs.get_lookup_table, lookupTableArn=made["lookupTableArn"]) == "ResourceNotFoundException"


def test_scheduled_queries(logs, shop):
    role = "arn:aws:iam::123456789012:role/queries"
    made = logs.create_scheduled_query(
        name="every minute", queryLanguage="CWLI", queryString="stats count(*) as n by path", logGroupIdentifiers=shop,
        scheduleExpression="cron(* * * * ? *)", executionRoleArn=role, startTimeOffset=3600,
        destinationConfiguration={"lookupTableConfiguration": {"tableName": "counts", "roleArn": role}},
    )
    shown = logs.get_scheduled_query(identifier="every minute")
    assert (shown["scheduledQueryArn"], shown["state"]) == (made["scheduledQueryArn"], "ENABLED")

    def ran():
        now = now_ms()
        history = logs.get_scheduled_query_history(identifier=made["scheduledQueryArn"], startTime=now - 600_000, endTime=now)
        return [run for run in history["triggerHistory"] if run["executionStatus"] == "Complete"]

    run = wait_until(ran, 100, "the query has run")[0]
    assert run["destinations"][0]["status"] == "COMPLETE"
    assert "path,n" in logs.get_lookup_table(lookupTableArn=run["destinations"][0]["processedIdentifier"])["tableBody"]
    assert logs.get_query_results(queryId=run["queryId"])["status"] == "Complete"
    shown = logs.list_scheduled_queries()["scheduledQueries"]
    assert [(query["name"], query["lastExecutionStatus"]) for query in shown] == [("every minute", "Complete")]
    bad = {"name": "bad", "queryLanguage": "CWLI", "executionRoleArn": role, "logGroupIdentifiers": shop}
    assert code_of(logs.create_scheduled_query, queryString="limit 1", scheduleExpression="rate(1 minute)", **bad) == "ValidationException"
    assert code_of(logs.create_scheduled_query, queryString="limitt", scheduleExpression="cron(* * * * ? *)", **bad) == "ValidationException"
    logs.delete_scheduled_query(identifier="every minute")
    assert code_of(logs.get_scheduled_query, identifier="every minute") == "ResourceNotFoundException"


def test_answers_survive_a_crash(make_server):
    server = make_server().start()
    logs = server.client("logs")
    names = make(logs, "/crash")
    put(logs, names, ["a", "b"])
    query = start(logs, ["/crash"], "stats count(*) as n")
    ended(logs, query)
    server.kill()
    server.expect_complaint("torn")
    server.start()
    logs = server.client("logs")
    assert logs.get_query_results(queryId=query)["results"] == [[{"field": "n", "value": "2"}]]


def test_the_cli_queries(server, shop):
    now = int(time.time())
    begun = server.cli(
        "logs", "start-query", "--log-group-name", "/shop", "--start-time", now - 3600, "--end-time", now + 60,
        "--query-string", "stats count(*) as n by status | sort n desc",
    )

    def look():
        results = server.cli("logs", "get-query-results", "--query-id", begun["queryId"])
        return results if results["status"] == "Complete" else None

    assert {"field": "n", "value": "90"} in wait_until(look, 60, "the query ends")["results"][0]
