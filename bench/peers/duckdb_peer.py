"""DuckDB on the store benchmark's data: native tables for the questions, Parquet (zstd) for the size on disk."""

import duckdb

from peer import (
    FREE_TEXT, FULL_EVENTS, FULL_LOG_BYTES, NAME, NEEDLE, PHRASE, RARE_KEY, USER, WEEK_S, Peer, bytes_on_disk,
)  # fmt: skip


class DuckDb(Peer):
    def __init__(self):
        super().__init__(f"DuckDB {duckdb.__version__}")
        self.db = duckdb.connect(str(self.options.work / "bench.duckdb"))
        self.db.execute(f"SET threads = {self.options.threads}")
        self.db.execute("SET preserve_insertion_order = false")

    def rows(self, sql):
        return self.db.execute(sql).fetchall()

    def sql(self, name, text):
        self.ask(name, lambda: self.rows(text))

    def create(self, sql):
        """Runs the statement and a checkpoint; answers the CPU seconds."""
        return self.load(lambda: (self.rows(sql), self.rows("CHECKPOINT")))

    def parquet(self, table, order):
        path = self.options.work / f"{table}.parquet"
        self.rows(f"COPY (SELECT * FROM {table} ORDER BY {order}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        return bytes_on_disk(path)

    def logs(self, path):
        columns = "{ts: 'BIGINT', grp: 'VARCHAR', stream: 'VARCHAR', message: 'VARCHAR'}"
        cpu = self.create(
            f"CREATE TABLE logs AS SELECT epoch_ms(ts) AS ts, grp, stream, message "
            f"FROM read_json('{path}', format = 'newline_delimited', columns = {columns}) ORDER BY grp, stream, ts"
        )
        text = self.rows("SELECT sum(strlen(message)) FROM logs")[0][0]
        self.add("logs-in", float(text) / 1e6 / cpu)
        self.add("logs-disk", self.parquet("logs", "grp, stream, ts") / float(text) * FULL_LOG_BYTES / 1e6)
        self.sql("needle", f"SELECT count(*) FROM logs WHERE contains(message, '{NEEDLE}')")
        phrase = f"SELECT count(*) FROM logs WHERE contains(message, '{PHRASE}')"
        self.sql("phrase", phrase)
        self.ask("phrase-list", lambda: [(len(self.rows(phrase.replace("count(*)", "ts, stream, message"))),)])
        self.sql("insights-phrase", phrase)
        minute = "SELECT date_trunc('minute', ts), {}, count(*) FROM logs WHERE grp = '{}' GROUP BY 1, 2"
        self.sql("status-text", minute.format("split_part(message, ' ', 9)", "/w1/nginx"))
        self.sql("status-field", minute.format("json_extract_string(message, '$.status')", "/w1/app"))
        regex = "SELECT count(*) FROM logs WHERE regexp_matches(message, '{}')"
        self.sql("regex-literal", regex.format("upstream [a-z]+ refused"))
        self.sql("regex", regex.format("[0-9]{3}-[0-9]{3}-[0-9]{4}"))
        tail = "SELECT ts, message FROM logs WHERE grp = '/w1/nginx' AND stream = 'host-07' ORDER BY ts DESC LIMIT 100"
        self.ask("tail", lambda: [(len(self.rows(tail)),)])

    def metrics(self, path):
        columns = "{name: 'VARCHAR', service: 'VARCHAR', instance: 'VARCHAR', ts: 'BIGINT', value: 'DOUBLE'}"
        cpu = self.create(
            f"CREATE TABLE metrics AS SELECT name, service, instance, to_timestamp(ts) AS ts, value "
            f"FROM read_csv('{path}', header = false, columns = {columns}) ORDER BY name, service, instance, ts"
        )
        count = self.rows("SELECT count(*) FROM metrics")[0][0]
        self.add("metrics-in-bulk", count / cpu)
        self.add("metrics-disk", self.parquet("metrics", "name, service, instance, ts") / count)
        latency = "FROM metrics WHERE name = 'LatencyMs'"
        one = f"SELECT ts, value {latency} AND service = 'service-00' AND instance = 'i-0a000000' ORDER BY ts"
        self.ask("series-day", lambda: [(len(self.rows(one)),)])
        five = "time_bucket(INTERVAL '5 minutes', ts)"
        each = f"SELECT service, instance, {five}, avg(value) {latency} GROUP BY ALL"
        self.ask("series-1000", lambda: [(len(self.rows(each)),)])
        self.sql("avg-by-service", f"SELECT service, {five}, avg(value) {latency} GROUP BY ALL")
        self.sql("p95", f"SELECT {five}, quantile_cont(value, 0.95) {latency} GROUP BY ALL")
        latest = f"SELECT name, service, instance, arg_max(value, ts) FROM metrics WHERE ts >= to_timestamp({self.end - 60}) GROUP BY ALL"
        self.ask("latest", lambda: [(len(self.rows(latest)),)])

    def events(self, path):
        text = "json_extract_string(record, '{}')"
        fields = {"name": "$.eventName", "user": "$.userIdentity.userName", "key": "$.userIdentity.accessKeyId",
                  "source": "$.eventSource", "region": "$.awsRegion", "ip": "$.sourceIPAddress",
                  "error": "$.errorCode", "id": "$.eventID"}  # fmt: skip
        parsed = ", ".join(f'{text.format(at)} AS "{name}"' for name, at in fields.items())
        cpu = self.create(
            f"CREATE TABLE events AS SELECT epoch_ms(ts) AS ts, {parsed}, record FROM read_json('{path}', "
            f"format = 'newline_delimited', columns = {{ts: 'BIGINT', record: 'VARCHAR'}}) ORDER BY ts"
        )
        count = self.rows("SELECT count(*) FROM events")[0][0]
        self.add("events-in", count / cpu)
        self.add("events-disk", self.parquet("events", "ts") / count * FULL_EVENTS / 1e6)
        newest = "SELECT record FROM events WHERE {} ORDER BY ts DESC LIMIT 50"
        middle = self.end - WEEK_S // 2
        lookups = {"lookup-key": f"key = '{RARE_KEY}'", "lookup-user": f"\"user\" = '{USER}'",
                   "lookup-name": f"name = '{NAME}' AND ts >= epoch_ms({middle * 1000}) AND ts < epoch_ms({(middle + 7200) * 1000})"}  # fmt: skip
        for name, where in lookups.items():
            self.ask(name, lambda sql=newest.format(where): [(len(self.rows(sql)),)])
        self.sql("free-text", f"SELECT count(*) FROM events WHERE contains(record, '{FREE_TEXT}')")
        self.sql("lake-names", "SELECT name, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC LIMIT 10")
        self.sql("lake-errors", "SELECT error, source, count(*) FROM events WHERE error IS NOT NULL GROUP BY 1, 2")
        self.sql("lake-hours", "SELECT date_trunc('hour', ts), source, count(*) FROM events GROUP BY 1, 2")
        bucket, mfa = text.format("$.requestParameters.name"), text.format("$.userIdentity.sessionContext.attributes.mfaAuthenticated")
        self.sql("lake-parameters", f"SELECT {bucket}, count(*) FROM events WHERE source = 's3.amazonaws.com' GROUP BY 1")
        self.sql("lake-mfa", f"SELECT count(DISTINCT \"user\") FROM events WHERE name = 'ConsoleLogin' AND {mfa} = 'false'")


if __name__ == "__main__":
    peer = DuckDb()
    for name, measure in {"logs.ndjson": peer.logs, "metrics.csv": peer.metrics, "events.ndjson": peer.events}.items():
        if path := peer.file(name):
            measure(path)
    peer.save()
