use super::*;
use model::clock::CountingIds;
use serde_json::Value;
use wire::{Access, Audit};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn caller(key: &str, account: &str) -> Caller {
    let scope = Scope { account: account.into(), region: "us-east-1".into() };
    Caller { source_ip: "192.0.2.7".into(), ..Caller::root(scope, key) }
}

fn unknown(source_ip: &str) -> Caller {
    let identity_type = "Unknown".into();
    Caller { identity_type, source_ip: source_ip.into(), ..caller("AKIACLAIMED", "123456789012") }
}

fn throttle(key: Allowance, account: Allowance) -> Throttle {
    let refused = Rate { per_second: 1, burst: 2 };
    Throttle::new(Limits { key, account, refused }, NOW)
}

fn call<'a>(caller: &'a Caller, error: Option<(&'a str, &'a str)>) -> OwnCall<'a> {
    OwnCall {
        caller,
        source: "logs.amazonaws.com",
        operation: "DescribeLogGroups",
        access: Access::Read,
        audit: Audit::Management,
        time: NOW,
        request_id: "r",
        host: None,
        request_parameters: None,
        response_elements: None,
        error,
        resources: &[],
    }
}

#[test]
fn a_key_that_calls_too_often_is_told_so_and_others_are_not() {
    let rate = Some(Rate { per_second: 1, burst: 2 });
    let throttle = throttle(Allowance { rate, concurrent: None }, Allowance::default());
    let (a, b) = (caller("A", "111111111111"), caller("B", "111111111111"));
    for _ in 0..2 {
        assert!(throttle.enter(&a, NOW).is_ok());
    }
    let refused = throttle.enter(&a, NOW).unwrap_err();
    assert_eq!((refused.code(), refused.message(), refused.status()), ("ThrottlingException", "Rate exceeded", 400));
    assert!(throttle.enter(&b, NOW).is_ok());
    assert!(throttle.enter(&a, NOW + 1_000).is_ok());
}

#[test]
fn an_account_has_so_many_calls_at_the_same_time_whatever_its_keys() {
    let throttle = throttle(Allowance::default(), Allowance { rate: None, concurrent: Some(2) });
    let (a, b, other) = (caller("A", "111111111111"), caller("B", "111111111111"), caller("C", "222222222222"));
    let (first, second) = (throttle.enter(&a, NOW).unwrap(), throttle.enter(&b, NOW).unwrap());
    assert!(throttle.enter(&a, NOW).is_err());
    assert!(throttle.enter(&other, NOW).is_ok());
    drop(first);
    assert!(throttle.enter(&a, NOW).is_ok());
    drop(second);
}

#[test]
fn nothing_is_remembered_without_limits() {
    let throttle = throttle(Allowance::default(), Allowance::default());
    for n in 0..100 {
        assert!(throttle.enter(&caller(&n.to_string(), "111111111111"), NOW).is_ok());
    }
}

#[test]
fn a_flood_of_refused_calls_is_counted_by_network() {
    let throttle = throttle(Allowance::default(), Allowance::default());
    let error = Some(("UnrecognizedClientException", "no"));
    let known = caller("A", "123456789012");
    for ip in ["192.0.2.7", "2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1"] {
        let records: Vec<bool> = (0..3).map(|_| throttle.records(&call(&unknown(ip), error))).collect();
        // The third and the second address are of one network.
        let expected = if ip == "2001:db8:0:1::2" { [false, false, false] } else { [true, true, false] };
        assert_eq!(records, expected, "{ip}");
    }
    for _ in 0..10 {
        assert!(throttle.records(&call(&known, Some(("AccessDeniedException", "no")))), "who is known is recorded");
        assert!(throttle.records(&call(&unknown("192.0.2.7"), None)), "and what is done");
    }
    let events = throttle.take_unrecorded("us-east-1", NOW + 60_000, &CountingIds::from_seed(0));
    let [event] = &events[..] else { panic!("{events:?}") };
    let record: Value = serde_json::from_str(&event.record).unwrap();
    let details = &record["serviceEventDetails"];
    assert_eq!((details["calls"].as_u64(), details["callers"][0]["calls"].as_u64()), (Some(6), Some(3)));
    assert_eq!(details["callers"][0]["sourceIPAddress"], "2001:db8:0:1::2");
    assert_eq!(details["callers"][0]["accessKeyId"], "AKIACLAIMED");
    assert!(throttle.take_unrecorded("us-east-1", NOW + 120_000, &CountingIds::from_seed(0)).is_empty());
}

#[test]
fn all_networks_together_fill_no_disk_and_no_memory() {
    let throttle = throttle(Allowance::default(), Allowance::default());
    let error = Some(("InvalidSignatureException", "no"));
    let recorded = (0..5_000_u32).filter(|n| {
        let ip = format!("10.{}.{}.1", n / 256, n % 256);
        throttle.records(&call(&unknown(&ip), error))
    });
    assert_eq!(recorded.count(), 20);
    assert_eq!(throttle.state().unrecorded.len(), UNRECORDED_CALLERS_MAX + 1);
    let events = throttle.take_unrecorded("us-east-1", NOW, &CountingIds::from_seed(0));
    let record: Value = serde_json::from_str(&events[0].record).unwrap();
    assert_eq!(record["serviceEventDetails"]["calls"], 4_980);
}

#[test]
fn throttled_calls_of_a_known_caller_are_counted_too() {
    let throttle = throttle(Allowance::default(), Allowance::default());
    let known = caller("A", "222222222222");
    let records: Vec<bool> =
        (0..3).map(|_| throttle.records(&call(&known, Some(("ThrottlingException", "Rate exceeded"))))).collect();
    assert_eq!(records, [true, true, false]);
    let events = throttle.take_unrecorded("us-east-1", NOW, &CountingIds::from_seed(0));
    assert_eq!(events[0].account, "222222222222");
}
