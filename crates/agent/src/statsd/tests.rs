use super::*;
use proptest::prelude::*;

/// Each metric as `name{dimensions} unit values`.
fn flushed(aggregate: &mut Aggregate) -> Vec<String> {
    let datapoints = aggregate.flush("N", Timestamp(61_234));
    datapoints
        .iter()
        .map(|datapoint| {
            assert_eq!((datapoint.timestamp, datapoint.series.namespace.as_str()), (Timestamp(61_000), "N"));
            let dimensions: Vec<String> =
                datapoint.series.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let Observation::Values(values) = &datapoint.observation else { unreachable!() };
            let values: Vec<String> = values.iter().map(|(value, count)| format!("{value}x{count}")).collect();
            format!(
                "{}{{{}}} {} {}",
                datapoint.series.name,
                dimensions.join(","),
                datapoint.series.unit,
                values.join(" ")
            )
        })
        .collect()
}

#[test]
fn each_type_is_added_up_in_its_way() {
    let mut aggregate = Aggregate::new(BTreeMap::from([("host".into(), "h".into())]));
    aggregate.packet(b"hits:1|c\nhits:2|c|@0.5\r\nload:3|g\nload:-1|g\nload:+0.5|g");
    aggregate.packet(b"took:10|ms\ntook:10|ms|@0.1\ntook:2:3|ms\nsize:5|h\nsize:6|d");
    aggregate.packet(b"users:a|s\nusers:b:c|s\nusers:a|s");
    assert_eq!(
        flushed(&mut aggregate),
        [
            "hits{host=h} Count 5x1",
            "load{host=h} None 2.5x1",
            "size{host=h} None 6x1",
            "size{host=h} None 5x1",
            "took{host=h} Milliseconds 2x1 3x1 10x11",
            "users{host=h} Count 2x1",
        ]
    );
    assert!(flushed(&mut aggregate).is_empty());
    aggregate.packet(b"load:+1|g");
    assert_eq!(flushed(&mut aggregate), ["load{host=h} None 3.5x1"]);
}

#[test]
fn tags_are_dimensions() {
    let mut aggregate = Aggregate::default();
    aggregate.packet(b"a:1|c|#env:prod,beta,empty:,url:http://x|c:abc|T1764000000");
    assert_eq!(flushed(&mut aggregate), ["a{beta=true,env=prod,url=http://x} Count 1x1"]);
    aggregate.packet(b"a:1|c|@1|#env:prod\na:1|c|#env:test\na:1|c|#env:prod|@0.25");
    assert_eq!(flushed(&mut aggregate), ["a{env=prod} Count 5x1", "a{env=test} Count 1x1"]);
}

#[test]
fn what_is_not_understood_is_counted_and_nothing_of_it_is_taken() {
    let mut aggregate = Aggregate::default();
    let tags: Vec<String> = (0..31).map(|tag| format!("t{tag}")).collect();
    for line in [
        "a",
        "a:1",
        "a:x|c",
        "a:1:x|ms",
        "a:1|q",
        ":1|c",
        "a:1|c|@0",
        "a:1|c|@2",
        "a:nan|g",
        "a:inf|g",
        "a:1e300|g",
        "\u{e4}:1|c",
        "a:1|c|#:x",
        &format!("a:1|c|#{}", tags.join(",")),
    ] {
        let before = aggregate.malformed;
        aggregate.packet(line.as_bytes());
        assert_eq!(aggregate.malformed, before + 1, "{line}");
    }
    aggregate.packet(&[0xff, b':', b'1', b'|', b'c']);
    assert!(flushed(&mut aggregate).is_empty());
}

#[test]
fn series_and_members_of_sets_are_bounded() {
    let mut aggregate = Aggregate::default();
    for number in 0..SERIES_MAX + 5 {
        aggregate.packet(format!("a{number}:1|g").as_bytes());
    }
    assert_eq!((aggregate.series.len(), aggregate.overflowed), (SERIES_MAX, 5));
    for _ in 0..=GAUGE_FLUSHES_MAX {
        assert!(!aggregate.series.is_empty());
        aggregate.flush("N", Timestamp(0));
    }
    assert!(aggregate.series.is_empty(), "gauges that nobody sets make room");
    aggregate.set_members = SET_MEMBERS_MAX - 1;
    aggregate.packet(b"s:a|s\ns:b|s");
    assert_eq!((aggregate.set_members, aggregate.overflowed), (SET_MEMBERS_MAX, 1));
}

proptest! {
    #[test]
    fn no_packet_panics_and_every_value_can_be_sent(packets in prop::collection::vec("[a:1-9|cgmsh@#.,+e\n-]{0,30}", 0..30)) {
        let mut aggregate = Aggregate::default();
        for packet in packets {
            aggregate.packet(packet.as_bytes());
        }
        for datapoint in aggregate.flush("N", Timestamp(0)) {
            let Observation::Values(values) = &datapoint.observation else { unreachable!() };
            prop_assert!(!values.is_empty() && values.len() <= 150);
            prop_assert!(values.iter().all(|(value, count)| value.abs() <= METRIC_VALUE_MAX && *count > 0.0));
        }
    }
}
