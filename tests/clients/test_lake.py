"""CloudTrail Lake: event data stores asked in SQL with boto3 and the aws cli; results outlive a kill -9."""

import json

import pytest
from botocore.exceptions import ClientError
from trailwatch import wait_until

#: Longest wait for a query, seconds.
ENDS = 60


@pytest.fixture(scope="module")
def store(cloudtrail, logs):
    """A store of all management events, and some events that it took in."""
    made = cloudtrail.create_event_data_store(Name="all-management-events", TerminationProtectionEnabled=False)
    for n in range(3):
        logs.create_log_group(logGroupName=f"lake-{n}")
    with pytest.raises(ClientError):
        logs.create_log_group(logGroupName="lake-0")
    logs.describe_log_groups(logGroupNamePrefix="lake-")
    return made["EventDataStoreArn"].rsplit("/", 1)[1]


def ask(client, statement):
    """The rows of a statement, as lists of (column, text)."""
    query = client.start_query(QueryStatement=statement)["QueryId"]
    return results(client, query)


def results(client, query):
    described = ended(client, query)
    assert described["QueryStatus"] == "FINISHED", described
    rows, parameters = [], {"QueryId": query, "MaxQueryResults": 2}
    while True:
        page = client.get_query_results(**parameters)
        rows += [[item for column in row for item in column.items()] for row in page["QueryResultRows"]]
        if "NextToken" not in page:
            assert page["QueryStatistics"]["TotalResultsCount"] == len(rows)
            return rows
        parameters["NextToken"] = page["NextToken"]


def ended(client, query):
    def look():
        described = client.describe_query(QueryId=query)
        return None if described["QueryStatus"] in ("QUEUED", "RUNNING") else described

    return wait_until(look, ENDS, "the query to end")


def test_events_are_counted_grouped_and_looked_into(cloudtrail, store):
    found = ask(cloudtrail, f"""
        SELECT eventName, element_at(requestParameters, 'logGroupName') AS logGroup, errorCode, userIdentity.type FROM {store}
        WHERE eventSource = 'logs.amazonaws.com' AND eventName = 'CreateLogGroup' ORDER BY eventTime, errorCode, logGroup""")
    groups = sorted((dict(row)["loggroup"], dict(row)["errorcode"]) for row in found)
    assert groups == [("lake-0", ""), ("lake-0", "ResourceAlreadyExistsException"), ("lake-1", ""), ("lake-2", "")]
    assert found[0][0] == ("eventname", "CreateLogGroup") and found[0][3] == ("type", "Root")
    counted = ask(cloudtrail, f"SELECT count(*) AS n FROM {store} WHERE readOnly = false AND eventName LIKE 'CreateLog%'")
    assert counted == [[("n", "4")]]


def test_subqueries_windows_and_unions(cloudtrail, store):
    found = ask(cloudtrail, f"""
        WITH ranked AS (SELECT eventName, row_number() OVER (PARTITION BY eventName ORDER BY eventTime) AS place FROM {store}
            WHERE eventSource = 'logs.amazonaws.com')
        SELECT eventName FROM ranked WHERE place = 1 UNION SELECT 'none' ORDER BY 1""")
    assert [row[0][1] for row in found] == ["CreateLogGroup", "DescribeLogGroups", "none"]


def test_lists_and_maps_become_rows(cloudtrail, store):
    found = ask(cloudtrail, f"""
        SELECT eventName, k, v FROM {store} CROSS JOIN UNNEST(requestParameters) AS t(k, v)
        WHERE eventName = 'CreateLogGroup' AND k = 'logGroupName' AND errorCode IS NULL ORDER BY v""")
    assert [row[2][1] for row in found] == ["lake-0", "lake-1", "lake-2"]
    (counts,) = ask(cloudtrail, f"SELECT histogram(eventName) AS n, try(1 / count_if(eventName = 'None')) AS none FROM {store} "
                                "WHERE eventName LIKE '%LogGroup%' AND eventSource = 'logs.amazonaws.com'")  # fmt: skip
    assert counts == [("n", "{CreateLogGroup=4, DescribeLogGroups=1}"), ("none", "")]
    with pytest.raises(ClientError) as raised:
        cloudtrail.start_query(QueryStatement=f"SELECT x FROM {store} CROSS JOIN UNNEST(eventName) AS t(x)")
    assert raised.value.response["Error"]["Code"] == "InvalidQueryStatementException"
    assert "Cannot unnest type: varchar" in raised.value.response["Error"]["Message"]


def test_mistakes_are_told_with_their_place(cloudtrail, store):
    for statement, part in [
        (f"SELECT nonsense FROM {store}", "line 1:8"),
        (f"SELECT eventName\nFROM {store} WHERE frobnicate(eventName)", "line 2:49: Function 'frobnicate' not registered"),
        (f"DELETE FROM {store}", "Only SELECT"),
    ]:
        with pytest.raises(ClientError) as raised:
            cloudtrail.start_query(QueryStatement=statement)
        assert raised.value.response["Error"]["Code"] == "InvalidQueryStatementException"
        assert part in raised.value.response["Error"]["Message"]


def test_the_aws_cli_starts_and_reads_a_query(server, store):
    started = server.cli("cloudtrail", "start-query", "--query-statement", f"SELECT eventID, eventJson FROM {store} LIMIT 1")

    def look():
        answer = server.cli("cloudtrail", "get-query-results", "--query-id", started["QueryId"])
        return answer if answer["QueryStatus"] == "FINISHED" else None

    (row,) = wait_until(look, ENDS, "the query to end")["QueryResultRows"]
    assert json.loads(row[1]["eventjson"])["eventID"] == row[0]["eventid"]


def test_a_store_that_is_to_be_deleted_is_not_asked(cloudtrail):
    made = cloudtrail.create_event_data_store(Name="short-lived", TerminationProtectionEnabled=False)
    arn = made["EventDataStoreArn"]
    cloudtrail.delete_event_data_store(EventDataStore=arn)
    assert cloudtrail.get_event_data_store(EventDataStore=arn)["Status"] == "PENDING_DELETION"
    with pytest.raises(cloudtrail.exceptions.InactiveEventDataStoreException):
        cloudtrail.start_query(QueryStatement=f"SELECT 1 FROM {arn.rsplit('/', 1)[1]}")
    assert cloudtrail.restore_event_data_store(EventDataStore=arn)["Status"] == "ENABLED"


def test_results_outlive_a_kill(make_server):
    server = make_server("killed").start()
    client = server.client("cloudtrail")
    made = client.create_event_data_store(Name="kept", TerminationProtectionEnabled=False)
    store = made["EventDataStoreArn"].rsplit("/", 1)[1]
    client.list_trails()
    query = client.start_query(QueryStatement=f"SELECT count(*) AS n FROM {store} WHERE eventName = 'ListTrails'")["QueryId"]
    before = results(client, query)
    server.kill()
    server.start()
    client = server.client("cloudtrail")
    assert results(client, query) == before == [[("n", "1")]]
    assert [q["QueryId"] for q in client.list_queries(EventDataStore=store)["Queries"]] == [query]
