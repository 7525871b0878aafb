//! Every name, and what is none.

use proptest::prelude::*;

use super::token::NAMES;
use super::*;

/// 2026-01-05T10:00:00Z
const TEN: i64 = 1_767_607_200_000;

fn render_at(text: &str, values: &[f64], zone: &str) -> String {
    let timestamps: Vec<i64> = (0..values.len() as i64).map(|minute| TEN + minute * 60_000).collect();
    let context = LabelContext {
        default_label: "CPUUtilization",
        timestamps: &timestamps,
        values,
        now_ms: TEN + 3_665_000,
        offset: UtcOffset::parse(zone).unwrap(),
        property: &|name| match name {
            "Dim.Instance Id" => Some("i-1".to_owned()),
            "Region" => Some("eu-central-1".to_owned()),
            "Period" => Some("60".to_owned()),
            _ => None,
        },
    };
    Label::parse(text).render(&context)
}

fn render(text: &str) -> String {
    render_at(text, &[3.0, 9.5, -1.0, 9.5], "+0000")
}

#[test]
fn every_name() {
    let cases = [
        ("AVG", "5.25"),
        ("DATAPOINT_COUNT", "4"),
        ("FIRST", "3"),
        ("FIRST_LAST_RANGE", "6.5"),
        ("FIRST_LAST_TIME_RANGE", "3m"),
        ("FIRST_TIME", "2026-01-05 10:00:00"),
        ("FIRST_TIME_RELATIVE", "1h 1m 5s"),
        ("LABEL", "CPUUtilization"),
        ("LAST", "9.5"),
        ("LAST_TIME", "2026-01-05 10:03:00"),
        ("LAST_TIME_RELATIVE", "58m 5s"),
        ("MAX", "9.5"),
        ("MAX_TIME", "2026-01-05 10:01:00"),
        ("MAX_TIME_RELATIVE", "1h 5s"),
        ("MIN", "-1"),
        ("MIN_MAX_RANGE", "10.5"),
        ("MIN_MAX_TIME_RANGE", "1m"),
        ("MIN_TIME", "2026-01-05 10:02:00"),
        ("MIN_TIME_RELATIVE", "59m 5s"),
        ("SUM", "21"),
    ];
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, cases.map(|(name, _)| name));
    for (name, wanted) in cases {
        assert_eq!(render(&format!("${{{name}}}")), wanted, "{name}");
        assert_eq!(render(&format!("a ${{{name}}} b")), format!("a {wanted} b"), "{name}");
    }
}

#[test]
fn the_example_of_the_guide() {
    let text = "[max: ${MAX} Errors for Function Name ${LABEL}]";
    assert_eq!(render(text), "[max: 9.5 Errors for Function Name CPUUtilization]");
}

#[test]
fn properties() {
    assert_eq!(render("${PROP('Dim.Instance Id')} in ${PROP('Region')}"), "i-1 in eu-central-1");
    assert_eq!(render("${PROP(\"Region\")} ${ PROP( 'Period' ) }"), "eu-central-1 60");
    assert_eq!(render("${PROP('Period')}s"), "60s");
    assert_eq!(render("${PROP('Dim.Other')}/${PROP('Stat')}"), "--/--");
}

#[test]
fn what_is_no_name_stays() {
    for text in [
        "",
        "plain",
        "$",
        "${",
        "${}",
        "${max}",
        "${MEDIAN}",
        "$MAX",
        "$ {MAX}",
        "${PROP(Region)}",
        "${PROP('Color')}",
        "${PROP('Dim.')}",
        "${PROP('Region)}",
        "{MAX}",
        "}",
    ] {
        assert_eq!(render(text), text);
        assert!(!Label::parse(text).is_dynamic(), "{text}");
    }
    assert_eq!(render("$${MIN}"), "$-1");
    assert_eq!(render("${ ${MIN} }"), "${ -1 }");
    assert_eq!(render("${MIN}${MIN}}"), "-1-1}");
    assert!(Label::parse("x ${MIN}").is_dynamic());
}

#[test]
fn a_series_without_points() {
    let text = "${MAX} ${AVG} ${LAST_TIME} ${LAST_TIME_RELATIVE} ${MIN_MAX_RANGE} ${SUM} ${DATAPOINT_COUNT}";
    assert_eq!(render_at(text, &[], "+0000"), "-- -- -- -- -- 0 0");
}

#[test]
fn time_zones() {
    let at = |zone| render_at("${FIRST_TIME} ${FIRST_TIME_RELATIVE}", &[1.0], zone);
    assert_eq!(at("+0130"), "2026-01-05 11:30:00 1h 1m 5s");
    assert_eq!(at("-1100"), "2026-01-04 23:00:00 1h 1m 5s");
    for zone in ["", "+", "0100", "+100", "+01:00", "+2400", "+0060", "UTC", "+01é", "é0100", "+-100"] {
        assert_eq!(UtcOffset::parse(zone), Err(LabelError::Timezone(zone.to_owned())));
    }
}

#[test]
fn numbers_and_spans() {
    let numbers = [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-7, "1e-7"),
        (123456789.0, "123456789"),
        (1e300, "1e300"),
    ];
    for (value, text) in numbers {
        assert_eq!(number(value), text);
    }
    let spans = [(0, "0s"), (999, "0s"), (-61_000, "1m 1s"), (86_400_000, "1d"), (93_784_000, "1d 2h 3m 4s")];
    for (milliseconds, text) in spans {
        assert_eq!(span(milliseconds), text);
    }
    assert!(span(i64::MIN).starts_with("106751991167d"));
}

#[test]
fn numbers_of_dynamic_values() {
    let check = |text: &str| Label::parse(text).check();
    assert_eq!(check(&format!("{}{}", "${MAX}".repeat(6), "${LABEL}")), Ok(()));
    assert_eq!(check(&"${MAX}".repeat(7)), Err(LabelError::TooManyValues));
    assert_eq!(check("${LABEL} ${LABEL}"), Err(LabelError::LabelTwice));
    assert_eq!(LabelError::LabelTwice.to_string(), "A label has ${LABEL} at most once");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_label_panics(
        pieces in prop::collection::vec(prop::sample::select(vec!["${", "}", "$", "MAX", "PROP('", "')", "é", "LABEL"]), 0..12),
        values in prop::collection::vec(any::<f64>(), 0..4),
        times in prop::collection::vec(any::<i64>(), 0..4),
        now_ms in any::<i64>(),
    ) {
        let text = format!("{}${{MAX_TIME}}${{MIN_TIME_RELATIVE}}${{FIRST_LAST_TIME_RANGE}}${{SUM}}", pieces.concat());
        let context = LabelContext {
            default_label: "",
            timestamps: &times,
            values: &values,
            now_ms,
            offset: UtcOffset::default(),
            property: &|_| None,
        };
        let rendered = Label::parse(&text).render(&context);
        prop_assert!(!rendered.contains("SUM"), "{}", rendered);
    }
}
