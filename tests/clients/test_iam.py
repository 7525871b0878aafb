"""Identities and permissions with boto3 and the aws cli: users, groups, roles, sessions, and what they may not do."""

import json
import re
import time

import pytest
from botocore.exceptions import ClientError

# A time in the records of IAM and STS.
IN_WORDS = r"[A-Z][a-z]{2} \d{1,2}, \d{4}, \d{1,2}:\d\d:\d\d [AP]M"
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def allow(*actions, resource="*", **more):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}]}


def trust(principal, *more):
    actions = ["sts:AssumeRole", *more]
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions}]}


@pytest.fixture(scope="module")
def iam(server):
    return server.client("iam")


@pytest.fixture(scope="module")
def account(server):
    return server.client("sts").get_caller_identity()["Account"]


def make_user(iam, name, policy=None):
    """A user with an inline policy and a key; answers the key."""
    iam.create_user(UserName=name)
    if policy:
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=json.dumps(policy))
    return iam.create_access_key(UserName=name)["AccessKey"]


def as_user(server, key, service):
    return server.client(service, key=key["AccessKeyId"], secret=key["SecretAccessKey"], token=key.get("SessionToken"))


def refused(call, **parameters):
    """The code and the text of a call that fails."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def events_of(server, name):
    """The audit records of an operation, newest first; calls are on the trail before they are answered."""
    found = server.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
    return [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]


def test_users_groups_and_policies_are_made_and_listed(server, iam, account):
    user = iam.create_user(UserName="Jane", Path="/ops/", Tags=[{"Key": "team", "Value": "red"}])["User"]
    assert user["Arn"] == f"arn:aws:iam::{account}:user/ops/Jane"
    assert iam.get_user(UserName="jane")["User"]["Tags"] == [{"Key": "team", "Value": "red"}]
    code, text = refused(iam.create_user, UserName="JANE")
    assert (code, text) == ("EntityAlreadyExists", "User with name JANE already exists.")
    assert refused(iam.get_user, UserName="joe") == ("NoSuchEntity", "The user with name joe cannot be found.")
    assert isinstance(iam.exceptions.NoSuchEntityException, type)

    iam.create_group(GroupName="ops")
    iam.add_user_to_group(GroupName="ops", UserName="Jane")
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="Jane")["Groups"]] == ["ops"]
    assert [u["UserName"] for u in iam.get_group(GroupName="ops")["Users"]] == ["Jane"]

    document = json.dumps(allow("logs:*"))
    arn = iam.create_policy(PolicyName="LogsOnly", PolicyDocument=document, Description="logs")["Policy"]["Arn"]
    iam.attach_group_policy(GroupName="ops", PolicyArn=arn)
    assert iam.list_attached_group_policies(GroupName="ops")["AttachedPolicies"] == [{"PolicyName": "LogsOnly", "PolicyArn": arn}]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(ALLOW), SetAsDefault=True)["PolicyVersion"]
    assert version["VersionId"] == "v2"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == json.loads(document)
    assert [p["PolicyName"] for p in iam.get_paginator("list_policies").paginate(Scope="Local").build_full_result()["Policies"]] == ["LogsOnly"]
    ready = {p["PolicyName"] for p in iam.list_policies(Scope="AWS")["Policies"]}
    assert {"TrailwatchAuditor", "TrailwatchOperator", "TrailwatchReadOnly", "TrailwatchAgent"} <= ready
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [g["GroupName"] for g in entities["PolicyGroups"]] == ["ops"]

    iam.put_user_policy(UserName="Jane", PolicyName="own", PolicyDocument=document)
    assert iam.get_user_policy(UserName="Jane", PolicyName="own")["PolicyDocument"] == json.loads(document)
    code, text = refused(iam.put_user_policy, UserName="Jane", PolicyName="bad", PolicyDocument="{")
    assert (code, text) == ("MalformedPolicyDocument", "Syntax errors in policy.")
    details = iam.get_account_authorization_details(Filter=["User"])["UserDetailList"]
    assert [d["UserPolicyList"][0]["PolicyDocument"] for d in details if d["UserName"] == "Jane"] == [json.loads(document)]

    assert refused(iam.delete_user, UserName="Jane")[0] == "DeleteConflict"
    iam.delete_user_policy(UserName="Jane", PolicyName="own")
    iam.remove_user_from_group(GroupName="ops", UserName="Jane")
    iam.delete_user(UserName="Jane")
    assert refused(iam.delete_group, GroupName="ops")[0] == "DeleteConflict"
    iam.detach_group_policy(GroupName="ops", PolicyArn=arn)
    iam.delete_group(GroupName="ops")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)


def test_pages_join(iam):
    names = [f"page-{number:02}" for number in range(7)]
    for name in names:
        iam.create_user(UserName=name, Path="/pages/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 3})
    assert [u["UserName"] for page in pages for u in page["Users"]] == names
    for name in names:
        iam.delete_user(UserName=name)


def test_a_user_may_do_what_policies_say_and_the_refusal_names_it(server, iam, account):
    key = make_user(iam, "logger", allow("logs:*", resource=f"arn:aws:logs:*:{account}:log-group:/app/*"))
    logs, sts = as_user(server, key, "logs"), as_user(server, key, "sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:user/logger"
    logs.create_log_group(logGroupName="/app/web")
    logs.create_log_stream(logGroupName="/app/web", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "hello"}
    logs.put_log_events(logGroupName="/app/web", logStreamName="s", logEvents=[event])
    assert logs.get_log_events(logGroupName="/app/web", logStreamName="s")["events"][0]["message"] == "hello"

    region = server.exports["AWS_DEFAULT_REGION"]
    code, text = refused(logs.create_log_group, logGroupName="/other")
    assert code == "AccessDeniedException"
    assert text == (
        f"User: arn:aws:iam::{account}:user/logger is not authorized to perform: logs:CreateLogGroup on resource: "
        f"arn:aws:logs:{region}:{account}:log-group:/other:log-stream: because no identity-based policy allows the "
        "logs:CreateLogGroup action"
    )
    record = events_of(server, "CreateLogGroup")[0]
    assert record["errorCode"] == "AccessDenied" and record["errorMessage"] == text
    assert record["userIdentity"]["type"] == "IAMUser" and record["userIdentity"]["userName"] == "logger"
    assert record["userIdentity"]["accessKeyId"] == key["AccessKeyId"]

    # The refusal comes before any word about what is wrong, in every protocol.
    metrics = as_user(server, key, "cloudwatch")
    assert refused(metrics.put_metric_data, Namespace="N", MetricData=[{"MetricName": "m", "Value": 1}])[0] in ("AccessDenied", "AccessDeniedException")
    code, text = refused(as_user(server, key, "iam").create_user, UserName="other")
    assert code == "AccessDenied" and f"iam:CreateUser on resource: arn:aws:iam::{account}:user/other" in text
    code, text = refused(as_user(server, key, "sns").create_topic, Name="t")
    assert code == "AuthorizationError" and f"SNS:CreateTopic on resource: arn:aws:sns:{region}:{account}:t" in text
    code, text = refused(as_user(server, key, "sns").list_topics)
    assert code == "AuthorizationError" and f"SNS:ListTopics on resource: arn:aws:sns:{region}:{account}:* because" in text
    assert events_of(server, "ListTopics")[0]["errorCode"] == "AccessDenied"
    code, text = refused(as_user(server, key, "cloudtrail").lookup_events)
    assert code == "AccessDeniedException" and "cloudtrail:LookupEvents on resource: *" in text
    code, text = refused(as_user(server, key, "s3").list_buckets)
    assert code == "AccessDenied" and "s3:ListAllMyBuckets" in text

    deny = {"Effect": "Deny", "Action": "logs:Delete*", "Resource": "*"}
    policy = allow("logs:*")
    policy["Statement"].append(deny)
    iam.put_user_policy(UserName="logger", PolicyName="inline", PolicyDocument=json.dumps(policy))
    code, text = refused(logs.delete_log_group, logGroupName="/app/web")
    assert text.endswith("with an explicit deny in an identity-based policy")

    iam.update_access_key(UserName="logger", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(logs.describe_log_groups)[0] == "UnrecognizedClientException"
    iam.update_access_key(UserName="logger", AccessKeyId=key["AccessKeyId"], Status="Active")
    logs.describe_log_groups()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert used["UserName"] == "logger" and used["AccessKeyLastUsed"]["ServiceName"] == "logs"


def test_conditions_on_the_namespace_and_on_tags(server, iam):
    policy = allow("cloudwatch:PutMetricData", Condition={"StringEquals": {"cloudwatch:namespace": "Web"}})
    metrics = as_user(server, make_user(iam, "web", policy), "cloudwatch")
    data = [{"MetricName": "m", "Value": 1}]
    metrics.put_metric_data(Namespace="Web", MetricData=data)
    assert "cloudwatch:PutMetricData" in refused(metrics.put_metric_data, Namespace="Db", MetricData=data)[1]

    policy = allow("logs:DescribeLogGroups", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})
    logs = as_user(server, make_user(iam, "tagged", policy), "logs")
    assert refused(logs.describe_log_groups)[0] == "AccessDeniedException"
    iam.tag_user(UserName="tagged", Tags=[{"Key": "team", "Value": "red"}])
    logs.describe_log_groups()
    iam.untag_user(UserName="tagged", TagKeys=["team"])
    assert refused(logs.describe_log_groups)[0] == "AccessDeniedException"


def test_a_role_is_assumed_and_its_session_is_on_the_trail(server, iam, account):
    key = make_user(iam, "jane", allow("sts:*"))
    document = json.dumps(trust(f"arn:aws:iam::{account}:user/jane", "sts:TagSession", "sts:SetSourceIdentity"))
    role = iam.create_role(RoleName="Deployer", Path="/ci/", AssumeRolePolicyDocument=document)["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(document)
    iam.attach_role_policy(RoleName="Deployer", PolicyArn="arn:aws:iam::aws:policy/TrailwatchOperator")
    sts = as_user(server, key, "sts")
    answer = sts.assume_role(
        RoleArn=role["Arn"], RoleSessionName="deploy", SourceIdentity="jane", DurationSeconds=900,
        Tags=[{"Key": "ticket", "Value": "T-1"}], Policy=json.dumps(allow("logs:*", "sts:*")),
    )
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/Deployer/deploy"
    assert answer["SourceIdentity"] == "jane"
    session = answer["Credentials"]
    logs = as_user(server, session, "logs")
    logs.create_log_group(logGroupName="/by-role")
    identity = events_of(server, "CreateLogGroup")[0]["userIdentity"]
    assert identity["type"] == "AssumedRole" and identity["arn"] == answer["AssumedRoleUser"]["Arn"]
    assert identity["sessionContext"]["sessionIssuer"] == {
        "type": "Role", "principalId": role["RoleId"], "arn": role["Arn"], "accountId": account, "userName": "Deployer",
    }
    assert identity["sessionContext"]["sourceIdentity"] == "jane"
    assert identity["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"
    text = refused(as_user(server, session, "sns").create_topic, Name="t")[1]
    assert text.endswith("because no session policy allows the SNS:CreateTopic action")
    assert iam.get_role(RoleName="Deployer")["Role"]["RoleLastUsed"]["Region"] == server.exports["AWS_DEFAULT_REGION"]

    # No secret is on the trail.
    record = events_of(server, "AssumeRole")[0]
    assert session["SecretAccessKey"] not in json.dumps(record) and session["SessionToken"] not in json.dumps(record)
    # It reads as AWS's does, and its key links what the session did.
    given = record["responseElements"]["credentials"]
    assert record["readOnly"] and given["accessKeyId"] == session["AccessKeyId"] == identity["accessKeyId"]
    assert set(given) == {"accessKeyId", "sessionToken", "expiration"} and re.fullmatch(IN_WORDS, given["expiration"])
    assert record["resources"] == [{"ARN": role["Arn"], "accountId": account, "type": "AWS::IAM::Role"}]
    record = events_of(server, "CreateAccessKey")[0]["responseElements"]["accessKey"]
    assert key["SecretAccessKey"] not in json.dumps(record) and "secretAccessKey" not in record
    assert re.fullmatch(IN_WORDS, record["createDate"])

    other = make_user(iam, "joe", ALLOW)
    code, text = refused(as_user(server, other, "sts").assume_role, RoleArn=role["Arn"], RoleSessionName="deploy")
    assert (code, text) == (
        "AccessDenied",
        f"User: arn:aws:iam::{account}:user/joe is not authorized to perform: sts:AssumeRole on resource: {role['Arn']}",
    )
    wrong = {**session, "SessionToken": session["SessionToken"][:-4] + "AAAA"}
    assert refused(as_user(server, wrong, "logs").describe_log_groups)[0] == "UnrecognizedClientException"
    without = {**session, "SessionToken": None}
    assert refused(as_user(server, without, "sts").get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_user_session(server, iam, account):
    key = make_user(iam, "session-user", ALLOW)
    session = as_user(server, key, "sts").get_session_token(DurationSeconds=3600)["Credentials"]
    identity = as_user(server, session, "sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{account}:user/session-user"
    as_user(server, session, "logs").describe_log_groups()
    assert refused(as_user(server, session, "iam").list_users)[0] == "InvalidClientTokenId"
    info = server.client("sts").get_access_key_info(AccessKeyId=session["AccessKeyId"])
    assert info["Account"] == account


def test_boundaries_limit(server, iam):
    key = make_user(iam, "bounded", ALLOW)
    iam.put_user_permissions_boundary(UserName="bounded", PermissionsBoundary="arn:aws:iam::aws:policy/TrailwatchReadOnly")
    logs = as_user(server, key, "logs")
    logs.describe_log_groups()
    text = refused(logs.create_log_group, logGroupName="/bounded")[1]
    assert text.endswith("because no permissions boundary allows the logs:CreateLogGroup action")
    boundary = iam.get_user(UserName="bounded")["User"]["PermissionsBoundary"]
    assert boundary["PermissionsBoundaryArn"].endswith("/TrailwatchReadOnly")


def test_the_two_planes_are_apart(server, iam):
    keys = {}
    for name in ("Auditor", "Operator", "ReadOnly", "Agent"):
        keys[name] = make_user(iam, f"plane-{name}")
        iam.attach_user_policy(UserName=f"plane-{name}", PolicyArn=f"arn:aws:iam::aws:policy/Trailwatch{name}")
    auditor = keys["Auditor"]
    as_user(server, auditor, "cloudtrail").lookup_events(MaxResults=1)
    as_user(server, auditor, "iam").list_users()
    assert "Access" in refused(as_user(server, auditor, "cloudwatch").describe_alarms)[0]
    assert "Access" in refused(as_user(server, auditor, "cloudtrail").stop_logging, Name="t")[0]
    operator = keys["Operator"]
    as_user(server, operator, "cloudwatch").describe_alarms()
    as_user(server, operator, "logs").create_log_group(logGroupName="/operator")
    assert "Access" in refused(as_user(server, operator, "cloudtrail").lookup_events)[0]
    assert "Access" in refused(as_user(server, operator, "iam").list_users)[0]
    reader = keys["ReadOnly"]
    as_user(server, reader, "logs").describe_log_groups()
    assert "Access" in refused(as_user(server, reader, "logs").delete_log_group, logGroupName="/operator")[0]
    agent = keys["Agent"]
    as_user(server, agent, "cloudwatch").put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1}])
    assert "Access" in refused(as_user(server, agent, "cloudwatch").list_metrics)[0]


def test_our_own_paths_ask_policies_too(server, iam):
    key = make_user(iam, "curious", allow("logs:*"))
    how = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    answer = server.signed("trailwatch", "/_trailwatch/import", {"Content-Type": "application/json"}, b'{"Records":[]}', **how)
    assert answer.status == 403 and "trailwatch:ImportEvents" in answer.message, answer
    iam.put_user_policy(UserName="curious", PolicyName="inline", PolicyDocument=json.dumps(allow("trailwatch:ImportEvents")))
    answer = server.signed("trailwatch", "/_trailwatch/import", {"Content-Type": "application/json"}, b'{"Records":[]}', **how)
    assert answer.status == 200, answer


def test_simulation_explains(server, iam, account):
    make_user(iam, "simulated", allow("logs:Get*"))
    arn = f"arn:aws:iam::{account}:user/simulated"
    actions = ["logs:GetLogEvents", "logs:PutLogEvents"]
    results = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions)["EvaluationResults"]
    assert [(r["EvalActionName"], r["EvalDecision"]) for r in results] == [(actions[0], "allowed"), (actions[1], "implicitDeny")]
    matched = results[0]["MatchedStatements"][0]
    assert matched["SourcePolicyId"] == "user_simulated_inline" and matched["StartPosition"]["Line"] == 1
    deny = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    result = iam.simulate_custom_policy(PolicyInputList=[json.dumps(ALLOW), deny], ActionNames=["s3:GetObject"])["EvaluationResults"][0]
    assert result["EvalDecision"] == "explicitDeny"
    assert result["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.2"


def test_identities_outlive_a_restart_and_the_cli_speaks_to_them(make_server):
    server = make_server("identities").start()
    iam = server.client("iam")
    key = make_user(iam, "kept", allow("logs:*"))
    catalog = b"".join(path.read_bytes() for path in server.data_dir.glob("catalog.db*"))
    assert key["SecretAccessKey"].encode() not in catalog and key["SecretAccessKey"] not in server.log()
    server.kill()
    server.start()
    as_user(server, key, "logs").describe_log_groups()
    listed = server.cli("iam", "list-users")
    assert [user["UserName"] for user in listed["Users"]] == ["kept"]
    who = server.cli(
        "sts", "get-caller-identity",
        AWS_ACCESS_KEY_ID=key["AccessKeyId"], AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
    )
    assert who["Arn"].endswith(":user/kept")
