//! Queries as AWS's guide and its users write them, from their text to their rows.

use super::*;

fn run(text: &str, lines: &[Line]) -> Vec<String> {
    let query = crate::insights::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    table(&answer(query.commands, lines))
}

#[test]
fn lambda_reports() {
    let report = |request: &str, used: u32| {
        format!(
            "REPORT RequestId: {request}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: {used} MB\t"
        )
    };
    let texts = [report("a-1", 79), report("a-2", 98), "START RequestId: a-1 Version: 1".to_owned()];
    let lines = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let overprovisioned = r#"filter @type = "REPORT"
        | stats max(@memorySize / 1000 / 1000) as provisonedMemoryMB,
            min(@maxMemoryUsed / 1000 / 1000) as smallestMemoryRequestMB,
            avg(@maxMemoryUsed / 1000 / 1000) as avgMemoryUsedMB,
            max(@maxMemoryUsed / 1000 / 1000) as maxMemoryUsedMB,
            provisonedMemoryMB - maxMemoryUsedMB as overProvisionedMB"#;
    assert_eq!(run(overprovisioned, &lines), ["128 | 79 | 88.5 | 98 | 30"]);
    assert_eq!(
        run("filter @type = 'REPORT' | fields @requestId, @billedDuration | sort @requestId desc | limit 1", &lines),
        ["a-2 | 13.0"]
    );
    assert_eq!(
        run("stats avg(@duration), max(@duration), min(@duration) by bin(5m)", &lines),
        ["2024-01-02 12:00:00.000 | 12.34 | 12.34 | 12.34"]
    );
}

#[test]
fn flow_logs() {
    let flow = |source: &str, bytes: u32, action: &str| {
        format!(
            "2 123456789010 eni-1235b8ca {source} 172.31.9.12 49761 3389 6 20 {bytes} 1418530010 1418530070 {action} OK"
        )
    };
    let texts = [flow("10.0.0.1", 4_249, "ACCEPT"), flow("10.0.0.2", 100, "REJECT"), flow("10.0.0.1", 51, "ACCEPT")];
    let lines = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let top = "stats sum(bytes) as bytesTransferred by srcAddr, dstAddr | sort bytesTransferred desc | limit 10";
    assert_eq!(run(top, &lines), ["10.0.0.1 | 172.31.9.12 | 4300", "10.0.0.2 | 172.31.9.12 | 100"]);
    let rejected =
        "filter action=\"REJECT\" | stats count(*) as numRejections by srcAddr | sort numRejections desc | limit 20";
    assert_eq!(run(rejected, &lines), ["10.0.0.2 | 1"]);
    assert_eq!(run("filter isIpv4InSubnet(srcAddr, '10.0.0.0/31') | stats count(*)", &lines), ["2"]);
}

#[test]
fn cloudtrail_records() {
    let lines = lines(&[
        r#"{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"us-east-1","userIdentity":{"userName":"ann"}}"#,
        r#"{"eventSource":"s3.amazonaws.com","eventName":"PutObject","awsRegion":"us-east-1","userIdentity":{"userName":"bob"}}"#,
        r#"{"eventSource":"ec2.amazonaws.com","eventName":"StopInstances","awsRegion":"us-east-2"}"#,
    ]);
    assert_eq!(
        run("stats count(*) by eventSource, eventName, awsRegion", &lines),
        [
            "ec2.amazonaws.com | RunInstances | us-east-1 | 1",
            "ec2.amazonaws.com | StopInstances | us-east-2 | 1",
            "s3.amazonaws.com | PutObject | us-east-1 | 1"
        ]
    );
    let stops = r#"filter (eventName="StartInstances" or eventName="StopInstances") and awsRegion="us-east-2" | fields eventName"#;
    assert_eq!(run(stops, &lines), ["StopInstances"]);
    let users = r#"filter eventName in ["RunInstances", "PutObject"] | fields userIdentity.userName as who | sort who"#;
    assert_eq!(run(users, &lines), ["ann", "bob"]);
    assert_eq!(run("fields awsRegion | dedup awsRegion", &lines), ["us-east-2", "us-east-1"]);
}

#[test]
fn parse_and_regular_expressions() {
    let lines = lines(&["[ERROR] user=ann took 12ms", "[INFO] user=bob took 7ms", "[ERROR] user=bob took 8ms"]);
    let levels = r#"fields @message | parse @message "[*] user=* took *ms" as level, user, took | filter level = "ERROR" | display user, took"#;
    assert_eq!(run(levels, &lines), ["bob | 8", "ann | 12"]);
    let slow = r"parse @message /user=(?<user>\w+) took (?<took>\d+)ms/ | stats avg(took) as t, pct(took, 90) by user | sort t desc";
    assert_eq!(run(slow, &lines), ["ann | 12 | 12", "bob | 7.5 | 8"]);
    assert_eq!(
        run("filter @message like /(?i)error/ | stats count(*) as errors by bin(1m)", &lines),
        ["2024-01-02 12:00:00.000 | 2"]
    );
    assert_eq!(run("fields @message | filter @message not like 'ERROR'", &lines), ["[INFO] user=bob took 7ms"]);
    let twice =
        "parse @message 'user=* took' as user | stats count(*) as n by user | stats max(n) as most, count(*) as users";
    assert_eq!(run(twice, &lines), ["2 | 2"]);
}

#[test]
fn lists_in_json() {
    let lines = lines(&[
        r#"{"accounts":[{"type":"internal","accountId":"1","droppedSpans":3},{"type":"x","accountId":"2","droppedSpans":5}]}"#,
    ]);
    let filtered = r#"fields jsonParse(@message) as js | unnest js.accounts into account | filter account.type = "internal" | display account.accountId"#;
    assert_eq!(run(filtered, &lines), ["1"]);
    let summed = "fields jsonParse(@message) as js | unnest js.accounts into account | stats sum(account.droppedSpans) as n by account.accountId | sort n desc | limit 10";
    assert_eq!(run(summed, &lines), ["2 | 5", "1 | 3"]);
}

#[test]
fn sql_and_ppl_run_on_the_same_engine() {
    let lines = lines(&[
        r#"{"status":200,"path":"/a","ms":12.5}"#,
        r#"{"status":500,"path":"/b","ms":30}"#,
        r#"{"status":200,"path":"/a","ms":7}"#,
        r#"{"status":404,"path":"/c","ms":1}"#,
    ]);
    let run = |language, text: &str| {
        let query = crate::insights::parse_in(language, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        table(&answer(query.commands, &lines))
    };
    let sql = |text| run(crate::insights::Language::Sql, text);
    assert_eq!(
        sql("SELECT status, COUNT(*) AS n FROM `g` GROUP BY status ORDER BY n DESC, status LIMIT 2"),
        ["200 | 2", "404 | 1"]
    );
    assert_eq!(
        sql("SELECT path, AVG(ms) AS t FROM `g` WHERE status < 500 GROUP BY path HAVING AVG(ms) > 5"),
        ["/a | 9.75"]
    );
    assert_eq!(sql("SELECT DISTINCT path FROM `g` ORDER BY path"), ["/a", "/b", "/c"]);
    assert_eq!(sql("SELECT path FROM `g` WHERE path LIKE '/%' AND ms BETWEEN 10 AND 40 ORDER BY ms"), ["/a", "/b"]);
    assert_eq!(
        sql(
            "SELECT UPPER(path) AS p, CASE WHEN status >= 500 THEN 'bad' ELSE 'good' END AS c FROM `g` ORDER BY ms LIMIT 1 OFFSET 3"
        ),
        ["/B | bad"]
    );
    let ppl = |text| run(crate::insights::Language::Ppl, text);
    assert_eq!(
        ppl("source = [lg:`g`] | where status = 200 | stats count() as n, sum(ms) as s by path"),
        ["19.5"].map(|s| format!("/a | 2 | {s}"))
    );
    assert_eq!(ppl("fields path, ms | sort - ms | head 2"), ["/b | 30", "/a | 12.5"]);
    assert_eq!(ppl("eval slow = ms > 10 | stats count() as n by slow | sort slow"), ["0 | 2", "1 | 2"]);
    assert_eq!(ppl("dedup path | fields path | sort path"), ["/a", "/b", "/c"]);
    assert_eq!(ppl("top 1 path"), ["/a | 2"]);
    assert_eq!(ppl("grok path '/%{WORD:letter}' | stats count() as n by letter | sort letter | head 1"), ["a | 2"]);
}
