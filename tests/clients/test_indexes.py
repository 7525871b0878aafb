"""Field index policies, account policies in force, and KMS keys with boto3."""

import json

import pytest
from botocore.exceptions import ClientError
from test_insights import ask
from test_protection import make, policy, put, shown

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_filter_index_asks_only_groups_that_index(logs):
    groups = [make(logs, f"/index/{name}") for name in ("a", "b")]
    for group in groups:
        put(logs, group, json.dumps({"requestId": "r-1", "place": group}))
    document = json.dumps({"FieldsV2": {"requestId": {"type": "FACET"}}})
    made = logs.put_index_policy(logGroupIdentifier="/index/a", policyDocument=document)["indexPolicy"]
    assert (made["source"], made["policyDocument"]) == ("LOG_GROUP", document)
    assert logs.describe_index_policies(logGroupIdentifiers=["/index/a"])["indexPolicies"] == [made]
    fields = logs.describe_field_indexes(logGroupIdentifiers=["/index/a"])["fieldIndexes"]
    kinds = {field["fieldIndexName"]: (field["type"], field["indexCategory"]) for field in fields}
    assert kinds["requestId"] == ("FACET", "CUSTOM")
    assert kinds["@aws.region"] == ("FIELD_INDEX", "DEFAULT")
    listed = logs.list_log_groups(fieldIndexNames=["requestId"])["logGroups"]
    assert [group["logGroupName"] for group in listed] == ["/index/a"]
    rows = ask(logs, groups, "filterIndex requestId = 'r-1' | fields place")
    assert [row["place"] for row in rows] == ["/index/a"]
    assert len(ask(logs, groups, "filter requestId = 'r-1' | fields place")) == 2
    logs.delete_index_policy(logGroupIdentifier="/index/a")
    assert ask(logs, groups, "filterIndex requestId = 'r-1' | fields place") == []
    with pytest.raises(ClientError) as refused:
        logs.delete_index_policy(logGroupIdentifier="/index/a")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_account_policies_hold_for_groups_that_come_later(make_server):
    logs = make_server("account").start().client("logs")
    logs.put_account_policy(
        policyName="mask",
        policyType="DATA_PROTECTION_POLICY",
        policyDocument=policy("EmailAddress"),
        scope="ALL",
    )
    logs.put_account_policy(
        policyName="parse",
        policyType="TRANSFORMER_POLICY",
        policyDocument=json.dumps([{"csv": {"columns": ["name", "amount"]}}]),
        selectionCriteria='LogGroupNamePrefix = "/csv/"',
        scope="ALL",
    )
    logs.put_account_policy(
        policyName="index",
        policyType="FIELD_INDEX_POLICY",
        policyDocument=json.dumps({"Fields": ["name"]}),
        selectionCriteria='LogGroupNamePrefix = "/csv/"',
        scope="ALL",
    )
    group = make(logs, "/csv/a")
    put(logs, group, "jo@example.com,7")
    assert shown(logs, group) == ["**************,7"]
    assert shown(logs, group, unmask=True) == ["jo@example.com,7"]
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert described["inheritedProperties"] == ["ACCOUNT_DATA_PROTECTION"]
    assert [row["amount"] for row in ask(logs, [group], "filterIndex ispresent(name) | fields amount")] == ["7"]
    policies = logs.describe_index_policies(logGroupIdentifiers=[group])["indexPolicies"]
    assert [(found["source"], found["policyName"]) for found in policies] == [("ACCOUNT", "index")]
    logs.delete_account_policy(policyName="mask", policyType="DATA_PROTECTION_POLICY")
    put(logs, group, "al@example.com,8")
    assert shown(logs, group) == ["**************,7", "al@example.com,8"]


def test_keys_are_remembered(logs):
    group = make(logs, "/index/key")
    logs.associate_kms_key(logGroupName=group, kmsKeyId=KEY)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["kmsKeyId"] == KEY
    logs.disassociate_kms_key(logGroupName=group)
    assert "kmsKeyId" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    with pytest.raises(ClientError) as refused:
        logs.associate_kms_key(logGroupName=group, kmsKeyId="1234abcd")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
