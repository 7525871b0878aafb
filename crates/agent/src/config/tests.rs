use super::*;
use model::Timestamp;

fn resolved(text: &str) -> anyhow::Result<Config> {
    let machine = Machine { host: "web-1".into(), zone: TimeZone::get("Europe/Berlin").unwrap() };
    toml::from_str::<Settings>(text)?.resolve(&machine)
}

#[test]
fn what_is_not_said_has_a_default() {
    let config =
        resolved("[[files]]\npaths = ['/var/log/*.log']\ngroup = 'g'\n[metrics]\n[statsd]\n[[journal]]\ngroup = 'j'\n")
            .unwrap();
    assert_eq!(config.target, Target::Server("http://127.0.0.1:8792".into()));
    assert_eq!((config.region.as_str(), config.times.batch_ms, config.times.record_ms), ("us-east-1", 5_000, 5_000));
    assert_eq!(config.files[0].stream, "web-1{path}");
    assert!(config.files[0].from_beginning && config.files[0].start.is_none());
    assert_eq!((config.journals[0].stream.as_str(), config.journals[0].from_beginning), ("web-1", false));
    assert_eq!(config.metrics.unwrap(), MetricSettings { namespace: "CWAgent".into(), interval_seconds: 60 });
    assert_eq!(config.statsd.unwrap().listen, "127.0.0.1:8125");
}

#[test]
fn the_file_of_the_documentation_is_one() {
    let document = include_str!("../../../../docs/agent.md");
    let text = document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let config = resolved(text).unwrap();
    assert_eq!((config.files.len(), config.journals.len()), (2, 1));
    assert_eq!(config.files[0].stream, "web-1/{file}");
    assert_eq!(config.statsd.unwrap().dimensions["host"], "web-1");
    // With what is commented out as well, it is one still.
    resolved(&text.replace("\n# host =", "\nhost =")).unwrap();
}

#[test]
fn a_record_may_start_with_its_time_in_the_machines_zone() {
    let files = "[[files]]\npaths = ['x']\ngroup = 'g'\ntimezone = 'local'\ntimestamp_format = '%F %T'\nmulti_line_start = '{timestamp_format}'\n";
    let rule = resolved(files).unwrap().files.remove(0);
    assert!(rule.start.unwrap().is_match("at 2026-01-02 03:04:05"));
    let time = rule.time.unwrap().find("2026-01-02 03:04:05", Timestamp(0)).unwrap();
    assert_eq!(time.iso_seconds(), "2026-01-02T02:04:05Z");
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let files = |more: &str| format!("[[files]]\npaths = ['x']\ngroup = 'g'\n{more}");
    for (text, word) in [
        (String::new(), "nothing to collect"),
        ("[[files]]\npaths = []\ngroup = 'g'".into(), "no paths"),
        ("[[files]]\npaths = ['a[']\ngroup = 'g'".into(), "'a['"),
        ("[[files]]\npaths = ['x']\ngroup = 'a:b'".into(), "'a:b'"),
        ("[[journal]]\ngroup = 'j'\n[[journal]]\ngroup = 'j'\ndirectory = '/x'".into(), "two journals"),
        (files("stream = '*'"), "'*'"),
        (files("timezone = 'Nowhere'"), "Nowhere"),
        (files("multi_line_start = '('"), "multi_line_start"),
        (files("multi_line_start = '{timestamp_format}'"), "no timestamp_format"),
        (files("timestamp_format = '%Q'"), "%Q"),
        (files("colour = 'red'"), "colour"),
        ("batch_seconds = 0\n[metrics]".into(), "batch_seconds"),
        ("endpoint = 'nowhere'\n[metrics]".into(), "'nowhere'"),
        ("region = 'Nowhere!'\n[metrics]".into(), "region"),
        ("[metrics]\nnamespace = 'AWS/EC2'".into(), "those of AWS"),
        ("[statsd]\ninterval_seconds = 0".into(), "interval_seconds"),
    ] {
        let error = format!("{:#}", resolved(&text).unwrap_err());
        assert!(error.contains(word), "{text}: {error}");
    }
}
