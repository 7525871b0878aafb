//! The examples of the user guide, then edge cases.

use proptest::prelude::*;

use super::tokens::tokens;
use super::*;

fn search(text: &str) -> Search {
    Search::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A metric as `Namespace MetricName Name=Value …`.
fn finds(text: &str, metric: &str) -> bool {
    let mut words = metric.split('|');
    let (namespace, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let dimensions: Vec<(String, String)> = words
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    search(text).finds(&Candidate {
        account_id: "111122223333",
        is_local: true,
        namespace,
        metric_name: name,
        dimensions: &dimensions,
    })
}

#[track_caller]
fn check(text: &str, found: &[&str], passed: &[&str]) {
    for metric in found {
        assert!(finds(text, metric), "{text} should find {metric}");
    }
    for metric in passed {
        assert!(!finds(text, metric), "{text} should not find {metric}");
    }
}

#[test]
fn tokens_as_the_guide_shows_them() {
    assert_eq!(tokens("CustomCount1"), ["Custom", "Count", "1"]);
    assert_eq!(tokens("SDBFailure"), ["SDB", "Failure"]);
    assert_eq!(tokens("Project2-trial333"), ["Project", "2", "trial", "333"]);
    assert_eq!(tokens("Network-Errors_2"), ["Network", "Errors", "2"]);
    assert_eq!(tokens("couNT"), ["cou", "NT"]);
    assert_eq!(tokens("--a..B--"), ["a", "B"]);
    assert_eq!(tokens("CPUUtilization"), ["CPU", "Utilization"]);
    assert_eq!(tokens("ÄrgerGrößeÜ"), ["Ärger", "Größe", "Ü"]);
    assert!(tokens("-/ _").is_empty());
}

#[test]
fn partial_matches_of_one_token_ignore_case() {
    for term in ["count", "Count", "COUNT", "custom", "1"] {
        check(term, &["MyNamespace|CustomCount1"], &["MyNamespace|Accounts21"]);
    }
    check("couNT", &[], &["MyNamespace|CustomCount1"]);
    check("sdbfailure", &["N|SDBFailure"], &["N|SDBFailures"]);
    check("flow", &["AWS/NetworkELB|ActiveFlowCount"], &["AWS/NetworkELB|Overflow"]);
}

#[test]
fn composites_take_the_case_they_are_written_in() {
    check("CustomCount", &["N|CustomCount1"], &["N|Customcount1", "N|CountCustom"]);
    check("Count1", &["N|CustomCount1"], &["N|CustomCount2"]);
    check("customcount", &[], &["N|CustomCount1"]);
    check("count1", &[], &["N|CustomCount1"]);
    check("ReadOps", &["AWS/EBS|VolumeReadOps", "AWS/EC2|DiskReadOps"], &["AWS/EBS|VolumeReadBytes"]);
    // The whole name is a token too.
    check("customcount1", &["N|CustomCount1"], &["N|MyCustomCount1"]);
}

#[test]
fn other_characters_part_tokens() {
    for term in ["network/errors", "network+errors", "network-errors", "Network_Errors"] {
        check(term, &["N|Network-Errors-2", "N|NetworkErrors2"], &["N|ErrorsNetwork", "N|NetworkInErrors"]);
    }
    check("i-1234567890123456", &["N|M|InstanceId=i-1234567890123456"], &["N|M|InstanceId=i-9999"]);
    check("t2.micro", &["N|M|InstanceType=t2.micro"], &["N|M|InstanceType=t3.micro"]);
}

#[test]
fn exact_matches_are_of_the_whole_text() {
    check("\"CustomCount1\"", &["N|CustomCount1", "CustomCount1|M", "N|M|CustomCount1=x", "N|M|D=CustomCount1"], &[]);
    check("\"customcount1\"", &[], &["N|CustomCount1"]);
    check("\"Custom\"", &[], &["N|CustomCount1"]);
    check("\"Network-Errors-2\"", &["N|Network-Errors-2"], &["N|Network_Errors_2"]);
    check("\"Network_Errors_2\"", &[], &["N|Network-Errors-2"]);
    check(r#""Europe\\France Traffic\(Network\)""#, &[r"N|Europe\France Traffic(Network)"], &[]);
    check(r#""say \"x\"""#, &["N|say \"x\""], &[]);
    check("\"Errors\"", &["N|Errors"], &["N|ConnectionErrors", "N|errors"]);
    check("Errors", &["N|Errors", "N|ConnectionErrors", "N|errors"], &["N|Error"]);
}

#[test]
fn a_schema_has_exactly_these_dimensions() {
    let instance = "AWS/EC2|CPUUtilization|InstanceId=i-1";
    let of_type = "AWS/EC2|CPUUtilization|InstanceType=t2.micro";
    let both = "AWS/EC2|CPUUtilization|InstanceId=i-1|InstanceType=t2.micro";
    let none = "AWS/EC2|CPUUtilization";
    check(" {AWS/EC2,InstanceId} MetricName=\"CPUUtilization\" ", &[instance], &[of_type, both, none]);
    check("{AWS/EC2, InstanceType}", &[of_type], &[instance, both, none]);
    check("{AWS/EC2,InstanceType,InstanceId}", &[both], &[instance, of_type, none]);
    check(" {AWS/EC2} MetricName=\"CPUUtilization\" ", &[none], &[instance, of_type, both, "AWS/EC2|NetworkIn"]);
    check("{AWS/EC2}", &[none], &["AWS/ECS|CPUUtilization"]);
    check(" MetricName=\"CPUUtilization\" ", &[instance, of_type, both, none, "AWS/ECS|CPUUtilization"], &["N|X"]);
    check(
        " {\"My Namespace\", \"Dimension@Name\"}, \"Custom:Name[Special_Characters\" ",
        &["My Namespace|Custom:Name[Special_Characters|Dimension@Name=1"],
        &["My Namespace|Custom:Name|Dimension@Name=1"],
    );
    check(
        " {\"Custom-Namespace\", \"Dimension Name With Spaces\"}, ErrorCount ",
        &["Custom-Namespace|ErrorCount|Dimension Name With Spaces=v"],
        &["Custom-Namespace|ErrorCount"],
    );
    check(
        " {AWS/NetworkELB, LoadBalancer} \"ConsumedLCUs\" OR flow ",
        &[
            "AWS/NetworkELB|ConsumedLCUs|LoadBalancer=lb",
            "AWS/NetworkELB|NewFlowCount|LoadBalancer=lb",
            "AWS/NetworkELB|X|LoadBalancer=flow-lb",
        ],
        &["AWS/NetworkELB|ConsumedLCUs", "AWS/NetworkELB|ProcessedBytes|LoadBalancer=lb"],
    );
}

#[test]
fn designators_say_where_to_look() {
    let t2 = "AWS/EC2|CPUUtilization|InstanceType=t2.micro";
    let t3 = "AWS/EC2|CPUUtilization|InstanceType=t3.micro";
    check(" InstanceType=micro ", &[t2, t3], &["AWS/EC2|micro", "AWS/EC2|M|Other=micro"]);
    check(" InstanceType=\"t2.micro\" Namespace=\"AWS/EC2\" ", &[t2], &[t3, "N|M|InstanceType=t2.micro"]);
    check("MetricName=\"CustomCount1\"", &["N|CustomCount1"], &["CustomCount1|M", "N|M|CustomCount1=x"]);
    check(" NOT Namespace=AWS ", &["MyApp|M", "My|AWS"], &["AWS/EC2|M"]);
    check("\"InstanceType\" = \"t2.micro\"", &[t2], &[t3]);
    check(" \"AWS/EC2\" MetricName=\"CPUUtilization\" ", &[t2, "N|CPUUtilization|D=AWS/EC2"], &["N|CPUUtilization"]);
    // As Grafana writes its queries.
    check(
        r#"{"AWS/EC2","InstanceType"} MetricName="CPUUtilization" "InstanceType"=("t2.micro" OR "t3.micro")"#,
        &[t2, t3],
        &["AWS/EC2|CPUUtilization|InstanceType=t4.micro"],
    );
    check("InstanceType=(t2 OR NOT micro)", &[t2, "N|M|InstanceType=large"], &[t3]);
}

#[test]
fn booleans() {
    let both = "AWS/EC2|NetworkPacketsIn|InstanceId=i-1";
    let one = "AWS/EC2|NetworkIn|InstanceId=i-1";
    check("{AWS/EC2,InstanceId} network AND packets", &[both], &[one]);
    check(" {AWS/EC2,InstanceId} network packets ", &[both], &[one]);
    check("{AWS/EC2,InstanceId} network NOT packets", &[one], &[both]);
    check("NOT NOT packets", &[both], &[one]);
    check(
        " {AWS/EC2,InstanceId} MetricName=\"CPUUtilization\" NOT i-1234567890123456 ",
        &["AWS/EC2|CPUUtilization|InstanceId=i-1"],
        &["AWS/EC2|CPUUtilization|InstanceId=i-1234567890123456"],
    );
    check(
        " MetricName=\"CPUUtilization\" NOT \"ProjectA\" NOT \"ProjectB\" ",
        &["N|CPUUtilization|P=ProjectC"],
        &["N|CPUUtilization|P=ProjectA", "N|CPUUtilization|P=ProjectB"],
    );
    for text in [" (EC2 OR EBS) AND MetricName=ReadOps ", " (EC2 OR EBS) MetricName=ReadOps "] {
        check(text, &["AWS/EC2|DiskReadOps", "AWS/EBS|VolumeReadOps"], &["AWS/RDS|ReadOps", "AWS/EBS|WriteOps"]);
    }
    check(" (EC2 OR EBS) AND ReadOps AND ProjectA ", &["AWS/EC2|DiskReadOps|P=ProjectA"], &["AWS/EC2|DiskReadOps"]);
    check(
        " {AWS/Lambda,FunctionName} MetricName=\"Errors\" OR (MetricName=\"Invocations\" AND (ProjectA OR ProjectB)) ",
        &[
            "AWS/Lambda|Errors|FunctionName=f",
            "AWS/Lambda|Invocations|FunctionName=ProjectA-f",
            "AWS/Lambda|Invocations|FunctionName=f_ProjectB",
        ],
        &["AWS/Lambda|Invocations|FunctionName=f", "AWS/Lambda|Duration|FunctionName=ProjectA"],
    );
    check(
        " MetricName=\"CPUUtilization\" AND (\"AWS/ECS\" OR \"AWS/ES\") ",
        &["AWS/ECS|CPUUtilization", "AWS/ES|CPUUtilization"],
        &["AWS/EC2|CPUUtilization"],
    );
    // AND binds more tightly than OR.
    check("a OR b c", &["a|x", "b|c"], &["b|x", "c|x"]);
    check("(a OR b) c", &["a|c", "b|c"], &["a|x"]);
    // Operators in lower case are terms.
    check("a or b", &["a-or|b"], &["a|b"]);
    check("ORDER", &["N|order"], &["N|der"]);
}

#[test]
fn accounts() {
    let candidate = |account_id, is_local| Candidate {
        account_id,
        is_local,
        namespace: "AWS/EC2",
        metric_name: "M",
        dimensions: &[],
    };
    let finds = |text: &str, account, is_local| search(text).finds(&candidate(account, is_local));
    for text in [":aws.AccountId = 444455556666", ":aws.AccountId=\"444455556666\"", ":aws.AccountId = '444455556666'"]
    {
        assert!(finds(text, "444455556666", false), "{text}");
        assert!(!finds(text, "111122223333", true), "{text}");
    }
    for text in [":aws.AccountId = 'LOCAL'", ":aws.AccountId=\"LOCAL\" M", ":aws.AccountId=LOCAL"] {
        assert!(finds(text, "111122223333", true), "{text}");
        assert!(!finds(text, "444455556666", false), "{text}");
    }
    assert!(!finds("NOT :aws.AccountId=\"LOCAL\"", "111122223333", true));
}

#[test]
fn what_narrows_a_scan() {
    let found = search("{AWS/EC2, InstanceType, InstanceId} MetricName=\"CPU\" x");
    assert_eq!(found.namespace(), Some("AWS/EC2"));
    assert_eq!(found.metric_name(), Some("CPU"));
    assert_eq!(found.dimension_names().unwrap(), ["InstanceId", "InstanceType"]);
    let found = search("Namespace=\"N\" (a OR b)");
    assert_eq!((found.namespace(), found.metric_name(), found.dimension_names()), (Some("N"), None, None));
    assert_eq!(search("MetricName=\"a\"").metric_name(), Some("a"));
    for text in ["Namespace=AWS", "NOT Namespace=\"N\"", "Namespace=\"N\" OR x", "(Namespace=\"N\" OR x) y", "\"N\""] {
        assert_eq!(search(text).namespace(), None, "{text}");
    }
}

#[test]
fn errors_say_where() {
    let cases = [
        ("", 1, "it needs a metric schema"),
        ("   ", 4, "it needs a metric schema"),
        ("{", 2, "a name is missing"),
        ("{}", 2, "a name is missing"),
        ("{AWS/EC2", 9, "needs a '}'"),
        ("{AWS/EC2,}", 10, "a name is missing"),
        ("{a \"b\"}", 4, "needs a '}'"),
        ("\"abc", 1, "has no end"),
        ("(a", 3, "a ')' is missing"),
        ("a)", 2, "has no '('"),
        ("()", 2, "a term was expected"),
        ("a AND", 6, "a term was expected"),
        ("OR a", 1, "a term was expected"),
        ("a OR OR b", 6, "a term was expected"),
        ("NOT", 4, "a term was expected"),
        ("Name=", 6, "a term was expected"),
        ("a b == c", 6, "a term was expected"),
        ("é -- b", 3, "no letters and digits"),
    ];
    for (text, column, message) in cases {
        let error = Search::parse(text).expect_err(text);
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    }
    assert!(Search::parse(&"a".repeat(1_024)).is_ok());
    assert!(Search::parse(&"a".repeat(1_025)).is_err());
    assert!(Search::parse(&format!("{}a{}", "(".repeat(32), ")".repeat(32))).is_ok());
    assert!(Search::parse(&format!("{}a{}", "(".repeat(33), ")".repeat(33))).is_err());
    assert!(Search::parse(&"(".repeat(1_000)).is_err());
}

const PIECES: [&str; 22] = [
    "{",
    "}",
    ",",
    "AWS/EC2",
    "InstanceId",
    " ",
    "\"",
    "\\",
    "(",
    ")",
    "=",
    "AND",
    "OR",
    "NOT",
    "MetricName",
    "a",
    "Ab1",
    "-",
    "'",
    "é",
    ":aws.AccountId",
    "\"x\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..20), any in any::<String>()) {
        for text in [pieces.concat(), any] {
            match Search::parse(&text) {
                Ok(search) => {
                    search.finds(&Candidate {
                        account_id: "111122223333",
                        is_local: true,
                        namespace: &text,
                        metric_name: "Ab1",
                        dimensions: &[("InstanceId".to_owned(), text.clone())],
                    });
                }
                Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error),
            }
        }
    }

    #[test]
    fn tokens_are_the_letters_and_digits(text in any::<String>()) {
        let letters: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        prop_assert_eq!(tokens(&text).concat(), letters);
    }

    #[test]
    fn every_token_finds_its_name(name in "[A-Za-z0-9/_. -]{1,20}") {
        for token in tokens(&name) {
            let found = |term: &str| finds(&format!("MetricName={term}"), &format!("N|{name}"));
            prop_assert!(["AND", "OR", "NOT"].contains(&token) || found(token), "{token} in {name}");
            // A token that is still one in lower case is found in any case.
            prop_assert!(found(&token.to_lowercase()), "{token} in {name}");
        }
    }
}
