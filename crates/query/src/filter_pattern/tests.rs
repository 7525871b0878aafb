//! Tests of filter patterns: tables from the documentation and from reports, then patterns found in the wild.

use super::*;

mod in_the_wild;

/// Checks which lines a pattern matches.
#[track_caller]
fn check(pattern: &str, matching: &[&str], others: &[&str]) {
    let parsed = FilterPattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    for line in matching {
        assert!(parsed.matches(line), "{pattern} should match {line}");
        for literal in parsed.required_literals() {
            assert!(line.contains(literal) || line.contains("\\u"), "{pattern}: {line} lacks {literal:?}");
        }
        check_clauses(&parsed, line);
        assert!(parsed.extract(line).is_some(), "{pattern} should extract from {line}");
    }
    for line in others {
        assert!(!parsed.matches(line), "{pattern} should not match {line}");
        assert_eq!(parsed.extract(line), None);
    }
}

/// A line that matches satisfies every clause.
#[track_caller]
fn check_clauses(pattern: &FilterPattern, line: &str) {
    for clause in pattern.required_clauses() {
        assert!(clause.iter().any(|text| line.contains(text)), "{pattern:?}: {line} lacks each of {clause:?}");
    }
}

#[track_caller]
fn check_refused(pattern: &str, message: &str, column: usize) {
    let error = FilterPattern::parse(pattern).err();
    let error = error.unwrap_or_else(|| panic!("{pattern} should be refused"));
    assert_eq!((error.message.as_str(), error.column), (message, column), "{pattern}");
}

#[track_caller]
fn check_extracted(pattern: &str, line: &str, expected: &[(&str, &str)]) {
    let extracted = FilterPattern::parse(pattern).unwrap().extract(line).expect("the line matches");
    let extracted: Vec<_> = extracted.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(extracted, expected, "{pattern}");
}

#[test]
fn blank_patterns_match_everything() {
    for pattern in ["", " ", "\t ", "\"\"", "\" \""] {
        check(pattern, &["", "x", "{}", "[ERROR] y"], &[]);
    }
}

#[test]
fn terms_occur_anywhere_and_in_any_order() {
    check(
        "ERROR",
        &["[ERROR 400] BAD REQUEST", "Exiting with ERRORCODE: -1", "ERROR"],
        &["error", "Error", "ERRO R", ""],
    );
    check(
        "ERROR Exception",
        &["[ERROR] Caught IllegalArgumentException", "Exception ERROR"],
        &["[ERROR] x", "Exception"],
    );
    check("Failed to process", &["process to Failed"], &["Failed process"]);
    check("notification.id", &["x notification.id=3"], &["notification_id"]);
    check("größe", &["die größe"], &["die grosse"]);
}

#[test]
fn phrases_are_exact() {
    check(
        "\"INTERNAL SERVER ERROR\"",
        &["[ERROR 500] INTERNAL SERVER ERROR"],
        &["INTERNAL ERROR SERVER", "INTERNAL  SERVER ERROR"],
    );
    check("\"[error]\" \"connect() failed\"", &["1 [error] connect() failed"], &["error connect() failed"]);
    check(r#""\"levelname\": \"ERROR\"""#, &[r#"{"levelname": "ERROR"}"#], &[r#"{"levelname":"ERROR"}"#]);
    check(r#""C:\\temp""#, &[r"in C:\temp\x"], &[r"in C:\\temp"]);
    check(r#""C:\temp""#, &[r"in C:\temp\x"], &["in C:emp"]);
    check("\"a\"\"b\"", &["b a"], &["a", "b"]);
}

#[test]
fn minus_excludes() {
    check("ERROR -ARGUMENTS", &["[ERROR 400] BAD REQUEST"], &["[ERROR 419] MISSING ARGUMENTS", "OK"]);
    check("ERROR - \"Exiting\"", &["[ERROR] A fatal exception"], &["Exiting with ERRORCODE: -1"]);
    check("-debug", &["info", ""], &["a debug line"]);
    check(
        "\"<Error>\" -\"benefitchecker\" -\"<ADFC-64007>\"",
        &["<Error> x"],
        &["<Error> benefitchecker", "<Error> <ADFC-64007>"],
    );
}

#[test]
fn question_marks_make_alternatives() {
    check("?ERROR ?WARN", &["ERROR WARN message", "ERROR message", "WARN message"], &["INFO message", ""]);
    check("?ERROR", &["ERROR"], &["WARN"]);
    check("?\"not found\" ?%5\\d\\d%", &["x not found", "503"], &["not  found 404"]);
    // AWS ignores optional terms beside others.
    check("?ERROR REQUEST", &["[INFO] REQUEST FAILED", "ERROR REQUEST"], &["ERROR"]);
    check("?ERROR -debug", &["anything"], &["ERROR debug"]);
}

#[test]
fn regexes_stand_alone_and_beside_terms() {
    check("%AUTHORIZED%", &["[ERROR 401] UNAUTHORIZED REQUEST", "[SUCCESS 200] AUTHORIZED REQUEST"], &["authorized"]);
    check("%Memory cgroup out of memory%", &["kernel: Memory cgroup out of memory: Killed"], &["Memory cgroup"]);
    check(r"%\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}%", &["from 10.0.0.1 to"], &["1.2.3", "١.٢.٣.٤"]);
    check("%[Ee]rror|[Ff]ail%", &["Error", "fail"], &["ERROR"]);
    check("%^START%", &["START RequestId"], &["RESTART"]);
    check(r"ERROR %\x28retry [0-9]+\x29%", &["ERROR (retry 3)"], &["ERROR retry 3", "(retry 3)"]);
    check("-%[0-9]% x", &["x y"], &["x 1"]);
    check("%colou?r%", &["color", "colour"], &["colr"]);
}

#[test]
fn bad_terms_are_refused() {
    check_refused("email@example.com", "Invalid character(s) in term 'email@example.com'", 1);
    check_refused("ok ORDER-ITEM-1", "Invalid character(s) in term 'ORDER-ITEM-1'", 4);
    check_refused("a/b", "Invalid character(s) in term 'a/b'", 1);
    check_refused("x \"open", "the string is not closed", 3);
    check_refused("x \"open\\", "the string is not closed", 3);
    check_refused("a -", "Invalid character(s) in term ''", 4);
    check_refused("%open", "the regular expression is not closed by '%'", 1);
    check_refused("%%", "the regular expression is empty", 1);
    check_refused("%(a|b)%", "Invalid character(s) in term '(a|b)'", 1);
    check_refused(r"%\(a%", r"Invalid character(s) in term '\(a'", 1);
    check_refused("%something!%", "Invalid character(s) in term 'something!'", 1);
    check_refused("%é%", "Invalid character(s) in term 'é'", 1);
    check_refused(r"%\bword%", r"the regular expression has an unsupported escape '\b'", 1);
    check_refused("%a% %b% %c%", "a pattern has at most 2 regular expressions", 9);
    check_refused("%[a%", "the regular expression cannot be read", 1);
    check_refused("%[a-z]{900}{900}%", "the regular expression is too large", 1);
    check_refused(&"x".repeat(1025), "a pattern has at most 1024 characters", 1);
    assert!(FilterPattern::parse(&"é".repeat(1024)).is_ok());
    let error = FilterPattern::parse("a b@c").unwrap_err();
    assert_eq!(error.to_string(), "Invalid filter pattern: Invalid character(s) in term 'b@c' (column 3)");
}

/// The event of the guide's JSON examples.
const TRAIL: &str = r#"{
  "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111",
  "arrayKey": ["value", "another value"],
  "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
  "SomeObject": null, "ThisFlag": true, "ThatFlag": false
}"#;

#[test]
fn json_examples_of_the_guide() {
    let matching = [
        r#"{ $.eventType = "UpdateTrail" }"#,
        "{ $.eventType = UpdateTrail }",
        "{ $.sourceIPAddress != 123.123.* }",
        "{ $.sourceIPAddress = 111.111.* }",
        r#"{ $.arrayKey[0] = "value" }"#,
        "{ $.objectList[1].id = 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.ThatFlag IS FALSE }",
        "{ $.ThatFlag = false }",
        "{ $.ThatFlag != true }",
        "{ $.eventType = %Trail$% }",
        "{ $.eventType != %^Trail% }",
    ];
    for pattern in matching {
        check(pattern, &[TRAIL], &["{}", "not json", ""].map(|line| if pattern.contains("NOT") { "x" } else { line }));
    }
    let others = [
        "{ $.eventType = updateTrail }",
        "{ $.eventType = Trail }",
        "{ $.arrayKey[2] = * }",
        "{ $.arrayKey = value }",
        "{ $.arrayKey != value }",
        "{ $.objectList != x }",
        "{ $.SomeObject = * }",
        "{ $.SomeObject != x }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.SomeOtherObject IS NULL }",
        "{ $.SomeOtherObject != x }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.eventType IS TRUE }",
        "{ $.eventType > 5 }",
        "{ $.eventType[0] = U }",
        "{ $.objectList.id = 2 }",
    ];
    for pattern in others {
        check(pattern, &[], &[TRAIL]);
    }
}

#[test]
fn json_not_equal_needs_the_field() {
    // Reported with the console's pattern test: a record without invokedBy does not match.
    let pattern = r#"{($.errorCode = "AccessDenied") && ($.userIdentity.invokedBy != "cloudfront.amazonaws.com")}"#;
    check(
        pattern,
        &[r#"{"errorCode":"AccessDenied","userIdentity":{"invokedBy":"x"}}"#],
        &[r#"{"errorCode":"AccessDenied","userIdentity":{"accountId":"anonymous"}}"#],
    );
}

#[test]
fn json_and_binds_before_or() {
    let event = r#"{"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":"John.Doe@example.com"},
        {"id":3,"email":"Jane.Doe@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6],[7,8,9]]}"#;
    check(r#"{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }"#, &[event], &[]);
    check(r#"{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }"#, &[], &[event]);
    check(
        r#"{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }"#,
        &[event],
        &[],
    );
    check(
        r#"{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }"#,
        &[],
        &[event],
    );
    check("{$.coordinates[1][2]=6&&$.actions[1]=PUT}", &[event], &[]);
    check("{ (((($.user.id = 1)))) }", &[event], &[]);
}

#[test]
fn json_numbers_compare_by_value() {
    let line = |value: &str| format!(r#"{{"n":{value}}}"#);
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("{ $.n >= 500 }", &["500", "5e2", "500.0", "501", "\"500\""], &["499.9", "\"x\"", "null", "true", "[500]"]),
        ("{ $.n < 10e3 }", &["9999.9", "-1"], &["10000", "1e4"]),
        ("{ $.n < 10e-3 }", &["0.0099", "1e-3"], &["0.01"]),
        ("{ $.n <= 55.5 }", &["55.5", "0"], &["55.51"]),
        ("{ $.n = 400 }", &["400", "4e2", "400.0", "\"400\""], &["401", "\"0x190\"", "\"\""]),
        ("{ $.n != 500 }", &["499", "\"x\""], &["500", "500.0", "null"]),
        ("{ $.n > +1000 }", &["1001"], &["1000"]),
        ("{ $.n > -1 }", &["0"], &["-1"]),
        (
            "{ $.n = 123456789012345678901 }",
            &["123456789012345678901", "\"123456789012345678901\""],
            &["123456789012345678902"],
        ),
        ("{ $.n = 4* }", &["404", "4", "\"4xx\""], &["504"]),
        ("{ $.n = \"401\" }", &["401", "\"401\""], &["401.0", "4010"]),
        ("{ $.n = 1e }", &["\"1e\""], &["1"]),
        ("{ $.n = .5 }", &["0.5"], &["5"]),
    ];
    for (pattern, matching, others) in cases {
        for value in *matching {
            check(pattern, &[&line(value)], &[]);
        }
        for value in *others {
            check(pattern, &[], &[&line(value)]);
        }
    }
}

#[test]
fn wildcards_work_at_the_ends_of_strings() {
    check("{ $.s = *Event }", &[r#"{"s":"PutEvent"}"#, r#"{"s":"Event"}"#], &[r#"{"s":"EventId"}"#]);
    check("{ $.s = Event* }", &[r#"{"s":"EventId"}"#], &[r#"{"s":"PutEvent"}"#]);
    check("{ $.s = Ev*ent }", &[r#"{"s":"Ev*ent"}"#], &[r#"{"s":"Event"}"#, r#"{"s":"Ev-ent"}"#]);
    check(r#"{ $.s = "*a b*" }"#, &[r#"{"s":"xa by"}"#], &[r#"{"s":"ab"}"#]);
    check("{ $.s = * }", &[r#"{"s":""}"#, r#"{"s":0}"#, r#"{"s":true}"#], &[r#"{"s":{}}"#, r#"{"t":1}"#]);
    check(r#"{ $.s = "" }"#, &[r#"{"s":""}"#], &[r#"{"s":" "}"#]);
    check(r#"{ $.s != "" }"#, &[r#"{"s":"x"}"#], &[r#"{"s":""}"#]);
    check(
        "{ $.ip = 10.0.0.0/8 || $.ip = ::1 }",
        &[r#"{"ip":"10.0.0.0\/8"}"#, r#"{"ip":"::1"}"#],
        &[r#"{"ip":"10.0.0.1"}"#],
    );
}

#[test]
fn json_selectors() {
    check("{ $.a-b_c = 1 }", &[r#"{"a-b_c":1}"#], &[r#"{"a":1}"#]);
    check(r#"{ $["odd.key"] = 1 }"#, &[r#"{"odd.key":1}"#], &[r#"{"odd":{"key":1}}"#]);
    check(r#"{ $.a["b c"][0] = 1 }"#, &[r#"{"a":{"b c":[1]}}"#], &[r#"{"a":{"b c":1}}"#]);
    check("{ $['x'].y = 1 }", &[r#"{"x":{"y":1}}"#], &["{}"]);
    check("{ $[1] = 2 }", &["[1,2]"], &["[2,1]", "{}"]);
    check("{ $.* = 3 }", &[r#"{"a":1,"b":3}"#], &[r#"{"a":{"b":3}}"#, "[3]"]);
    check(
        "{ $.list[*].id = 3 }",
        &[r#"{"list":[{"id":1},{"id":3}]}"#],
        &[r#"{"list":[{"id":1}]}"#, r#"{"list":{"id":3}}"#],
    );
    check("{ $.*.id = 3 }", &[r#"{"x":{"id":3}}"#], &[r#"{"id":3}"#]);
    check("{ $.list[*] NOT EXISTS }", &[r#"{"list":[]}"#, "{}"], &[r#"{"list":[0]}"#]);
    check("{ $.list[*] = 1 && $.list[0] = 2 }", &[r#"{"list":[2,1]}"#], &[r#"{"list":[1,2]}"#]);
    check("{ $.NOT = 1 && $.IS NOT EXISTS }", &[r#"{"NOT":1}"#], &[r#"{"NOT":1,"IS":1}"#]);
    check("{ $.a is null || $.b Not Exists }", &[r#"{"a":null,"b":1}"#, "{}"], &[r#"{"b":1}"#]);
}

#[test]
fn only_json_matches_json_patterns() {
    let broken = [
        "",
        " ",
        "x",
        "1",
        "\"a\"",
        "null",
        "{",
        "}",
        "{\"a\":1",
        "{\"a\":1}}",
        "{\"a\":1} x",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[1 2]",
        "{\"a\":tru}",
        "{\"a\":1.}",
        "{\"a\":-}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":\"}",
        "{\"a\":\"\\\"}",
        "INFO {\"a\":1}",
        "{\"b\":\"\\",
        "{'a':1}",
    ];
    check(
        "{ $.zzz NOT EXISTS }",
        &["{}", "[]", " {\"a\": [1, -2.5E+3, \"x\\\"y\", null, true, false, {}]} \n"],
        &broken,
    );
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    check("{ $.zzz NOT EXISTS }", &[&deep(128)], &[&deep(129), &deep(100_000)]);
}

#[test]
fn json_escapes_are_resolved() {
    check(r#"{ $.log = "*\" 500 *" }"#, &[r#"{"log":"\"GET \/x\" 500 12"}"#], &[r#"{"log":" 500 "}"#]);
    check(r#"{ $.path = "/a/b" }"#, &[r#"{"path":"\/a\/b"}"#, r#"{"path":"/a/b"}"#], &[]);
    check("{ $.event = Put }", &[r#"{"\u0065vent":"\u0050ut"}"#], &[r#"{"\u0065vent":"put"}"#]);
    check(r#"{ $.s = "😀é" }"#, &[r#"{"s":"\ud83d\ude00\u00e9"}"#, r#"{"s":"😀é"}"#], &[r#"{"s":"\ud83d\u00e9"}"#]);
    check(r#"{ $.s = "a\\b" }"#, &[r#"{"s":"a\\b"}"#], &[r#"{"s":"ab"}"#]);
    check("{ $.s = %a\\sb% }", &[r#"{"s":"a\nb"}"#], &[r#"{"s":"anb"}"#]);
}

#[test]
fn bad_json_patterns_are_refused() {
    check_refused("{ $.a = 1", "If a filter pattern starts with '{' it must end with '}'", 1);
    check_refused("{}", "expected a selector such as $.name, found '}'", 2);
    check_refused("{ a = 1 }", "expected a selector such as $.name, found 'a'", 3);
    check_refused("{ $ = 1 }", "expected '.' and a property name, found ' '", 4);
    check_refused("{ $. = 1 }", "expected a property name, found ' '", 5);
    check_refused("{ $.a }", "expected a comparison operator, found '}'", 7);
    check_refused("{ $.a == 1 }", "Invalid character(s) in term '='", 8);
    check_refused("{ $.a = }", "expected a value, found '}'", 9);
    check_refused("{ $.a = 'Root' }", "Invalid character(s) in term ''Root''", 9);
    check_refused("{ $.a = Failed authentication }", "expected '&&', '||' or '}', found 'a'", 16);
    check_refused("{ ($.a = x\") }", "Invalid character(s) in term 'x\"'", 10);
    check_refused("{ $.a = é }", "Invalid character(s) in term 'é'", 9);
    check_refused("{ $.a IS NOT NULL }", "expected NULL, TRUE or FALSE, found 'N'", 10);
    check_refused("{ $.a EXISTS }", "expected a comparison operator, found 'E'", 7);
    check_refused("{ $.a NOT NULL }", "expected EXISTS, found 'N'", 11);
    check_refused("{ $.a > x }", "'<', '<=', '>' and '>=' compare with a number only", 9);
    check_refused("{ $.a > \"5\" }", "'<', '<=', '>' and '>=' compare with a number only", 9);
    check_refused("{ ($.a = 1 }", "expected '&&', '||' or ')', found '}'", 12);
    check_refused("{ $.a = 1) }", "expected '&&', '||' or '}', found ')'", 10);
    check_refused("{ $.a = 1 & $.b = 2 }", "expected '&&', '||' or '}', found '&'", 11);
    check_refused("{ $.a = 1 } }", "expected nothing after '}', found '}'", 13);
    check_refused("{ $.a[x] = 1 }", "expected an array index, found 'x'", 7);
    check_refused("{ $.a[99999999999999999999] = 1 }", "expected an array index, found ']'", 27);
    check_refused("{ $.*.b[*] = 1 }", "a selector has at most one wildcard", 11);
    check_refused("{ $.a[*]=1 || $.b[*]=1 || $.c[*]=1 || $.d[*]=1 }", "a pattern has at most 3 wildcard selectors", 45);
    check_refused("{ $.a = %x% && $.b = %y% && $.c = %z% }", "a pattern has at most 2 regular expressions", 35);
    check_refused(&format!("{{{}$.a = 1{}}}", "(".repeat(65), ")".repeat(65)), "parentheses nest deeper than 64", 66);
}

/// The lines of the guide's column examples.
const ACCESS: [&str; 3] = [
    "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /apache_pb.gif HTTP/1.0\" 200 1534",
    "127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] \"GET /apache_pb.gif HTTP/1.0\" 500 5324",
    "127.0.0.1 - frank [10/Oct/2000:13:50:35 -0700] \"GET /index.html HTTP/1.0\" 404 355",
];

#[test]
fn column_examples_of_the_guide() {
    let [ok, failed, missing] = ACCESS;
    check("[ip, user, username, timestamp, request, status_code, bytes]", &ACCESS, &["a b c", ""]);
    check("[ip, user, username, timestamp, request, status_code, bytes > 1000]", &[ok, failed], &[missing]);
    check("[ip, user, username, timestamp, request, status_code = 200, bytes]", &[ok], &[failed, missing]);
    check("[ip, user, username, timestamp, request, status_code = 4*, bytes]", &[missing], &[ok, failed]);
    check("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", &[missing], &[ok, failed]);
    check("[ip, user, username, timestamp, request, status_code = 4* && status_code != 403, bytes]", &[missing], &[ok]);
    check("[..., status_code, bytes]", &ACCESS, &["x"]);
    check("[ip, user, ..., status_code = 500, bytes]", &[failed], &[ok, missing]);
    check("[ip, user, ...]", &ACCESS, &["x", ""]);
    check("[ip = 127.0.0.1, ...]", &ACCESS, &["127.0.0.2 x"]);
    check("[...]", &ACCESS, &[]);
    check("[..., request=*.html*, status_code=4*,]", &[missing], &[ok, failed]);
    check("[..., bytes = %^[0-9]{4}$%]", &[ok, failed], &[missing]);
    check("[,,,,,status_code = 500,]", &[failed], &[ok]);
}

#[test]
fn column_counts_must_agree() {
    let lines = ["ERROR WARN message", "ERROR message", "WARN message"];
    check("[w1=ERROR, w2]", &[lines[1]], &[lines[0], lines[2]]);
    check("[w1=ERROR || w1=WARN, w2]", &[lines[1], lines[2]], &[lines[0]]);
    check("[w1=!ERROR && w1=!WARN, w2]", &["INFO message"], &lines);
}

#[test]
fn a_single_column_is_the_whole_line() {
    check("[w1=\"*\"]", &["", "a", "a b c"], &[]);
    check(
        "[(w1=\"*ERROR*\" || w1=\"*Exception*\") && w1!=\"*WARN*\"]",
        &["an ERROR here", "x Exception"],
        &["ERROR WARN", "all is well"],
    );
}

#[test]
fn columns_are_parted_by_any_space() {
    let report = "REPORT RequestId: 8f5 \tDuration: 102.25 ms\tBilled Duration: 103 ms\tMemory Size: 128 MB\tMax Memory Used: 35 MB\t\n";
    check("[..., maxMemoryLabel=\"Used:\", maxMemory, maxMemoryUnit=MB]", &[report], &["REPORT Used: 35 KB"]);
    check(
        "[..., sizeLabel=\"Size:\", size > 100, unit=MB, maxLabel, memoryLabel, used=\"Used:\", max < 64, maxUnit=MB]",
        &[report],
        &[],
    );
    check("[a, b, c]", &["  x   y\tz ", "\"a b\" [c d] e"], &["x y", "w x y z"]);
    check("[thread = \"[main thread]:\", rest]", &["[main thread]: x"], &["[main thread] x"]);
    // Quotes and brackets with something attached stay whole; an open one is a letter like any other.
    check("[a, b]", &["\"open x", "[open x", "\"a \\\" b\" c", "\"a b\"c d"], &["\"a b\" c d"]);
}

#[test]
fn columns_are_extracted() {
    check_extracted(
        "[..., request=*.html*, status_code=4*,]",
        ACCESS[2],
        &[
            ("$1", "127.0.0.1"),
            ("$2", "-"),
            ("$3", "frank"),
            ("$4", "10/Oct/2000:13:50:35 -0700"),
            ("$request", "GET /index.html HTTP/1.0"),
            ("$status_code", "404"),
            ("$7", "355"),
        ],
    );
    check_extracted("[a, ..., z]", "1 2 3", &[("$a", "1"), ("$2", "2"), ("$z", "3")]);
    check_extracted("[a, z, ...]", "1 2 3", &[("$a", "1"), ("$z", "2"), ("$3", "3")]);
    check_extracted("[line]", " a b ", &[("$line", "a b")]);
    check_extracted("ERROR", "ERROR", &[]);
}

#[test]
fn selected_values_are_extracted() {
    check_extracted(
        r#"{ $.sourceIPAddress = * && $.n > 1 && ($.b IS TRUE || $.absent = 1) && $.o.list[1] = x* }"#,
        r#"{"n":2.50,"o":{"list":[0,"x\ty"]},"sourceIPAddress":"203.0.113.0","b":true}"#,
        &[("$.sourceIPAddress", "203.0.113.0"), ("$.n", "2.50"), ("$.b", "true"), ("$.o.list[1]", "x\ty")],
    );
}

#[test]
fn bad_column_patterns_are_refused() {
    check_refused("[a, b", "If a filter pattern starts with '[' it must end with ']'", 1);
    check_refused("[]", "the pattern names no column", 3);
    check_refused("[a, b = 1 && c > 2]", "a condition on column 'c' belongs in that column", 14);
    check_refused("[..., a, ...]", "a pattern has at most one '...'", 13);
    check_refused("[a b]", "expected a comparison operator, found 'b'", 4);
    check_refused("[a = 1 b]", "expected ',' or ']', found 'b'", 8);
    check_refused("[a = ]", "expected a value, found ']'", 6);
    check_refused("[a = \u{201c}x\u{201d}]", "Invalid character(s) in term '\u{201c}x\u{201d}'", 6);
    check_refused("[a = 1 && b]", "a condition on column 'b' belongs in that column", 11);
    check_refused("[\"x\"]", "expected a column name, found '\"'", 2);
    check_refused("[a] x]", "expected nothing after ']', found 'x'", 5);
}

#[test]
fn literals_name_what_every_match_contains() {
    let literals = |pattern: &str| {
        let parsed = FilterPattern::parse(pattern).unwrap();
        let mut literals: Vec<String> = parsed.required_literals().iter().map(|s| (*s).to_owned()).collect();
        literals.sort();
        literals
    };
    assert_eq!(literals("ERROR -debug \"a b\""), ["ERROR", "a b"]);
    assert_eq!(literals("?ERROR ?WARN"), [""; 0]);
    assert_eq!(literals("?ERROR"), ["ERROR"]);
    assert_eq!(literals("%AUTH% %a+%"), ["AUTH"]);
    assert_eq!(
        literals("{ $.a.eventName = \"Put*\" && $.n > 3 && $.x NOT EXISTS }"),
        ["\"eventName\"", "\"n\"", "Put"]
    );
    assert_eq!(literals("{ $.e = a1 || $.e = b1 }"), ["\"e\""]);
    assert_eq!(literals("{ $.s != x && $.p = \"a/bcd\\\"e\" }"), ["\"p\"", "\"s\"", "bcd"]);
    assert_eq!(literals("[..., a = 4*, b != 3, c = x && c = *y]"), ["4", "x", "y"]);
    assert!(FilterPattern::parse("{ $.a = 1 }").unwrap().has_fields());
    assert!(FilterPattern::parse("[a = %x%]").unwrap().has_regex());
}

#[test]
fn clauses_name_alternatives_too() {
    let clauses = |pattern: &str| {
        let clauses = FilterPattern::parse(pattern).unwrap().required_clauses();
        clauses.iter().map(|clause| clause.join(" | ")).collect::<Vec<_>>()
    };
    assert_eq!(clauses("ERROR -debug %id=[0-9]+%"), ["ERROR", "id="]);
    assert_eq!(clauses("?ERROR ?%timeout|refused% ?WARN"), ["ERROR | timeout | refused | WARN"]);
    assert_eq!(clauses("?ERROR ?%[a-z]%"), [""; 0]);
    assert_eq!(clauses("{ $.level = ERROR }"), [r#""level" | \u"#, r"ERROR | \u"]);
    assert_eq!(clauses("[..., status = 404 && status != 5*]"), [""; 0]);
    assert_eq!(clauses("[..., status = x404]"), ["x404"]);
    assert_eq!(clauses(""), [""; 0]);
}

/// The values of `names` in a line, `-` where it has none.
#[track_caller]
fn selected(pattern: &str, names: &[&str], line: &str) -> Option<Vec<String>> {
    let parsed = FilterPattern::parse(pattern).unwrap();
    let fields = parsed.fields(names).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let values = parsed.select(line, &fields)?;
    Some(values.into_iter().map(|value| value.map_or("-".to_owned(), |text| text.into_owned())).collect())
}

#[test]
fn fields_of_json_need_not_be_in_the_pattern() {
    let line = r#"{"a":"x","n":1.50,"o":{"k":"\u00e9"},"l":[1,2],"z":null,"t":true}"#;
    let names = ["$.n", "$.o.k", "$.l[1]", "$.a", "$.z", "$.o", "$.t", "$.no", "$.n"];
    let values = selected("{ $.a = x }", &names, line).unwrap();
    assert_eq!(values, ["1.50", "é", "2", "x", "-", "-", "true", "-", "1.50"]);
    assert_eq!(selected("{ $.a = y }", &names, line), None);
    assert_eq!(selected("{ $.no NOT EXISTS }", &["$.l[*]"], line).unwrap(), ["1"]);
}

#[test]
fn fields_of_columns_are_their_names_or_numbers() {
    let line = "10.0.0.1 - [a b] 404 12";
    assert_eq!(selected("[ip, , time, status = 4*, bytes]", &["$bytes", "$ip"], line).unwrap(), ["12", "10.0.0.1"]);
    assert_eq!(selected("[ip, ..., status, bytes]", &["$status", "$ip"], line).unwrap(), ["404", "10.0.0.1"]);
    assert_eq!(selected("[..., bytes]", &["$3", "$9", "$bytes"], line).unwrap(), ["a b", "-", "12"]);
    assert_eq!(selected("[ip, ..., status = 5*, bytes]", &["$ip"], line), None);
    assert_eq!(selected("ERROR", &[], "an ERROR").unwrap(), [""; 0]);
    assert_eq!(selected("ERROR", &[], "fine"), None);
}

#[test]
fn fields_that_a_pattern_cannot_have_are_refused() {
    let refused = |pattern: &str, name: &str| {
        let parsed = FilterPattern::parse(pattern).unwrap();
        parsed.fields(&[name]).err().unwrap_or_else(|| panic!("{pattern} {name}")).message
    };
    assert_eq!(refused("ERROR", "$.n"), "the pattern has no field '$.n'");
    assert_eq!(refused("", "$n"), "the pattern has no field '$n'");
    assert_eq!(refused("[a, b]", "$c"), "the pattern has no field '$c'");
    assert_eq!(refused("[a, b]", "$0"), "the pattern has no field '$0'");
    assert_eq!(refused("[a, b]", "$18446744073709551615"), "the pattern has no field '$18446744073709551615'");
    assert_eq!(refused("{ $.a = 1 }", "$a"), "expected '.' and a property name, found 'a'");
    assert_eq!(refused("{ $.a = 1 }", "$.a b"), "expected the end of the selector, found ' '");
}

#[test]
fn mutated_patterns_and_lines_never_panic() {
    let seeds = [
        r#"{ ($.a.b[0] = "x*" || $["odd"] != 1e-3) && $.c[*].d NOT EXISTS && $.e IS NULL && $.f = %a+\d% }"#,
        "[ip, user, ..., (status = 4* || status = \"5 \\\" x\") && status != 403, bytes > 1000, ]",
        "ERROR -\"known \\\" issue\" ?maybe %re[gx]+% größe",
    ];
    let line = r#"{"a":{"b":["x\u00e9y",1]},"c":[{"d":null}],"e":-1.5e+3} [x "y z"] "\"q" ERROR größe"#;
    let alphabet: Vec<char> = "{}[]()\"\\%$.*=!<>&|?-, \u{e9}\u{1F600}a1eNIS\t".chars().collect();
    let mut state: u64 = 42;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    for round in 0..10_000 {
        let mut pattern: Vec<char> = seeds[round % seeds.len()].chars().collect();
        let mut text: Vec<char> = line.chars().collect();
        for victim in [&mut pattern, &mut text] {
            for _ in 0..=next(4) {
                let at = next(victim.len());
                match next(3) {
                    0 => drop(victim.remove(at)),
                    1 => victim.insert(at, alphabet[next(alphabet.len())]),
                    _ => victim[at] = alphabet[next(alphabet.len())],
                }
            }
        }
        let (pattern, text): (String, String) = (pattern.iter().collect(), text.iter().collect());
        if let Ok(parsed) = FilterPattern::parse(&pattern) {
            assert_eq!(parsed.matches(&text), parsed.extract(&text).is_some());
            for name in ["$.e", "$user", "$7"] {
                let fields = parsed.fields(&[name]);
                assert!(fields.is_err() || parsed.matches(&text) == parsed.select(&text, &fields.unwrap()).is_some());
            }
            if parsed.matches(&text) {
                check_clauses(&parsed, &text);
            }
            if parsed.matches(&text) && !text.contains("\\u") {
                assert!(parsed.required_literals().iter().all(|literal| text.contains(literal)), "{pattern} / {text}");
            }
        }
    }
}
