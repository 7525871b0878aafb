"""Nothing of one account or region shows in another: every reading operation, asked by each owner for its own and for the others'.

The operations are those of docs/operations.md, which is made from the table that is served: a new one without a case here fails. An owner
is an account in a region; all have resources of the same names, told apart by marks. The server's own account is not among them.
"""

import datetime
import json
import re
import time

import pytest
from botocore.exceptions import ClientError
from isolation import Owner, configured, ended, furnish, policy
from test_subscriptions import Receiver
from trailwatch import Paths, Server, minutes_ago, wait_until

OWNERS = [
    ("us-east-1", "111111111111", "zebra"),
    ("us-east-1", "222222222222", "okapi"),
    ("eu-west-1", "111111111111", "tapir"),
]
#: What an account has once, whatever the region.
GLOBAL = {"iam", "sts"}
GLOBAL_OPERATIONS = {("cloudwatch", "GetDashboard"), ("cloudwatch", "ListDashboards")}

#: What an account gets of a trail in another region when it names it by its ARN (DescribeTrails reference).
OF_ALL_REGIONS_BY_ARN = {("cloudtrail", "GetTrail"), ("cloudtrail", "GetEventSelectors")}


@pytest.fixture(scope="module")
def owners(tmp_path_factory):
    folder, receiver = tmp_path_factory.mktemp("isolation"), Receiver()
    address = f"http://127.0.0.1:{receiver.port}"
    config = folder / "trailwatch.toml"
    config.write_text(configured(address, OWNERS))
    server = Server(folder / "data", "--open", "--config", config).start()
    made = [Owner(server, address, account, region, mark) for region, account, mark in OWNERS]
    for owner in made:
        furnish(owner, is_first_of_account=owner.account not in [known.account for known in made[: made.index(owner)]])
    # Identities are the account's, in whatever region it is asked for them.
    made[2].key, made[2].policy, made[2].home = made[0].key, made[0].policy, made[0].home
    yield made
    assert server.stop() == 0
    receiver.down()
    assert not server.complaints()


def reading_operations():
    """Service and name of each reading operation that is served."""
    text = (Paths.workspace / "docs" / "operations.md").read_text()
    service, found = None, []
    for line in text.splitlines():
        heading, row = re.match(r"## ([a-z-]+):", line), re.match(r"\| (\w+) \| (Read|List) \|", line)
        service = heading[1] if heading else service
        if row:
            found.append((service, row[1]))
    return found


def shows(call):
    """A case whose answer holds the owner's mark."""
    return call, True


def silent(call):
    """A case whose answer is about nothing that could hold a mark, or about ids and settings alone."""
    return call, False


def metric(o):
    return dict(Namespace="Shared", MetricName="Number", Dimensions=[])


def minutes(n):
    return datetime.datetime.fromtimestamp(minutes_ago(n), datetime.timezone.utc)


def counted(c, answer):
    """An answer with numbers, and the caller's mark where they are its own."""
    return [text_of(answer), c.mark if str(int(c.number)) in text_of(answer) else "none"]


#: The metric that every owner has.
STAT = {"Id": "m", "MetricStat": {"Metric": {"Namespace": "Shared", "MetricName": "Number"}, "Period": 60, "Stat": "Sum"}}
RANGE = {"StartTime": minutes(60), "EndTime": minutes(-90)}
MILLIS = {"startTime": int(time.time() - 3600) * 1000, "endTime": int(time.time() + 3600) * 1000}


def queried(c, **groups):
    """The answer of a query of Logs Insights over groups."""
    asked = dict(startTime=int(time.time()) - 3600, endTime=int(time.time()) + 60, queryString="fields @message")
    query = c.logs.start_query(**asked, **groups)["queryId"]
    return wait_until(lambda: ended(c.logs, query), 60, "the query ends")


def stopped(c, o):
    """Stops a query that has ended, which is refused, or one of somebody else, which is not there."""
    with pytest.raises(ClientError) as caught:
        c.logs.stop_query(queryId=o.query)
    return caught.value.response["Error"]["Code"]


def tailed(c, o):
    """What a live tail of the group shows once something came."""
    stream = c.logs.start_live_tail(logGroupIdentifiers=[o.group])["responseStream"]
    shown = []
    for event in stream:
        if "sessionStart" in event:
            events = [{"timestamp": int(time.time() * 1000), "message": f"now {o.mark}"}]
            o.logs.put_log_events(logGroupName="shared", logStreamName="stream", logEvents=events)
        shown += event.get("sessionUpdate", {}).get("sessionResults", [])
        if shown:
            stream.close()
            return shown


#: `c` calls, and asks for what is `o`'s: by name it gets its own, by id and ARN nothing unless `c` is `o`.
CASES = {
    "cloudwatch": {
        "DescribeAlarmContributors": silent(lambda c, o: c.cloudwatch.describe_alarm_contributors(AlarmName="shared")),
        "DescribeAlarmHistory": shows(lambda c, o: c.cloudwatch.describe_alarm_history(AlarmName="shared")),
        "DescribeAlarms": shows(lambda c, o: c.cloudwatch.describe_alarms()),
        "DescribeAlarmsForMetric": shows(lambda c, o: c.cloudwatch.describe_alarms_for_metric(Namespace="Shared", MetricName="Number")),
        "DescribeAnomalyDetectors": shows(lambda c, o: c.cloudwatch.describe_anomaly_detectors(Namespace="Shared")),
        "DescribeInsightRules": silent(lambda c, o: c.cloudwatch.describe_insight_rules()),
        "GetAlarmMuteRule": shows(lambda c, o: c.cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="shared")),
        "GetDashboard": shows(lambda c, o: c.cloudwatch.get_dashboard(DashboardName="shared")),
        "GetDataset": silent(lambda c, o: c.cloudwatch.get_dataset(DatasetIdentifier="default")),
        "GetInsightRuleReport": shows(lambda c, o: c.cloudwatch.get_insight_rule_report(RuleName="shared", Period=60, **RANGE)),
        "GetMetricData": shows(
            lambda c, o: counted(c, c.cloudwatch.get_metric_data(MetricDataQueries=[{**STAT, "AccountId": o.account}], **RANGE))),
        "GetMetricDataQueryDefinition": shows(lambda c, o: c.cloudwatch.get_metric_data_query_definition(Id=o.question)),
        "GetMetricStatistics": shows(
            lambda c, o: counted(c, c.cloudwatch.get_metric_statistics(Period=60, Statistics=["Sum"], **metric(o), **RANGE))),
        "GetMetricStream": shows(lambda c, o: c.cloudwatch.get_metric_stream(Name="shared")),
        "GetMetricWidgetImage": silent(lambda c, o: len(c.cloudwatch.get_metric_widget_image(
            MetricWidget=json.dumps({"metrics": [["Shared", "Number"]], "title": "t"}))["MetricWidgetImage"])),
        "GetOTelEnrichment": shows(lambda c, o: c.cloudwatch.get_o_tel_enrichment()),
        "GetResourceMetricsConfiguration": shows(
            lambda c, o: c.cloudwatch.get_resource_metrics_configuration(ResourceArn=o.instance)),
        "ListAlarmMuteRules": silent(lambda c, o: c.cloudwatch.list_alarm_mute_rules()),
        "ListDashboards": silent(lambda c, o: c.cloudwatch.list_dashboards()),
        "ListManagedInsightRules": silent(lambda c, o: c.cloudwatch.list_managed_insight_rules(ResourceARN=o.endpoint_service)),
        "ListMetricDataQueryDefinitions": shows(lambda c, o: c.cloudwatch.list_metric_data_query_definitions()),
        "ListMetricStreams": shows(lambda c, o: c.cloudwatch.list_metric_streams()),
        "ListMetrics": shows(lambda c, o: c.cloudwatch.list_metrics(Namespace="Shared", IncludeLinkedAccounts=True)),
        "ListTagsForResource": shows(
            lambda c, o: c.cloudwatch.list_tags_for_resource(ResourceARN=o.arn("cloudwatch", "alarm:shared"))),
    },
    "logs": {
        "DescribeAccountPolicies": shows(lambda c, o: c.logs.describe_account_policies(policyType="FIELD_INDEX_POLICY")),
        "DescribeConfigurationTemplates": silent(lambda c, o: c.logs.describe_configuration_templates()),
        "DescribeDeliveries": shows(lambda c, o: c.logs.describe_deliveries()),
        "DescribeDeliveryDestinations": shows(lambda c, o: c.logs.describe_delivery_destinations()),
        "DescribeDeliverySources": shows(lambda c, o: c.logs.describe_delivery_sources()),
        "DescribeDestinations": shows(lambda c, o: c.logs.describe_destinations()),
        "DescribeExportTasks": shows(lambda c, o: c.logs.describe_export_tasks()),
        "DescribeFieldIndexes": shows(lambda c, o: c.logs.describe_field_indexes(logGroupIdentifiers=[o.group])),
        "DescribeIndexPolicies": shows(lambda c, o: c.logs.describe_index_policies(logGroupIdentifiers=[o.group])),
        "DescribeLogGroups": shows(lambda c, o: c.logs.describe_log_groups(includeLinkedAccounts=True)),
        "DescribeLogStreams": shows(lambda c, o: c.logs.describe_log_streams(logGroupIdentifier=o.group)),
        "DescribeLookupTables": shows(lambda c, o: c.logs.describe_lookup_tables()),
        "DescribeMetricFilters": shows(lambda c, o: c.logs.describe_metric_filters()),
        "DescribeQueries": silent(lambda c, o: c.logs.describe_queries()),
        "DescribeQueryDefinitions": shows(lambda c, o: c.logs.describe_query_definitions()),
        "DescribeResourcePolicies": shows(lambda c, o: c.logs.describe_resource_policies()),
        "DescribeSubscriptionFilters": shows(lambda c, o: c.logs.describe_subscription_filters(logGroupName="shared")),
        "FilterLogEvents": shows(lambda c, o: c.logs.filter_log_events(logGroupIdentifier=o.group)),
        "GetDataProtectionPolicy": shows(lambda c, o: c.logs.get_data_protection_policy(logGroupIdentifier=o.group)),
        "GetDelivery": shows(lambda c, o: c.logs.get_delivery(id=o.delivery)),
        "GetDeliveryDestination": shows(lambda c, o: c.logs.get_delivery_destination(name="shared")),
        "GetDeliveryDestinationPolicy": shows(lambda c, o: c.logs.get_delivery_destination_policy(deliveryDestinationName="shared")),
        "GetDeliverySource": shows(lambda c, o: c.logs.get_delivery_source(name="shared")),
        "GetLogAnomalyDetector": shows(lambda c, o: c.logs.get_log_anomaly_detector(anomalyDetectorArn=o.detector)),
        "GetLogEvents": shows(lambda c, o: c.logs.get_log_events(logGroupIdentifier=o.group, logStreamName="stream")),
        "GetLogGroupFields": shows(lambda c, o: c.logs.get_log_group_fields(logGroupIdentifier=o.group)),
        "GetLogRecord": shows(lambda c, o: c.logs.get_log_record(logRecordPointer=o.pointer)),
        "GetLookupTable": shows(lambda c, o: c.logs.get_lookup_table(lookupTableArn=o.table)),
        "GetQueryResults": shows(lambda c, o: c.logs.get_query_results(queryId=o.query)),
        "GetScheduledQuery": shows(lambda c, o: c.logs.get_scheduled_query(identifier=o.scheduled)),
        "GetScheduledQueryHistory": silent(lambda c, o: c.logs.get_scheduled_query_history(identifier=o.scheduled, **MILLIS)),
        "GetTransformer": shows(lambda c, o: c.logs.get_transformer(logGroupIdentifier=o.group)),
        "ListAnomalies": silent(lambda c, o: c.logs.list_anomalies(anomalyDetectorArn=o.detector)),
        "ListLogAnomalyDetectors": shows(lambda c, o: c.logs.list_log_anomaly_detectors()),
        "ListLogGroups": shows(lambda c, o: c.logs.list_log_groups(includeLinkedAccounts=True)),
        "ListLogGroupsForQuery": silent(lambda c, o: c.logs.list_log_groups_for_query(queryId=o.query)),
        "ListScheduledQueries": silent(lambda c, o: c.logs.list_scheduled_queries()),
        "ListSyslogConfigurations": silent(lambda c, o: c.logs.list_syslog_configurations()),
        "ListTagsForResource": shows(lambda c, o: c.logs.list_tags_for_resource(resourceArn=o.group)),
        "ListTagsLogGroup": shows(lambda c, o: c.logs.list_tags_log_group(logGroupName="shared")),
        "StartLiveTail": shows(lambda c, o: tailed(c, o)),
        "StartQuery": shows(lambda c, o: queried(c, logGroupIdentifiers=[o.group])),
        "StopQuery": silent(lambda c, o: stopped(c, o)),
        "TestMetricFilter": silent(lambda c, o: c.logs.test_metric_filter(filterPattern="a", logEventMessages=["a"])),
        "TestTransformer": silent(
            lambda c, o: c.logs.test_transformer(transformerConfig=[{"parseJSON": {}}], logEventMessages=["{}"])),
    },
    "cloudtrail": {
        "DescribeQuery": silent(lambda c, o: c.cloudtrail.describe_query(QueryId=o.lake_query)),
        "DescribeTrails": shows(lambda c, o: c.cloudtrail.describe_trails(includeShadowTrails=False)),
        "GenerateQuery": silent(
            lambda c, o: c.cloudtrail.generate_query(EventDataStores=[o.store], Prompt="What are the most frequent errors?")),
        "GetChannel": silent(lambda c, o: c.cloudtrail.get_channel(Channel=o.channel)),
        "GetDashboard": shows(lambda c, o: c.cloudtrail.get_dashboard(DashboardId=o.board)),
        "GetEventConfiguration": silent(lambda c, o: c.cloudtrail.get_event_configuration(TrailName=o.trail)),
        "GetEventDataStore": silent(lambda c, o: c.cloudtrail.get_event_data_store(EventDataStore=o.store)),
        "GetEventSelectors": shows(lambda c, o: c.cloudtrail.get_event_selectors(TrailName=o.trail)),
        "GetImport": shows(lambda c, o: c.cloudtrail.get_import(ImportId=o.imported)),
        "GetInsightSelectors": silent(lambda c, o: c.cloudtrail.get_insight_selectors(TrailName=o.trail)),
        "GetQueryResults": shows(lambda c, o: c.cloudtrail.get_query_results(QueryId=o.lake_query)),
        "GetResourcePolicy": shows(lambda c, o: c.cloudtrail.get_resource_policy(ResourceArn=o.channel)),
        "GetTrail": shows(lambda c, o: c.cloudtrail.get_trail(Name=o.trail)),
        "GetTrailStatus": silent(lambda c, o: c.cloudtrail.get_trail_status(Name=o.trail)),
        "ListChannels": silent(lambda c, o: c.cloudtrail.list_channels()),
        "ListDashboards": silent(lambda c, o: c.cloudtrail.list_dashboards()),
        "ListEventDataStores": silent(lambda c, o: c.cloudtrail.list_event_data_stores()),
        "ListImportFailures": silent(lambda c, o: c.cloudtrail.list_import_failures(ImportId=o.imported)),
        "ListImports": silent(lambda c, o: c.cloudtrail.list_imports()),
        "ListInsightsData": silent(lambda c, o: c.cloudtrail.list_insights_data(InsightSource=o.trail, DataType="InsightsEvents")),
        "ListInsightsMetricData": silent(lambda c, o: c.cloudtrail.list_insights_metric_data(
            EventSource="logs.amazonaws.com", EventName="CreateLogGroup", InsightType="ApiCallRateInsight", Period=60)),
        "ListPublicKeys": silent(lambda c, o: c.cloudtrail.list_public_keys()),
        "ListQueries": silent(lambda c, o: c.cloudtrail.list_queries(EventDataStore=o.store)),
        "ListTags": shows(lambda c, o: c.cloudtrail.list_tags(ResourceIdList=[o.trail])),
        "ListTrails": silent(lambda c, o: c.cloudtrail.list_trails()),
        "LookupEvents": shows(lambda c, o: c.cloudtrail.lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}])),
        "SearchSampleQueries": silent(lambda c, o: c.cloudtrail.search_sample_queries(SearchPhrase="errors")),
        "StartQuery": silent(lambda c, o: c.cloudtrail.start_query(
            QueryStatement=f"SELECT eventName FROM {o.store.rpartition('/')[2]} LIMIT 1")),
    },
    "iam": {
        "GetAccessKeyLastUsed": silent(lambda c, o: c.iam.get_access_key_last_used(AccessKeyId=o.key)),
        "GetAccountAuthorizationDetails": shows(lambda c, o: c.iam.get_account_authorization_details()),
        "GetAccountSummary": silent(lambda c, o: c.iam.get_account_summary()),
        "GetGroup": shows(lambda c, o: c.iam.get_group(GroupName="shared")),
        "GetGroupPolicy": shows(lambda c, o: c.iam.get_group_policy(GroupName="shared", PolicyName="inline")),
        "GetPolicy": shows(lambda c, o: c.iam.get_policy(PolicyArn=o.policy)),
        "GetPolicyVersion": shows(lambda c, o: c.iam.get_policy_version(PolicyArn=o.policy, VersionId="v1")),
        "GetRole": shows(lambda c, o: c.iam.get_role(RoleName="shared")),
        "GetRolePolicy": shows(lambda c, o: c.iam.get_role_policy(RoleName="shared", PolicyName="inline")),
        "GetUser": shows(lambda c, o: c.iam.get_user(UserName="shared")),
        "GetUserPolicy": shows(lambda c, o: c.iam.get_user_policy(UserName="shared", PolicyName="inline")),
        "ListAccessKeys": silent(lambda c, o: c.iam.list_access_keys(UserName="shared")),
        "ListAttachedGroupPolicies": shows(lambda c, o: c.iam.list_attached_group_policies(GroupName="shared")),
        "ListAttachedRolePolicies": shows(lambda c, o: c.iam.list_attached_role_policies(RoleName="shared")),
        "ListAttachedUserPolicies": shows(lambda c, o: c.iam.list_attached_user_policies(UserName="shared")),
        "ListEntitiesForPolicy": silent(lambda c, o: c.iam.list_entities_for_policy(PolicyArn=o.policy)),
        "ListGroupPolicies": silent(lambda c, o: c.iam.list_group_policies(GroupName="shared")),
        "ListGroups": shows(lambda c, o: c.iam.list_groups()),
        "ListGroupsForUser": shows(lambda c, o: c.iam.list_groups_for_user(UserName="shared")),
        "ListInstanceProfilesForRole": silent(lambda c, o: c.iam.list_instance_profiles_for_role(RoleName="shared")),
        "ListPolicies": shows(lambda c, o: c.iam.list_policies(Scope="Local")),
        "ListPolicyTags": shows(lambda c, o: c.iam.list_policy_tags(PolicyArn=o.policy)),
        "ListPolicyVersions": silent(lambda c, o: c.iam.list_policy_versions(PolicyArn=o.policy)),
        "ListRolePolicies": silent(lambda c, o: c.iam.list_role_policies(RoleName="shared")),
        "ListRoleTags": shows(lambda c, o: c.iam.list_role_tags(RoleName="shared")),
        "ListRoles": shows(lambda c, o: c.iam.list_roles()),
        "ListUserPolicies": silent(lambda c, o: c.iam.list_user_policies(UserName="shared")),
        "ListUserTags": shows(lambda c, o: c.iam.list_user_tags(UserName="shared")),
        "ListUsers": shows(lambda c, o: c.iam.list_users()),
        "SimulateCustomPolicy": silent(lambda c, o: c.iam.simulate_custom_policy(
            PolicyInputList=[policy(sid="a")], ActionNames=["logs:GetLogEvents"])),
        "SimulatePrincipalPolicy": silent(lambda c, o: c.iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{o.account}:user/{o.home}/shared", ActionNames=["logs:GetLogEvents"])),
    },
    "application-signals": {
        "ListEntityEvents": silent(
            lambda c, o: c.application_signals.list_entity_events(
                Entity={"Name": "shared"}, StartTime=minutes_ago(60), EndTime=datetime.datetime.now(datetime.UTC)
            )
        ),
    },
    "sts": {
        "GetAccessKeyInfo": silent(lambda c, o: c.sts.get_access_key_info(AccessKeyId=c.key)),
        "GetCallerIdentity": silent(lambda c, o: c.sts.get_caller_identity()),
        "GetSessionToken": silent(lambda c, o: c.sts.get_session_token()["Credentials"]["AccessKeyId"]),
    },
    "sns": {
        "GetSubscriptionAttributes": shows(lambda c, o: c.sns.get_subscription_attributes(SubscriptionArn=o.subscription)),
        "GetTopicAttributes": shows(lambda c, o: c.sns.get_topic_attributes(TopicArn=o.topic)),
        "ListSubscriptions": shows(lambda c, o: c.sns.list_subscriptions()),
        "ListSubscriptionsByTopic": shows(lambda c, o: c.sns.list_subscriptions_by_topic(TopicArn=o.topic)),
        "ListTagsForResource": shows(lambda c, o: c.sns.list_tags_for_resource(ResourceArn=o.topic)),
        "ListTopics": silent(lambda c, o: c.sns.list_topics()),
    },
    "oam": {
        "GetLink": shows(lambda c, o: c.oam.get_link(Identifier=o.link)),
        "GetSink": shows(lambda c, o: c.oam.get_sink(Identifier=o.sink, IncludeTags=True)),
        "GetSinkPolicy": shows(lambda c, o: c.oam.get_sink_policy(SinkIdentifier=o.sink)),
        "ListAttachedLinks": silent(lambda c, o: c.oam.list_attached_links(SinkIdentifier=o.sink)),
        "ListLinks": shows(lambda c, o: c.oam.list_links()),
        "ListSinks": silent(lambda c, o: c.oam.list_sinks()),
        "ListTagsForResource": shows(lambda c, o: c.oam.list_tags_for_resource(ResourceArn=o.sink)),
    },
}


def text_of(answer):
    """An answer as text, without what says how it came."""
    if isinstance(answer, dict):
        answer = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    return json.dumps(answer, default=str)


def foreign_marks(owner, owners, service, operation):
    """Marks that must not show to an owner."""
    is_global = service in GLOBAL or (service, operation) in GLOBAL_OPERATIONS
    others = [other for other in owners if other is not owner and not (is_global and other.account == owner.account)]
    return [mark for other in others for mark in (other.mark, str(int(other.number)))]


def test_every_reading_operation_has_a_case():
    assert sorted(reading_operations()) == sorted((service, name) for service, cases in CASES.items() for name in cases)


@pytest.mark.parametrize("service", sorted(CASES))
def test_each_owner_sees_its_own(owners, service):
    wrong = []
    for operation, (call, is_shown) in CASES[service].items():
        for owner in owners:
            text = text_of(call(owner, owner))
            leaks = [mark for mark in foreign_marks(owner, owners, service, operation) if mark in text]
            if leaks:
                wrong.append(f"{operation} shows {leaks} to {owner.mark}: {text[:500]}")
            is_elsewhere = (service in GLOBAL or (service, operation) in GLOBAL_OPERATIONS) and owner.mark == "tapir"
            if is_shown and (owner.home if is_elsewhere else owner.mark) not in text:
                wrong.append(f"{operation} does not show {owner.mark} its own: {text[:500]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", sorted(CASES))
def test_nobody_gets_what_is_anothers_by_its_id_or_arn(owners, service):
    wrong = []
    for operation, (call, _) in CASES[service].items():
        for owner in owners:
            for other in owners:
                marks = foreign_marks(owner, owners, service, operation)
                by_arn = (service, operation) in OF_ALL_REGIONS_BY_ARN and other.account == owner.account
                if other.mark not in marks or by_arn:
                    continue
                try:
                    text = text_of(call(owner, other))
                except ClientError as refused:
                    # A refusal may repeat what was asked for, of which only ARNs of made-up services hold a mark.
                    assert refused.response["ResponseMetadata"]["HTTPStatusCode"] < 500, refused
                    continue
                leaks = [mark for mark in marks if mark in text]
                if leaks:
                    wrong.append(f"{operation} gives {owner.mark} what is {other.mark}'s: {text[:500]}")
    assert not wrong, "\n".join(wrong)
