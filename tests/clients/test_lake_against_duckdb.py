"""The statements that AWS publishes for CloudTrail Lake, on real records: each has the rows that DuckDB finds, or is refused for a reason.

DuckDB gets the same records as a table of the same columns, made here from their JSON, and the same statement with its dialect's names.
Times in the statements are moved so that they span all records, and LIMIT is left out, for which rows it keeps is not said.
"""

import datetime
import gzip
import hashlib
import json
import pathlib
import re

import pytest
from botocore.exceptions import ClientError
from trailwatch import Paths, wait_until

duckdb = pytest.importorskip("duckdb")

FOLDER = Paths.shared() / "data" / "lake-queries"
RECORDS = Paths.shared() / "data" / "cloudtrail"
ACCOUNT = "123456789012"
#: Longest wait for an import, and for a query, seconds.
ENDS = 120
BUCKET = "archive"

#: Statements that are refused, and a part of the reason; all others run. Configuration items are not collected here.
REFUSED = {
    "ConfigItemCountQuery.sql": "The statement names no event data store",
    "ConfigTableCreation.sql": "The statement names no event data store",
    # It selects eventCategory, and does not group by it.
    "network-activity-events-vpce-access-denied-s3.sql": "must be in GROUP BY",
    # Columns of configuration items.
    "ssm-patch-compliance-all-ec2-instances-time-range.sql": "No field named eventdata.resourcetype",
    "ssm-patch-compliance-all-ec2-instances.sql": "No field named eventdata.resourcetype",
    "ssm-patch-compliance-distinct-ec2-instance-latest.sql": "No field named eventdata.resourcetype",
    "ssm-patch-compliance-selected-ec2-instance-time-range.sql": "No field named eventdata.resourcetype",
    "ssm-patch-compliance-selected-ec2-instance.sql": "No field named eventdata.resourcetype",
}
#: Files with a statement and then another, or the same again, without a semicolon between: the text between the two.
GLUED = {
    "list-all-errors-for-s3-events.sql": "example: ",
    "list-all-events-not-in-authorized-region.sql": ": select",
    "list-publicly-accessible-rds-instances.sql": "'true'SELECT",
}

#: The columns that are objects, and their members, as CloudTrail spells them, in their order: the member's own members, or None for text.
SESSION = {
    "attributes": dict.fromkeys(["creationDate", "mfaAuthenticated"]),
    "sessionIssuer": dict.fromkeys(["type", "principalId", "arn", "accountId", "userName"]),
    "webIdFederationData": {"federatedProvider": None, "attributes": "map"},
    **dict.fromkeys(["sourceIdentity", "ec2RoleDelivery", "ec2IssuedInVpc"]),
}
STRUCTS = {
    "userIdentity": {
        **dict.fromkeys(["type", "principalId", "arn", "accountId", "accessKeyId", "userName"]),
        "sessionContext": SESSION,
        **dict.fromkeys(["invokedBy", "identityProvider", "credentialId"]),
        "onBehalfOf": dict.fromkeys(["userId", "identityStoreArn"]),
    },
    "addendum": dict.fromkeys(["reason", "updatedFields", "originalUID", "originalRequestID", "originalEventID"]),
    "tlsDetails": dict.fromkeys(["tlsVersion", "cipherSuite", "clientProvidedHostHeader"]),
}
MAPS = ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "edgeDeviceDetails", "insightDetails"]
TEXTS = [
    "eventVersion", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestID", "eventID",
    "eventType", "apiVersion", "recipientAccountId", "sharedEventID", "vpcEndpointId", "vpcEndpointAccountId", "eventCategory",
    "annotation",
]  # fmt: skip
FLAGS = ["readOnly", "managementEvent", "sessionCredentialFromConsole"]
RESOURCE = ["accountId", "type", "ARN", "ARNPrefix"]


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def records():
    """Real records with an id and a time within ten years, all of one account; odd ones are other tests' concern."""
    seen = {}
    for path in sorted(RECORDS.rglob("*.json.gz")):
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
            good = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(record.get("eventTime"))) and isinstance(record.get("eventID"), str)
            if good and "2017" < record["eventTime"] < "2026" and re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", str(record.get("awsRegion"))):
                more = {"recipientAccountId": ACCOUNT, "eventCategory": "Management", "managementEvent": True}
                seen.setdefault(record["eventID"], {**record, **more})
    return list(seen.values())


# -- DuckDB --------------------------------------------------------------------------------------------------------------


def text(value):
    """A member's value as Lake has it: texts as they are, others as JSON."""
    return value if value is None or isinstance(value, str) else compact(value)


def pairs(value):
    """An object as a map, by its keys."""
    return [{"key": key, "value": text(member)} for key, member in sorted(value.items())] if isinstance(value, dict) else None


def struct(members, value):
    """The members of an object, as a struct has them; a map as it is, and text as text."""
    if members is None or members == "map":
        return text(value) if members is None else pairs(value)
    if not isinstance(value, dict):
        return None
    # Some are spelled differently from service to service.
    found = {name.lower(): member for name, member in value.items()}
    return {name.lower(): struct(below, found.get(name.lower())) for name, below in members.items()}


def row(record):
    made = {name.lower(): text(record.get(name)) for name in TEXTS}
    # CloudTrail writes one of them as text.
    made |= {name.lower(): {"true": True, "false": False}.get(text(record.get(name))) for name in FLAGS}
    made |= {name.lower(): struct(members, record.get(name)) for name, members in STRUCTS.items()}
    made |= {name.lower(): pairs(record.get(name)) for name in MAPS}
    resources = record.get("resources")
    made["resources"] = [struct(dict.fromkeys(RESOURCE), resource) for resource in resources] if isinstance(resources, list) else None
    made["eventtime"] = record["eventTime"].replace("T", " ").removesuffix("Z")
    made["eventjson"] = compact(record)
    made["eventjsonchecksum"] = hashlib.sha256(made["eventjson"].encode()).hexdigest()
    return made


PAIRS = 'STRUCT("key" VARCHAR, "value" VARCHAR)[]'


def struct_type(members):
    """The type of a struct; the map in it stays a list of its pairs, for nobody asks for it."""
    if members is None or members == "map":
        return "VARCHAR" if members is None else PAIRS
    return "STRUCT(" + ", ".join(f'"{name.lower()}" {struct_type(below)}' for name, below in members.items()) + ")"


@pytest.fixture(scope="module")
def duck(tmp_path_factory):
    path = tmp_path_factory.mktemp("duck") / "rows.json"
    path.write_text("\n".join(compact(row(record)) for record in records()))
    columns = {name.lower(): "VARCHAR" for name in TEXTS} | {name.lower(): "BOOLEAN" for name in FLAGS}
    columns |= {name.lower(): struct_type(members) for name, members in STRUCTS.items()}
    columns |= {name.lower(): PAIRS for name in MAPS}
    columns |= {"resources": struct_type(dict.fromkeys(RESOURCE)) + "[]", "eventtime": "TIMESTAMP", "eventjson": "VARCHAR", "eventjsonchecksum": "VARCHAR"}
    listed = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    maps = ", ".join(f"map_from_entries({name.lower()}) AS {name.lower()}" for name in MAPS)
    database = duckdb.connect()
    database.execute(f"CREATE TABLE lake AS SELECT * REPLACE ({maps}) FROM read_json('{path}', format = 'newline_delimited', columns = {{{listed}}}, maximum_object_size = 100000000)")
    database.execute("CREATE MACRO member_of(m, k) AS list_extract(map_extract(m, k), 1)")
    return database


def for_duckdb(statement, store):
    """The statement in DuckDB's words."""
    changed = re.sub(r"element_at\(\s*(resources)\s*,", r"list_extract(\1,", statement, flags=re.I)
    for ours, theirs in [
        (r"\belement_at\(", "member_of("), (r"\bjson_extract_scalar\(", "json_extract_string("), (r"\bday_of_week\(", "isodow("),
        (r"\bjson_array_get\(([^()]*\([^()]*\)),\s*0\s*\)", r"json_extract(\1, '$[0]')"),
    ]:  # fmt: skip
        changed = re.sub(ours, theirs, changed, flags=re.I)
    return changed.replace(store, "lake")


def shown(value):
    """A value as GetQueryResults shows it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime.datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03}"
        case dict():
            return "{" + ", ".join(f"{key}={inner(member)}" for key, member in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(inner, value)) + "]"
        case _:
            return str(value)


def inner(value):
    return "null" if value is None else shown(value)


# -- Lake ----------------------------------------------------------------------------------------------------------------


def statements(store):
    """(name, statement) of each file, with the store's id in its place."""
    for path in sorted(FOLDER.glob("*.sql")):
        filled = path.read_text()
        for place in ("<event_data_store_id>", "<Event data store Id>", "<EDS ID>", "<EDS_ID>", "$EDS_ID", "config_event_data_store_ID", "<event-data-store-ID>"):
            filled = filled.replace(place, store)
        for glued, apart in (("ORDER BY", " ORDER BY"), ("LIMIT", " LIMIT"), ("FROM FROM", "FROM"), ("${date_filter}", "2026-01-01 00:00:00")):
            filled = filled.replace(glued, apart)
        yield path.name, filled


def widened(statement):
    """The same of all times and without LIMIT; `SELECT *` shows the event's id."""
    bounds = {"<": "2030-01-01 00:00:00", ">": "2000-01-01 00:00:00"}
    wide = re.sub(r"(eventtime\s*([<>])=?\s*)'[^']*'", lambda found: f"{found[1]}'{bounds[found[2]]}'", statement, flags=re.I)
    wide = re.sub(r"\bLIMIT\s+\d+\s*;?\s*$", "", wide, flags=re.I)
    return re.sub(r"SELECT\s+\*", "SELECT eventID", wide, flags=re.I).rstrip().removesuffix(";")


@pytest.fixture(scope="module")
def lake(server):
    """An event data store of all records, and of nothing else: it takes in nothing of its own."""
    if not FOLDER.is_dir() or not RECORDS.is_dir():
        pytest.skip(f"no {FOLDER}")
    server.client("s3").create_bucket(Bucket=BUCKET)
    folder = server.data_dir / "buckets" / BUCKET / "AWSLogs" / ACCOUNT / "CloudTrail" / "us-east-1"
    folder.mkdir(parents=True, exist_ok=True)
    all_of_them = records()
    body = '{"Records":[' + ",".join(map(compact, all_of_them)) + "]}"
    (pathlib.Path(folder) / "records.json.gz").write_bytes(gzip.compress(body.encode()))
    client = server.client("cloudtrail")
    store = client.create_event_data_store(Name="real", StartIngestion=False, TerminationProtectionEnabled=False, RetentionPeriod=3653)["EventDataStoreArn"]
    source = {"S3": {"S3LocationUri": f"s3://{BUCKET}", "S3BucketRegion": "us-east-1", "S3BucketAccessRoleArn": f"arn:aws:iam::{ACCOUNT}:role/import"}}
    started = client.start_import(Destinations=[store], ImportSource=source)["ImportId"]

    def ended():
        found = client.get_import(ImportId=started)
        return found if found["ImportStatus"] not in ("INITIALIZING", "IN_PROGRESS") else None

    found = wait_until(ended, ENDS, "the import has ended")
    assert (found["ImportStatus"], found["ImportStatistics"]["EventsCompleted"]) == ("COMPLETED", len(all_of_them)), found
    return client, store.rsplit("/", 1)[1]


def ask(lake, statement):
    """The rows, as tuples of text."""
    client, _ = lake
    query = client.start_query(QueryStatement=statement)["QueryId"]
    rows, parameters = [], {"QueryId": query}
    while True:

        def answered(parameters=parameters):
            page = client.get_query_results(**parameters)
            return page if page["QueryStatus"] not in ("QUEUED", "RUNNING") else None

        page = wait_until(answered, ENDS, "the query to end")
        assert page["QueryStatus"] == "FINISHED", page
        rows += [tuple(value for column in found for value in column.values()) for found in page["QueryResultRows"]]
        if "NextToken" not in page:
            return rows
        parameters["NextToken"] = page["NextToken"]


def test_each_statement_has_the_rows_that_duckdb_finds_or_is_refused(lake, duck, subtests):
    _, store = lake
    assert ask(lake, f"SELECT count(*) AS n FROM {store}") == [(str(len(records())),)]
    with_rows = compared = 0
    for name, statement in statements(store):
        parts = [statement]
        if name in GLUED:
            with pytest.raises(ClientError, match="Expected: end of statement"):
                ask(lake, statement)
            # Each of the two is a statement of its own.
            first, glue, second = statement.partition(GLUED[name])
            head, keyword = re.match(r"(.*?)((?:select)?)$", glue, re.I).groups()
            parts = [first + (head if head.startswith("'") else ""), keyword + second]
        with subtests.test(name):
            if name in REFUSED:
                with pytest.raises(ClientError) as refused:
                    ask(lake, statement)
                error = refused.value.response["Error"]
                assert error["Code"] == "InvalidQueryStatementException" and REFUSED[name] in error["Message"], error
                continue
            for part in map(widened, parts):
                found = sorted(ask(lake, part))
                expected = sorted(tuple(map(shown, values)) for values in duck.execute(for_duckdb(part, store)).fetchall())
                assert len(found) == len(expected), (found[:3], expected[:3])
                differing = [pair for ours, theirs in zip(found, expected, strict=True) for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
                assert not differing, differing[:3]
                compared += 1
                with_rows += bool(found)
    print(f"{compared} statements agree, {with_rows} of them with rows")
    assert compared > 60 and with_rows >= 15, (compared, with_rows)
