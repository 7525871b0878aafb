"""A caller with one resource of every kind: of the same names as every other caller's, and with its own mark in what they hold."""

import json
import time
import uuid

from trailwatch import minutes_ago, wait_until

ROLE = "arn:aws:iam::{account}:role/r"
NOW = int(time.time())


class Owner:
    """An account in a region, its mark and a number that is no other's, and the ids of what it made."""

    def __init__(self, server, receiver, account, region, mark):
        self.server, self.receiver, self.account, self.region, self.mark = server, receiver, account, region, mark
        self.home = mark
        self.number, self.uuid = float(int.from_bytes(mark.encode())), str(uuid.uuid4())
        self.clients, self.group = {}, f"arn:aws:logs:{region}:{account}:log-group:shared"

    def __getattr__(self, service):
        """The client of a service."""
        if service.startswith("_") or service not in SERVICES:
            raise AttributeError(service)
        if service not in self.clients:
            how = {"inject_host_prefix": False} if service == "logs" else {}
            name = service.replace("_", "-")
            self.clients[service] = self.server.client(name, region=self.region, key=self.account, secret="any", **how)
        return self.clients[service]

    def arn(self, service, rest):
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    @property
    def role(self):
        return ROLE.format(account=self.account)

    def http(self, method, path, body=b"", **headers):
        """One of the server's own paths; in open mode a signature need not be right."""
        scope = f"{self.account}/20260101/{self.region}/trailwatch/aws4_request"
        claim = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0", "X-Amz-Date": "20260101T000000Z"}
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.server.http(method, path, body, {"Host": self.server.endpoint.removeprefix("http://"), **claim, **headers})


SERVICES = {"application_signals", "logs", "cloudwatch", "cloudtrail", "cloudtrail_data", "sns", "iam", "sts", "s3", "oam"}


def configured(receiver, owners):
    """The server's configuration: streams of these (region, account, mark) are the receiver's, and notifications may go to it."""
    streams = [f"arn:aws:kinesis:{region}:{account}:stream/{mark}" for region, account, mark in owners]
    destinations = "\n".join(f'"{arn}" = "{receiver}/stream"' for arn in streams)
    return f"[destinations]\n{destinations}\n[notify]\nallow_private = true\n"


def furnish(owner, is_first_of_account):
    """Makes one of everything."""
    furnish_logs(owner)
    furnish_log_settings(owner)
    furnish_cloudwatch(owner)
    furnish_cloudtrail(owner)
    furnish_sns_and_oam(owner)
    if is_first_of_account:
        furnish_iam(owner)
        owner.cloudwatch.put_dashboard(
            DashboardName="shared", DashboardBody=json.dumps({"widgets": [{"type": "text", "properties": {"markdown": owner.mark}}]}))


def policy(*principals, sid, **more):
    """A document whose statement is named by a mark."""
    principal = {"Principal": {"AWS": list(principals)}} if principals else {}
    statement = {"Sid": sid, "Effect": "Allow", **principal, "Action": "*", "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def furnish_logs(owner):
    logs, mark, now = owner.logs, owner.mark, int(time.time() * 1000)
    logs.create_log_group(logGroupName="shared", tags={"mark": mark})
    logs.create_log_stream(logGroupName="shared", logStreamName="stream")
    logs.create_log_stream(logGroupName="shared", logStreamName=f"of-{mark}")
    events = [{"timestamp": now - 1000, "message": json.dumps({"mark": mark, f"field_{mark}": 1})}]
    logs.put_log_events(logGroupName="shared", logStreamName="stream", logEvents=events)
    asked = dict(startTime=NOW - 3600, endTime=NOW + 3600, queryString="fields @message, @log, @ptr", logGroupNames=["shared"])
    owner.query = logs.start_query(**asked)["queryId"]
    answer = wait_until(lambda: ended(logs, owner.query), 60, "the query ends")
    owner.pointer = next(cell["value"] for cell in answer["results"][0] if cell["field"] == "@ptr")


def ended(logs, query):
    answer = logs.get_query_results(queryId=query)
    return answer if answer["status"] == "Complete" else None


def furnish_log_settings(owner):
    logs, mark, role = owner.logs, owner.mark, owner.role
    logs.put_account_policy(policyName="shared", policyType="FIELD_INDEX_POLICY", policyDocument=json.dumps({"Fields": [mark]}))
    logs.put_destination(destinationName="shared", targetArn=owner.arn("kinesis", f"stream/{mark}"), roleArn=role)
    logs.put_index_policy(logGroupIdentifier="shared", policyDocument=json.dumps({"Fields": [mark]}))
    table = logs.create_lookup_table(lookupTableName="shared", tableBody=f"key,value\n1,{mark}\n", description=mark)
    owner.table = table["lookupTableArn"]
    numbers = [{"metricName": "Filtered", "metricNamespace": mark, "metricValue": "1"}]
    logs.put_metric_filter(logGroupName="shared", filterName="shared", filterPattern=mark, metricTransformations=numbers)
    owner.definition = logs.put_query_definition(name="shared", queryString=f"filter @message like /{mark}/")["queryDefinitionId"]
    logs.put_resource_policy(policyName="shared", policyDocument=policy("*", sid=mark))
    logs.put_subscription_filter(
        logGroupName="shared", filterName="shared", filterPattern=mark, destinationArn=owner.arn("logs", "destination:shared"))
    protection = {
        "Name": mark, "Version": "2021-06-01", "Statement": [
            {"Sid": "a", "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
             "Operation": {"Audit": {"FindingsDestination": {}}}},
            {"Sid": "r", "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
             "Operation": {"Deidentify": {"MaskConfig": {}}}}]}
    logs.put_data_protection_policy(logGroupIdentifier="shared", policyDocument=json.dumps(protection))
    owner.detector = logs.create_log_anomaly_detector(logGroupArnList=[owner.group], detectorName=mark)["anomalyDetectorArn"]
    config = [{"parseJSON": {}}, {"addKeys": {"entries": [{"key": "added", "value": mark}]}}]
    logs.put_transformer(logGroupIdentifier="shared", transformerConfig=config)
    owner.scheduled = logs.create_scheduled_query(
        name="shared", queryLanguage="CWLI", queryString=f"filter @message like /{mark}/", logGroupIdentifiers=["shared"],
        scheduleExpression="cron(0 0 1 1 ? *)", executionRoleArn=role)["scheduledQueryArn"]
    logs.put_syslog_configuration(logGroupIdentifier="shared", vpcEndpointId=f"vpce-{mark.encode().hex()[:8]}")
    # Of a service that is in every region.
    source = owner.arn("bedrock", f"knowledge-base/{mark}")
    logs.put_delivery_source(name="shared", resourceArn=source, logType="APPLICATION_LOGS")
    destination = logs.put_delivery_destination(
        name="shared", deliveryDestinationConfiguration={"destinationResourceArn": f"arn:aws:s3:::{mark}/x"})["deliveryDestination"]
    logs.put_delivery_destination_policy(deliveryDestinationName="shared", deliveryDestinationPolicy=policy("*", sid=mark))
    owner.delivery = logs.create_delivery(
        deliverySourceName="shared", deliveryDestinationArn=destination["arn"], s3DeliveryConfiguration={"suffixPath": mark})["delivery"]["id"]
    owner.s3.create_bucket(Bucket=f"bucket-{mark}", **bucket_in(owner.region))
    owner.export = logs.create_export_task(
        taskName=mark, logGroupName="shared", fromTime=0, to=int(time.time() * 1000), destination=f"bucket-{mark}", destinationPrefix=mark)["taskId"]
    wait_until(
        lambda: logs.describe_export_tasks(taskId=owner.export)["exportTasks"][0]["status"]["code"] == "COMPLETED", 60, "the export")


def bucket_in(region):
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def furnish_cloudwatch(owner):
    cloudwatch, mark = owner.cloudwatch, owner.mark
    at = minutes_ago(2)
    cloudwatch.put_metric_data(Namespace="Shared", MetricData=[
        {"MetricName": "Number", "Timestamp": at, "Value": owner.number, "Unit": "Count"},
        {"MetricName": "Number", "Timestamp": at, "Value": owner.number, "Dimensions": [{"Name": "mark", "Value": mark}]}])
    alarm = dict(
        AlarmName="shared", AlarmDescription=mark, Namespace="Shared", MetricName="Number", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1e9, ComparisonOperator="GreaterThanThreshold", Tags=[{"Key": "mark", "Value": mark}])
    cloudwatch.put_metric_alarm(**alarm)
    cloudwatch.set_alarm_state(AlarmName="shared", StateValue="OK", StateReason=mark)
    cloudwatch.put_alarm_mute_rule(
        Name="shared", Description=mark, Rule={"Schedule": {"Expression": "cron(0 0 1 1 *)", "Duration": "PT1H"}},
        MuteTargets={"AlarmNames": ["shared"]})
    single = {"Namespace": "Shared", "MetricName": "Number", "Stat": "Sum", "Dimensions": [{"Name": "mark", "Value": mark}]}
    cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=single)
    rule = {
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1}, "LogGroupNames": ["shared"], "LogFormat": "JSON", "AggregateOn": "Count",
        "Contribution": {"Keys": ["$.mark"], "Filters": []}}
    cloudwatch.put_insight_rule(RuleName="shared", RuleDefinition=json.dumps(rule), Tags=[{"Key": "mark", "Value": mark}])
    cloudwatch.put_metric_stream(
        Name="shared", FirehoseArn=owner.arn("firehose", f"deliverystream/{mark}"), RoleArn=owner.role, OutputFormat="json",
        IncludeFilters=[{"Namespace": mark}])
    cloudwatch.stop_metric_streams(Names=["shared"])
    owner.question = cloudwatch.put_metric_data_query_definition(
        Path=f"shared/{mark}", Expression=f"SELECT SUM(Number) FROM Shared WHERE mark = '{mark}'", Type="SQL")["Id"]
    owner.instance = owner.arn("ec2", "instance/i-0123456789abcdef0")
    cloudwatch.create_resource_metrics_configuration(ResourceArn=owner.instance, MetricSelections=[{"IncludeMetrics": [mark]}])
    cloudwatch.associate_dataset_kms_key(DatasetIdentifier="default", KmsKeyArn=owner.arn("kms", "key/" + owner.uuid))
    cloudwatch.start_o_tel_enrichment(IncludeFilters=[{"Namespace": mark}])
    owner.endpoint_service = owner.arn("ec2", "vpc-endpoint-service/vpce-svc-0123456789abcdef0")
    cloudwatch.put_managed_insight_rules(ManagedRules=[
        {"ResourceARN": owner.endpoint_service, "TemplateName": "VpcEndpointService-BytesByEndpointId-v1",
         "Tags": [{"Key": "mark", "Value": mark}]}])


def furnish_cloudtrail(owner):
    cloudtrail, mark = owner.cloudtrail, owner.mark
    tags = [{"Key": "mark", "Value": mark}]
    made = cloudtrail.create_trail(Name="shared", S3BucketName=f"bucket-{mark}", S3KeyPrefix=mark, TagsList=tags)
    owner.trail = made["TrailARN"]
    fields = [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["false"]}]
    cloudtrail.put_event_selectors(TrailName="shared", AdvancedEventSelectors=[
        {"Name": mark, "FieldSelectors": fields},
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::SNS::Topic"]}]}])
    cloudtrail.put_insight_selectors(TrailName="shared", InsightSelectors=[{"InsightType": "ApiCallRateInsight"}])
    cloudtrail.put_event_configuration(
        TrailName="shared", AggregationConfigurations=[{"EventCategory": "Data", "Templates": ["API_ACTIVITY"]}])
    owner.store = cloudtrail.create_event_data_store(
        Name="shared", MultiRegionEnabled=False, TerminationProtectionEnabled=False, TagsList=tags)["EventDataStoreArn"]
    owner.channel = cloudtrail.create_channel(
        Name="shared", Source="Custom", Destinations=[{"Type": "EVENT_DATA_STORE", "Location": store_for(cloudtrail, "outside", "ActivityAuditLog")}])["ChannelArn"]
    cloudtrail.put_resource_policy(ResourceArn=owner.channel, ResourcePolicy=policy(
        owner.account, sid=mark, Action="cloudtrail-data:PutAuditEvents", Resource=owner.channel))
    store_id = owner.store.rpartition("/")[2]
    statement = f"SELECT eventName, requestParameters FROM {store_id} WHERE eventName = 'CreateLogGroup'"
    widget = {"QueryStatement": f"SELECT eventName AS {mark} FROM {store_id}", "ViewProperties": {"View": "Table"}}
    owner.board = cloudtrail.create_dashboard(Name="shared", Widgets=[widget])["DashboardArn"]
    owner.logs.create_log_group(logGroupName=f"made-{mark}")
    owner.lake_query = cloudtrail.start_query(QueryStatement=statement)["QueryId"]
    finished = lambda: cloudtrail.describe_query(QueryId=owner.lake_query)["QueryStatus"] == "FINISHED"
    wait_until(finished, 60, "the query of Lake")
    source = {"S3": {"S3LocationUri": f"s3://bucket-{mark}/{mark}/CloudTrail/", "S3BucketRegion": owner.region, "S3BucketAccessRoleArn": owner.role}}
    owner.imported = cloudtrail.start_import(Destinations=[store_for(cloudtrail, "imports", "Management")], ImportSource=source)["ImportId"]


def store_for(cloudtrail, name, category):
    selectors = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": [category]}]}]
    return cloudtrail.create_event_data_store(
        Name=name, MultiRegionEnabled=False, TerminationProtectionEnabled=False, AdvancedEventSelectors=selectors)["EventDataStoreArn"]


def furnish_sns_and_oam(owner):
    sns, mark = owner.sns, owner.mark
    owner.topic = sns.create_topic(Name="shared", Attributes={"DisplayName": mark}, Tags=[{"Key": "mark", "Value": mark}])["TopicArn"]
    subscribed = sns.subscribe(
        TopicArn=owner.topic, Protocol="http", Endpoint=f"{owner.receiver}/{mark}", ReturnSubscriptionArn=True)
    owner.subscription = subscribed["SubscriptionArn"]
    owner.sink = owner.oam.create_sink(Name="shared", Tags={"mark": mark})["Arn"]
    owner.oam.put_sink_policy(SinkIdentifier=owner.sink, Policy=policy("*", sid=mark))
    link_to_monitoring(owner)


def link_to_monitoring(owner):
    """Shares everything with one account that all owners share with: that must not join them."""
    monitoring = Owner(owner.server, owner.receiver, "333333333333", owner.region, "monitor").oam
    sinks = monitoring.list_sinks()["Items"] or [monitoring.create_sink(Name="shared")]
    monitoring.put_sink_policy(SinkIdentifier=sinks[0]["Arn"], Policy=policy("*", sid="monitor"))
    types = ["AWS::CloudWatch::Metric", "AWS::Logs::LogGroup"]
    owner.link = owner.oam.create_link(LabelTemplate=owner.mark, ResourceTypes=types, SinkIdentifier=sinks[0]["Arn"])["Arn"]


def furnish_iam(owner):
    iam, mark = owner.iam, owner.mark
    tags = [{"Key": "mark", "Value": mark}]
    document = policy(sid=mark)
    iam.create_user(UserName="shared", Path=f"/{mark}/", Tags=tags)
    iam.put_user_policy(UserName="shared", PolicyName="inline", PolicyDocument=document)
    iam.create_group(GroupName="shared", Path=f"/{mark}/")
    iam.put_group_policy(GroupName="shared", PolicyName="inline", PolicyDocument=document)
    iam.add_user_to_group(GroupName="shared", UserName="shared")
    trusted = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": mark, "Effect": "Allow", "Principal": {"AWS": owner.account}, "Action": "sts:AssumeRole"}]})
    iam.create_role(RoleName="shared", Path=f"/{mark}/", AssumeRolePolicyDocument=trusted, Tags=tags)
    iam.put_role_policy(RoleName="shared", PolicyName="inline", PolicyDocument=document)
    owner.policy = iam.create_policy(PolicyName="shared", Path=f"/{mark}/", PolicyDocument=document, Tags=tags)["Policy"]["Arn"]
    for attach, noun in ((iam.attach_user_policy, "User"), (iam.attach_group_policy, "Group"), (iam.attach_role_policy, "Role")):
        attach(**{f"{noun}Name": "shared", "PolicyArn": owner.policy})
    key = iam.create_access_key(UserName="shared")["AccessKey"]
    owner.key, owner.secret = key["AccessKeyId"], key["SecretAccessKey"]
