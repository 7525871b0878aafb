"""chdb (ClickHouse in the process) on the store benchmark's data: MergeTree tables with token Bloom filters, zstd 1."""

import json

import chdb
from chdb.session import Session

from peer import (
    FREE_TEXT, FULL_EVENTS, FULL_LOG_BYTES, NAME, NEEDLE, PHRASE, RARE_KEY, USER, WEEK_S, Peer,
)  # fmt: skip

# A repeated question is to be computed again: a cache of its answer would measure nothing.
SETTINGS = "use_query_condition_cache = 0, use_query_cache = 0"


class ChDb(Peer):
    def __init__(self):
        super().__init__(f"chdb {chdb.__version__}")
        self.folder = self.options.work / "chdb"
        self.db = Session(str(self.folder))
        self.db.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")

    def run(self, sql):
        return self.db.query(f"{sql} SETTINGS max_threads = {self.options.threads}, {SETTINGS}", "JSONCompactEachRow")

    def rows(self, sql):
        return [tuple(json.loads(line)) for line in self.run(sql).bytes().splitlines()]

    def sql(self, name, text):
        self.ask(name, lambda: self.rows(text))

    def count(self, name, sql):
        """For answers whose rows are only counted: they are brought here in the cheap format and not read."""
        self.ask(name, lambda: [(self.run(sql).bytes().count(b"\n"),)])

    def fill(self, table, path, form, structure, select):
        """Inserts the file; answers the CPU seconds without the merge that follows."""
        cpu = self.load(
            lambda: self.db.query(f"INSERT INTO bench.{table} SELECT {select} FROM file('{path}', {form}, '{structure}') "
                                  f"SETTINGS max_insert_threads = {self.options.threads}, max_threads = {self.options.threads}")
        )  # fmt: skip
        self.db.query(f"OPTIMIZE TABLE bench.{table} FINAL")
        return cpu

    def disk(self, table):
        sql = f"SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'bench' AND table = '{table}'"
        return float(self.rows(sql)[0][0])

    def logs(self, path):
        self.db.query(
            "CREATE TABLE bench.logs (ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)), grp LowCardinality(String), "
            "stream LowCardinality(String), message String CODEC(ZSTD(1)), "
            "INDEX tokens message TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1) ENGINE = MergeTree ORDER BY (grp, stream, ts)"
        )
        structure = "ts Int64, grp String, stream String, message String"
        cpu = self.fill("logs", path, "JSONEachRow", structure, "fromUnixTimestamp64Milli(ts, 'UTC'), grp, stream, message")
        text = float(self.rows("SELECT sum(length(message)) FROM bench.logs")[0][0])
        self.add("logs-in", text / 1e6 / cpu)
        self.add("logs-disk", self.disk("logs") / text * FULL_LOG_BYTES / 1e6)
        self.sql("needle", f"SELECT count() FROM bench.logs WHERE hasToken(message, '{NEEDLE}')")
        phrase = f"SELECT count() FROM bench.logs WHERE message LIKE '%{PHRASE}%'"
        self.sql("phrase", phrase)
        self.count("phrase-list", phrase.replace("count()", "ts, stream, message"))
        self.sql("insights-phrase", phrase)
        minute = "SELECT toStartOfMinute(ts) AS t, {} AS s, count() FROM bench.logs WHERE grp = '{}' GROUP BY t, s"
        self.sql("status-text", minute.format("splitByChar(' ', message)[9]", "/w1/nginx"))
        self.sql("status-field", minute.format("JSONExtractInt(message, 'status')", "/w1/app"))
        regex = "SELECT count() FROM bench.logs WHERE match(message, '{}')"
        self.sql("regex-literal", regex.format("upstream [a-z]+ refused"))
        self.sql("regex", regex.format("[0-9]{3}-[0-9]{3}-[0-9]{4}"))
        self.count("tail", "SELECT ts, message FROM bench.logs WHERE grp = '/w1/nginx' AND stream = 'host-07' ORDER BY ts DESC LIMIT 100")

    def metrics(self, path):
        self.db.query(
            "CREATE TABLE bench.metrics (name LowCardinality(String), service LowCardinality(String), instance LowCardinality(String), "
            "ts DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)), value Float64 CODEC(Gorilla, ZSTD(1))) "
            "ENGINE = MergeTree ORDER BY (name, service, instance, ts)"
        )
        structure = "name String, service String, instance String, ts UInt32, value Float64"
        cpu = self.fill("metrics", path, "CSV", structure, "name, service, instance, toDateTime(ts, 'UTC'), value")
        count = float(self.rows("SELECT count() FROM bench.metrics")[0][0])
        self.add("metrics-in-bulk", count / cpu)
        self.add("metrics-disk", self.disk("metrics") / count)
        latency = "FROM bench.metrics WHERE name = 'LatencyMs'"
        self.count("series-day", f"SELECT ts, value {latency} AND service = 'service-00' AND instance = 'i-0a000000' ORDER BY ts")
        five = "toStartOfInterval(ts, INTERVAL 5 MINUTE) AS t"
        self.count("series-1000", f"SELECT service, instance, {five}, avg(value) {latency} GROUP BY service, instance, t")
        self.sql("avg-by-service", f"SELECT service, {five}, avg(value) {latency} GROUP BY service, t")
        self.sql("p95", f"SELECT {five}, quantileExact(0.95)(value) {latency} GROUP BY t")
        self.count("latest", f"SELECT name, service, instance, argMax(value, ts) FROM bench.metrics WHERE ts >= {self.end - 60} GROUP BY name, service, instance")

    def events(self, path):
        fields = {"name": "'eventName'", "user": "'userIdentity', 'userName'", "key": "'userIdentity', 'accessKeyId'",
                  "source": "'eventSource'", "region": "'awsRegion'", "ip": "'sourceIPAddress'", "error": "'errorCode'",
                  "id": "'eventID'"}  # fmt: skip
        low = {"name", "user", "source", "region", "error"}
        columns = ", ".join(f"`{name}` {'LowCardinality(String)' if name in low else 'String CODEC(ZSTD(1))'}" for name in fields)
        self.db.query(
            f"CREATE TABLE bench.events (ts DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)), {columns}, record String CODEC(ZSTD(1)), "
            "INDEX keys key TYPE bloom_filter GRANULARITY 1, INDEX users user TYPE bloom_filter GRANULARITY 1) ENGINE = MergeTree ORDER BY ts"
        )
        parsed = ", ".join(f"JSONExtractString(record, {at})" for at in fields.values())
        cpu = self.fill("events", path, "JSONEachRow", "ts Int64, record String",
                        f"toDateTime(intDiv(ts, 1000), 'UTC'), {parsed}, record")  # fmt: skip
        count = float(self.rows("SELECT count() FROM bench.events")[0][0])
        self.add("events-in", count / cpu)
        self.add("events-disk", self.disk("events") / count * FULL_EVENTS / 1e6)
        newest = "SELECT record FROM bench.events WHERE {} ORDER BY ts DESC LIMIT 50"
        middle = self.end - WEEK_S // 2
        self.count("lookup-key", newest.format(f"key = '{RARE_KEY}'"))
        self.count("lookup-user", newest.format(f"user = '{USER}'"))
        self.count("lookup-name", newest.format(f"name = '{NAME}' AND ts >= {middle} AND ts < {middle + 7200}"))
        self.sql("free-text", f"SELECT count() FROM bench.events WHERE record LIKE '%{FREE_TEXT}%'")
        self.sql("lake-names", "SELECT name, count() AS n FROM bench.events GROUP BY name ORDER BY n DESC LIMIT 10")
        self.sql("lake-errors", "SELECT error, source, count() FROM bench.events WHERE error != '' GROUP BY error, source")
        self.sql("lake-hours", "SELECT toStartOfHour(ts) AS t, source, count() FROM bench.events GROUP BY t, source")
        bucket, mfa = "'requestParameters', 'name'", "'userIdentity', 'sessionContext', 'attributes', 'mfaAuthenticated'"
        self.sql("lake-parameters", f"SELECT JSONExtractString(record, {bucket}) AS b, count() FROM bench.events WHERE source = 's3.amazonaws.com' GROUP BY b")
        self.sql("lake-mfa", f"SELECT uniqExact(user) FROM bench.events WHERE name = 'ConsoleLogin' AND JSONExtractString(record, {mfa}) = 'false'")


if __name__ == "__main__":
    peer = ChDb()
    for name, measure in {"logs.ndjson": peer.logs, "metrics.csv": peer.metrics, "events.ndjson": peer.events}.items():
        if path := peer.file(name):
            measure(path)
    peer.save()
