"""Sigma rules through `trailwatch detections test`: SigmaHQ's on real records, as others evaluate them, and each feature that they use with
rules of our own.

SigmaHQ's rules are not ours to ship: the environment variable TRAILWATCH_SIGMA_RULES names their folder.
"""

import gzip
import json
import os
import pathlib
import re

import pytest
from trailwatch import Paths, run

DATA = Paths.shared() / "data"
#: The rule "AWS Successful Console Login Without MFA" wants `MFAUsed: 'NO'`, and CloudTrail writes `No`. Sigma compares texts without regard
#: to case unless a rule says `cased`, and so do we: it finds the sign-ins that it was written for. The evaluation that the expectations
#: come from compared with case, and found none; made `cased`, the rule finds none here either.
COMPARED_WITH_CASE = "77caf516-34e5-4df9-b4db-20744fea0a60"


def found(rules, *paths):
    """The eventIDs that rules find in files."""
    done = run([Paths.server(), "detections", "test", "--rules", rules, *paths])
    assert done.returncode == 0, done.stderr
    *lines, summary = done.stdout.splitlines()
    assert summary.endswith("rules") and f" {len(lines)} findings of " in summary, summary
    return sorted(line.split()[-1] for line in lines)


# -- SigmaHQ's ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_id():
    """The text of each rule of the folder, by the rule's id."""
    folder = os.environ.get("TRAILWATCH_SIGMA_RULES")
    if not folder:
        pytest.skip("TRAILWATCH_SIGMA_RULES names no folder of SigmaHQ's rules")
    texts = [path.read_text() for path in sorted(pathlib.Path(folder).rglob("*.y*ml"))]
    return {match[1]: text for text in texts if (match := re.search(r"^id:\s*(\S+)", text, re.M))}


@pytest.fixture(scope="module")
def expectations():
    path = DATA / "sigma-expected.json"
    if not path.exists():
        pytest.skip(f"no {path}")
    return json.loads(path.read_text())


def test_real_rules_find_in_real_records_what_others_find(by_id, expectations, tmp_path, subtests):
    files = sorted((DATA / "cloudtrail").rglob("*.json.gz"))
    assert len(expectations) >= 50 and len(files) > 10
    # A record without an id gets one from its bytes, which nobody else knows.
    known = set((DATA / "cloudtrail" / "eventids.txt").read_text().splitlines())
    for number, one in enumerate(expectations):
        with subtests.test(one["file"]):
            rules = tmp_path / str(number)
            rules.mkdir()
            (rules / "rule.yml").write_text(by_id[one["id"]])
            ids = set(found(rules, *files))
            if one["id"] == COMPARED_WITH_CASE:
                assert ids, "sign-ins without MFA are found"
                (rules / "rule.yml").write_text(by_id[one["id"]].replace("additionalEventData.MFAUsed:", "additionalEventData.MFAUsed|cased:"))
                ids = set(found(rules, *files))
            assert ids & known == set(one["eventIDs"])


# -- our own --------------------------------------------------------------------------------------------------------------


def record(event_id, **members):
    return {"eventTime": "2026-01-02T03:04:05Z", "eventSource": "s3.amazonaws.com", "eventName": "PutBucketPolicy", "eventID": event_id, **members}


#: (what is used, the detection, members of the record that is found, members of one that is not)
SELECTION = "    selection:\n        {}\n    condition: selection\n"
CASES = [
    ("condition X", SELECTION.format("eventName: PutBucketPolicy"), {}, {"eventName": "GetObject"}),
    ("condition X and X", "    a:\n        eventName: PutBucketPolicy\n    b:\n        errorCode: AccessDenied\n    condition: a and b\n",
     {"errorCode": "AccessDenied"}, {"errorCode": "Other"}),
    ("condition X and not X", "    selection:\n        eventName: PutBucketPolicy\n    filter:\n        userAgent: console\n    condition: selection and not filter\n",
     {"userAgent": "x"}, {"userAgent": "console"}),
    ("condition X and not 1 of X", "    selection:\n        eventName: PutBucketPolicy\n    filter_a:\n        userAgent: a\n    filter_b:\n        userAgent: b\n    condition: selection and not 1 of filter_*\n",
     {"userAgent": "c"}, {"userAgent": "b"}),
    ("condition X and 1 of X", "    selection:\n        eventSource: s3.amazonaws.com\n    selection_a:\n        errorCode: a\n    selection_b:\n        errorCode: b\n    condition: selection and 1 of selection_*\n",
     {"errorCode": "b"}, {"errorCode": "c"}),
    ("condition X and 1 of X and 1 of X", "    selection:\n        eventSource: s3.amazonaws.com\n    name_a:\n        eventName: a\n    name_p:\n        eventName: PutBucketPolicy\n    code_a:\n        errorCode: a\n"
     "    code_b:\n        errorCode: b\n    condition: selection and 1 of name_* and 1 of code_*\n", {"errorCode": "a"}, {"errorCode": "c"}),
    ("condition 1 of X", "    selection_a:\n        eventName: a\n    selection_b:\n        errorCode: b\n    condition: 1 of selection_*\n", {"errorCode": "b"}, {}),
    ("modifier contains", SELECTION.format("userAgent|contains: kali"), {"userAgent": "aws-cli Kali Linux"}, {"userAgent": "aws-cli"}),
    ("modifier startswith", SELECTION.format("eventName|startswith: Put"), {}, {"eventName": "OutPut"}),
    ("modifier re", SELECTION.format("eventName|re: '^Put(Bucket|Object)Policy$'"), {}, {"eventName": "PutBucketPolicy2"}),
    ("modifier fieldref", SELECTION.format("userIdentity.arn|fieldref: requestParameters.arn"),
     {"userIdentity": {"arn": "a"}, "requestParameters": {"arn": "a"}}, {"userIdentity": {"arn": "a"}, "requestParameters": {"arn": "b"}}),
    ("modifier all", SELECTION.format("errorMessage|contains|all:\n            - not\n            - authorized"), {"errorMessage": "You are not authorized"}, {"errorMessage": "authorized"}),
    ("modifier contains|all", SELECTION.format("requestParameters|contains|all: [effect, allow]"), {"requestParameters": {"policy": {"Effect": "Allow"}}}, {"requestParameters": {"policy": {"Effect": "Deny"}}}),
    ("modifier (none)", SELECTION.format("eventName: putbucketpolicy"), {}, {"eventName": "PutBucket"}),
    ("shape map", SELECTION.format("eventName: PutBucketPolicy\n        errorCode: a"), {"errorCode": "a"}, {"errorCode": "b"}),
    ("shape list", "    selection:\n        - errorCode: a\n        - errorCode: b\n          userAgent: c\n    condition: selection\n", {"errorCode": "b", "userAgent": "c"}, {"errorCode": "b"}),
    ("shape timeframe", "    selection:\n        errorCode: a\n    timeframe: 5m\n    condition: selection\n", {"errorCode": "a"}, {}),
    ("value str", SELECTION.format("eventType: [AwsApiCall, AwsConsoleAction]"), {"eventType": "AwsConsoleAction"}, {"eventType": "AwsServiceEvent"}),
    ("value NoneType", SELECTION.format("errorCode: null"), {"errorCode": None}, {"errorCode": "AccessDenied"}),
    ("value wildcard", SELECTION.format("sourceIPAddress: '203.0.113.*'"), {"sourceIPAddress": "203.0.113.9"}, {"sourceIPAddress": "203.0.114.9"}),
]  # fmt: skip

#: (field, a record's members that have it, the value)
FIELDS = [
    ("eventName", {}, "PutBucketPolicy"), ("eventSource", {}, "s3.amazonaws.com"), ("errorCode", {"errorCode": "a"}, "a"), ("userAgent", {"userAgent": "a"}, "a"),
    ("userIdentity.type", {"userIdentity": {"type": "Root"}}, "Root"), ("userIdentity.arn", {"userIdentity": {"arn": "arn:x"}}, "arn:x"),
    ("requestParameters", {"requestParameters": {"a": {"b": 1}}}, '{"a":{"b":1}}'), ("errorMessage", {"errorMessage": "a b"}, "a b"),
    ("requestParameters.attribute", {"requestParameters": {"attribute": "userData"}}, "userData"), ("requestParameters.enable", {"requestParameters": {"enable": False}}, "false"),
    ("userIdentity.sessionContext.sessionIssuer.type", {"userIdentity": {"sessionContext": {"sessionIssuer": {"type": "Role"}}}}, "Role"),
    ("eventType", {"eventType": "AwsApiCall"}, "AwsApiCall"), ("status", {"status": "ok"}, "ok"),
    ("requestParameters.containerDefinitions.command", {"requestParameters": {"containerDefinitions": [{"command": ["a"]}, {"command": ["sh", "b"]}]}}, "b"),
    ("responseElements.publiclyAccessible", {"responseElements": {"publiclyAccessible": True}}, "true"),
    ("responseElements.pendingModifiedValues.masterUserPassword", {"responseElements": {"pendingModifiedValues": {"masterUserPassword": "****"}}}, r"\*\*\*\*"),
    ("sourceIPAddress", {"sourceIPAddress": "192.0.2.1"}, "192.0.2.1"), ("responseElements", {"responseElements": {"a": True}}, '{"a":true}'),
    ("additionalEventData.MFAUsed", {"additionalEventData": {"MFAUsed": "No"}}, "NO"), ("responseElements.ConsoleLogin", {"responseElements": {"ConsoleLogin": "Success"}}, "Success"),
    ("requestParameters.layers", {"requestParameters": {"layers": ["arn:a", "arn:b"]}}, "arn:b"),
]  # fmt: skip

#: Conditions that Sigma has taken out of rules: they are refused by name.
AGGREGATIONS = {
    "X | X() > 5": "selection | count() > 5", "X | X() > 10": "selection | count() > 10", "X | X() > 50": "selection | count() > 50",
    "X | X() X X > 5": "selection | count() by eventName > 5", "X | X X": "selection | near other",
}  # fmt: skip


def rule(detection, level="medium"):
    return f"title: ours\nid: ours\nlevel: {level}\nlogsource:\n    product: aws\n    service: cloudtrail\ndetection:\n{detection}"


def is_found(tmp_path, detection, members, level="medium"):
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "rules" / "rule.yml").write_text(rule(detection, level))
    (tmp_path / "records.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [record("e-1", **members)]}).encode()))
    return found(tmp_path / "rules", tmp_path / "records.json.gz") == ["e-1"]


@pytest.mark.parametrize(("detection", "one", "other"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_feature_finds_what_it_should(tmp_path, detection, one, other):
    assert is_found(tmp_path, detection, one)
    assert not is_found(tmp_path, detection, other)


@pytest.mark.parametrize(("field", "members", "value"), FIELDS, ids=[field for field, _, _ in FIELDS])
def test_a_field_is_looked_into(tmp_path, field, members, value):
    assert is_found(tmp_path, SELECTION.format(f"{field}: '{value}'"), members)
    assert not is_found(tmp_path, SELECTION.format(f"{field}: '{value}x'"), members)


@pytest.mark.parametrize("level", ["low", "medium", "high"])
def test_a_level_is_told(tmp_path, level):
    assert is_found(tmp_path, SELECTION.format("eventName: Put*"), {}, level)
    told = run([Paths.server(), "detections", "list", "--rules", tmp_path / "rules"])
    assert told.stdout.split()[0] == level


@pytest.mark.parametrize("condition", AGGREGATIONS.values())
def test_an_aggregation_is_refused_by_name(tmp_path, condition):
    (tmp_path / "rule.yml").write_text(rule(f"    selection:\n        eventName: a\n    other:\n        eventName: b\n    condition: {condition}\n"))
    told = run([Paths.server(), "detections", "list", "--rules", tmp_path])
    assert told.returncode == 1 and "aggregation" in told.stderr, told.stderr


def test_every_feature_of_the_list_has_its_test():
    path = DATA / "sigma-cloudtrail-features.json"
    if not path.exists():
        pytest.skip(f"no {path}")
    features = json.loads(path.read_text())
    ours = {name for name, *_ in CASES}
    wanted = {f"condition {name}" for name, _ in features["conditions"] if name not in AGGREGATIONS}
    wanted |= {f"modifier {name}" for name, _ in features["modifiers"]} | {f"shape {name}" for name in features["shapes"]}
    wanted |= {f"value {name}" for name in features["value_types"]}
    assert wanted == ours
    assert {name for name, _ in features["fields"]} == {field for field, *_ in FIELDS}
    assert set(features["levels"]) == {"low", "medium", "high"}
