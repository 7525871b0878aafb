"""Dashboards of CloudTrail Lake with the aws cli and boto3: widgets as AWS's own examples have them, refreshed and read; generated queries."""

import json

import pytest
from botocore.exceptions import ClientError
from test_lake import results
from trailwatch import wait_until


@pytest.fixture(scope="module")
def store(cloudtrail, logs):
    made = cloudtrail.create_event_data_store(Name="dashboards", TerminationProtectionEnabled=False)
    for n in range(3):
        logs.create_log_group(logGroupName=f"dashboard-{n}")
    with pytest.raises(ClientError):
        logs.create_log_group(logGroupName="dashboard-0")
    permit(cloudtrail, made["EventDataStoreArn"], "StartQuery")
    return made["EventDataStoreArn"].rsplit("/", 1)[1]


def permit(client, resource, action):
    """Lets CloudTrail do an action on a store or a dashboard, as AWS's examples of policies do."""
    account = resource.split(":")[4]
    dashboards = resource.rsplit(":", 1)[0] + ":dashboard/*"
    statement = {
        "Sid": "Refreshes", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": f"cloudtrail:{action}", "Resource": resource,
        "Condition": {"StringLike": {"AWS:SourceArn": dashboards}, "StringEquals": {"AWS:SourceAccount": account}},
    }  # fmt: skip
    client.put_resource_policy(ResourceArn=resource, ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def widgets(store):
    errors = f"SELECT errorCode, COUNT(*) AS eventCount FROM {store} WHERE eventTime > '?' AND eventTime < '?' AND (errorCode is not null) GROUP BY errorCode ORDER BY eventCount DESC LIMIT 100"
    activity = (
        f"SELECT DATE_TRUNC('?', eventTime) AS eventDate, COUNT(*) AS eventCount FROM {store} WHERE eventTime > '?' AND eventTime < '?' AND eventName = 'CreateLogGroup' "
        "GROUP BY DATE_TRUNC('?', eventTime) ORDER BY DATE_TRUNC('?', eventTime)"
    )
    view = {"Height": "2", "Width": "4"}
    return [
        {"ViewProperties": {**view, "Title": "TopErrors", "View": "Table"}, "QueryStatement": errors, "QueryParameters": ["$StartTime$", "$EndTime$"]},
        {"ViewProperties": {**view, "Title": "AccountActivity", "View": "LineChart", "YAxisColumn": "eventCount", "XAxisColumn": "eventDate"}, "QueryStatement": activity,
         "QueryParameters": ["$Period$", "$StartTime$", "$EndTime$", "$Period$", "$Period$"]},
    ]  # fmt: skip


def refreshed(client, dashboard, refresh):
    """The rows of each widget after a refresh, by the widget's title."""
    found = {}
    for widget in client.get_dashboard(DashboardId=dashboard)["Widgets"]:
        query = client.describe_query(QueryAlias=widget["QueryAlias"], RefreshId=refresh)["QueryId"]
        found[widget["ViewProperties"]["Title"]] = results(client, query)
    return found


def test_the_aws_cli_makes_refreshes_and_deletes_a_dashboard(server, cloudtrail, store):
    made = server.cli("cloudtrail", "create-dashboard", "--name", "AccountActivityDashboard", "--widgets", json.dumps(widgets(store)),
                      "--refresh-schedule", json.dumps({"Frequency": {"Unit": "HOURS", "Value": 12}, "Status": "ENABLED", "TimeOfDay": "00:00"}))  # fmt: skip
    assert [widget["ViewProperties"]["Title"] for widget in made["Widgets"]] == ["TopErrors", "AccountActivity"]
    refresh = server.cli("cloudtrail", "start-dashboard-refresh", "--dashboard-id", "AccountActivityDashboard")["RefreshId"]
    rows = refreshed(cloudtrail, made["DashboardArn"], refresh)
    assert rows["TopErrors"] == [[("errorcode", "ResourceAlreadyExistsException"), ("eventcount", "1")]]
    assert sum(int(row[1][1]) for row in rows["AccountActivity"]) == 4
    none = server.cli("cloudtrail", "start-dashboard-refresh", "--dashboard-id", "AccountActivityDashboard", "--query-parameter-values",
                      json.dumps({"$StartTime$": "2020-01-01T00:00:00Z", "$EndTime$": "2020-02-01T00:00:00Z", "$Period$": "day"}))["RefreshId"]  # fmt: skip
    assert refreshed(cloudtrail, made["DashboardArn"], none) == {"TopErrors": [], "AccountActivity": []}
    listed = server.cli("cloudtrail", "list-dashboards", "--name-prefix", "Account")["Dashboards"]
    assert listed == [{"DashboardArn": made["DashboardArn"], "Type": "CUSTOM"}]
    assert server.cli("cloudtrail", "get-dashboard", "--dashboard-id", made["DashboardArn"])["LastRefreshId"] == none
    server.cli("cloudtrail", "delete-dashboard", "--dashboard-id", "AccountActivityDashboard")
    with pytest.raises(cloudtrail.exceptions.ResourceNotFoundException):
        cloudtrail.get_dashboard(DashboardId="AccountActivityDashboard")


def test_a_dashboard_outlives_a_kill(make_server):
    server = make_server("killed").start()
    server.expect_complaint("cut a torn tail off the journal")
    client = server.client("cloudtrail")
    arn = client.create_event_data_store(Name="kept", TerminationProtectionEnabled=False)["EventDataStoreArn"]
    permit(client, arn, "StartQuery")
    store = arn.rsplit("/", 1)[1]
    client.list_trails()
    count = {"QueryStatement": f"SELECT count(*) AS n FROM {store} WHERE eventName = 'ListTrails'", "ViewProperties": {"Title": "Trails", "View": "Table"}}
    made = client.create_dashboard(Name="kept", Widgets=[count], TerminationProtectionEnabled=True)
    refresh = client.start_dashboard_refresh(DashboardId="kept")["RefreshId"]
    assert refreshed(client, "kept", refresh) == {"Trails": [[("n", "1")]]}
    server.kill()
    server.start()
    client = server.client("cloudtrail")
    assert client.get_dashboard(DashboardId="kept")["Widgets"] == made["Widgets"]
    assert refreshed(client, "kept", refresh) == {"Trails": [[("n", "1")]]}
    with pytest.raises(client.exceptions.ConflictException):
        client.delete_dashboard(DashboardId="kept")


def test_a_refresh_without_leave_fails_and_says_why(cloudtrail, store):
    closed = cloudtrail.create_event_data_store(Name="closed", TerminationProtectionEnabled=False)["EventDataStoreArn"]
    count = {"QueryStatement": f"SELECT count(*) AS n FROM {closed.rsplit('/', 1)[1]}", "ViewProperties": {"Title": "Events", "View": "Table"}}
    made = cloudtrail.create_dashboard(Name="closed", Widgets=[count])
    refresh = cloudtrail.start_dashboard_refresh(DashboardId="closed")["RefreshId"]
    query = cloudtrail.describe_query(QueryAlias=made["Widgets"][0]["QueryAlias"], RefreshId=refresh)
    assert query["QueryStatus"] == "FAILED"
    assert f"not authorized to perform: cloudtrail:StartQuery on resource: {closed} " in query["ErrorMessage"]


def test_another_account_asks_a_store_whose_policy_lets_it(make_server):
    # In open mode a key of twelve digits is an account of its own.
    server = make_server("accounts", "--open").start()
    cloudtrail, guest = (server.client("cloudtrail", key=account, secret="any") for account in ("111111111111", "999999999999"))
    arn = cloudtrail.create_event_data_store(Name="shared", TerminationProtectionEnabled=False)["EventDataStoreArn"]
    owner, id = arn.split(":")[4], arn.rsplit("/", 1)[1]
    cloudtrail.list_trails()
    asked = {"QueryStatement": f"SELECT count(*) AS n FROM {id} WHERE eventName = 'ListTrails'", "EventDataStoreOwnerAccountId": owner}
    with pytest.raises(ClientError, match="no resource-based policy allows the cloudtrail:StartQuery action"):
        guest.start_query(**asked)
    actions = [f"cloudtrail:{action}" for action in ("StartQuery", "DescribeQuery", "GetQueryResults", "GetEventDataStore")]
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": actions, "Resource": arn}
    cloudtrail.put_resource_policy(ResourceArn=arn, ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert guest.get_event_data_store(EventDataStore=arn)["Name"] == "shared"
    query = {"QueryId": guest.start_query(**asked)["QueryId"], "EventDataStoreOwnerAccountId": owner}
    wait_until(lambda: guest.describe_query(**query)["QueryStatus"] not in ("QUEUED", "RUNNING"), 60, "the query ends")
    assert guest.get_query_results(**query)["QueryResultRows"] == [[{"n": "1"}]]
    with pytest.raises(ClientError, match="cloudtrail:CancelQuery"):
        guest.cancel_query(**query)
    cloudtrail.delete_resource_policy(ResourceArn=arn)
    with pytest.raises(ClientError, match="cloudtrail:GetQueryResults"):
        guest.get_query_results(**query)


def test_a_generated_query_runs_by_its_alias(cloudtrail, store):
    made = cloudtrail.generate_query(EventDataStores=[store], Prompt="What are the most frequent errors?")
    query = cloudtrail.start_query(QueryAlias=made["QueryAlias"])["QueryId"]
    rows = results(cloudtrail, query)
    # Other tests of the module are refused, too, and for other reasons.
    assert "ResourceAlreadyExistsException" in [dict(row)["errorcode"] for row in rows]
    assert cloudtrail.describe_query(QueryAlias=made["QueryAlias"])["Prompt"] == "What are the most frequent errors?"
    with pytest.raises(cloudtrail.exceptions.GenerateResponseException):
        cloudtrail.generate_query(EventDataStores=[store], Prompt="Write a poem about the sea")


def test_federation_is_answered_truthfully(cloudtrail, store):
    with pytest.raises(cloudtrail.exceptions.UnsupportedOperationException):
        cloudtrail.enable_federation(EventDataStore=store, FederationRoleArn="arn:aws:iam::123456789012:role/federation")
    assert cloudtrail.disable_federation(EventDataStore=store)["FederationStatus"] == "DISABLED"
    assert cloudtrail.get_event_data_store(EventDataStore=store)["FederationStatus"] == "DISABLED"
