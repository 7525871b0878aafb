//! The pure decision: what is in force when, and which events may go.

use super::*;
use model::time::HOUR;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn in_force(days: Option<i64>) -> EventRetention {
    EventRetention { days, pending: None }
}

#[test]
fn a_longer_retention_acts_at_once_and_a_shorter_one_after_a_day() {
    let shorter = asked(&in_force(None), Some(400), NOW);
    assert_eq!(shorter, EventRetention { days: None, pending: Some((400, NOW + DAY)) });
    assert_eq!(days_in_force(&shorter, NOW + DAY - 1), None);
    assert_eq!(days_in_force(&shorter, NOW + DAY), Some(400));
    // Asked for again, it does not begin to wait anew; another one does.
    assert_eq!(asked(&shorter, Some(400), NOW + HOUR), shorter);
    let other = EventRetention { days: None, pending: Some((30, NOW + HOUR + DAY)) };
    assert_eq!(asked(&shorter, Some(30), NOW + HOUR), other);
    // The longer one takes it back.
    assert_eq!(asked(&shorter, None, NOW + HOUR), in_force(None));
    // Once it is in force, it is what others are compared with, whether that was written down or not.
    assert_eq!(asked(&shorter, Some(500), NOW + DAY), in_force(Some(500)));
    assert_eq!(
        asked(&shorter, Some(399), NOW + DAY),
        EventRetention { days: Some(400), pending: Some((399, NOW + 2 * DAY)) }
    );
    assert_eq!(asked(&in_force(Some(30)), None, NOW), in_force(None));
    assert_eq!(asked(&in_force(Some(30)), Some(30), NOW), in_force(Some(30)));
    // Between the one in force and the one that waits: still shorter, so it waits a day itself.
    let waiting = asked(&in_force(Some(100)), Some(10), NOW);
    let between = EventRetention { days: Some(100), pending: Some((50, NOW + HOUR + DAY)) };
    assert_eq!(asked(&waiting, Some(50), NOW + HOUR), between);
}

fn store(account: &str, days: i32, organization: bool) -> EventDataStore {
    EventDataStore {
        scope: Scope { account: account.into(), region: "r".into() },
        settings: EventDataStoreSettings { retention_days: days, organization, ..EventDataStoreSettings::default() },
        ..EventDataStore::default()
    }
}

fn hold(name: &str) -> LegalHold {
    LegalHold { name: name.into(), ..LegalHold::default() }
}

fn days_ago(days: i64) -> Timestamp {
    (NOW - days * DAY).floor_to(DAY)
}

#[test]
fn nothing_goes_while_events_are_kept_for_ever() {
    assert_eq!(expiry(&in_force(None), &[store("1", 7, true)], &[], 9, NOW), None);
    let pending = EventRetention { days: None, pending: Some((1, NOW + 1)) };
    assert_eq!(expiry(&pending, &[], &[], 9, NOW), None);
    let expected = EventExpiry { below: 9, before: (NOW + 1 - DAY).floor_to(DAY), ..EventExpiry::default() };
    assert_eq!(expiry(&pending, &[], &[], 9, NOW + 1), Some(expected));
}

#[test]
fn the_longest_retention_of_a_store_counts_for_its_account_or_all() {
    let stores = [store("1", 30, false), store("1", 90, false), store("2", 5, false)];
    let found = expiry(&in_force(Some(10)), &stores, &[], 9, NOW).unwrap();
    assert_eq!(found.before, days_ago(10));
    assert_eq!(found.accounts, [("1".to_owned(), days_ago(90))].into(), "none keeps less than the server");
    let stores = [store("1", 30, false), store("2", 60, true), store("3", 90, false)];
    let found = expiry(&in_force(Some(10)), &stores, &[], 9, NOW).unwrap();
    assert_eq!(found.before, days_ago(60));
    assert_eq!(found.accounts, [("3".to_owned(), days_ago(90))].into());
}

#[test]
fn a_store_that_is_told_to_keep_less_keeps_it_for_a_day_more() {
    let before = store("1", 90, true);
    let less = EventDataStoreSettings { retention_days: 30, ..before.settings.clone() };
    let longer = kept_longer(&before, &less, NOW);
    assert_eq!(longer, Some(KeptLonger { retention_days: 90, organization: true, until_ms: (NOW + DAY).0 }));
    let shortened = EventDataStore { settings: less, longer, ..before.clone() };
    assert_eq!((kept_days(&shortened, NOW + DAY - 1), kept_days(&shortened, NOW + DAY)), (90, 30));
    // In two steps it keeps what the first one kept.
    let own = EventDataStoreSettings { retention_days: 20, organization: false, ..before.settings.clone() };
    let longer = kept_longer(&shortened, &own, NOW + HOUR);
    let until_ms = (NOW + HOUR + DAY).0;
    assert_eq!(longer, Some(KeptLonger { retention_days: 90, organization: true, until_ms }));
    let own = EventDataStore { settings: own, longer, ..before.clone() };
    assert_eq!(expiry(&in_force(Some(1)), std::slice::from_ref(&own), &[], 9, NOW + DAY).unwrap().before, days_ago(89));
    let later = expiry(&in_force(Some(1)), &[own], &[], 9, NOW + 2 * DAY).unwrap();
    assert_eq!((later.before, later.accounts), (days_ago(-1), [("1".to_owned(), days_ago(18))].into()));
    // Only to be of one account is to keep less, too; to keep more is not.
    let alone = EventDataStoreSettings { organization: false, ..before.settings.clone() };
    assert!(kept_longer(&before, &alone, NOW).is_some_and(|longer| longer.organization));
    let more = EventDataStoreSettings { retention_days: 91, ..before.settings.clone() };
    assert_eq!(kept_longer(&before, &more, NOW), None);
    assert_eq!(kept_longer(&shortened, &more, NOW + HOUR), shortened.longer, "what still counts is not forgotten");
    assert_eq!(kept_longer(&shortened, &more, NOW + DAY), None);
}

#[test]
fn a_hold_counts_until_a_day_after_its_release() {
    let holds = [
        LegalHold { account: Some("1".into()), from: Some(Timestamp(5)), to: Some(Timestamp(9)), ..hold("a") },
        LegalHold { release_at: Some(NOW), ..hold("ended") },
        LegalHold { release_at: Some(NOW + 1), ..hold("released") },
    ];
    let found = expiry(&in_force(Some(10)), &[], &holds, 9, NOW).unwrap();
    let expected = [
        HeldEvents { account: Some("1".into()), range: TimeRange::new(Timestamp(5), Timestamp(9)) },
        HeldEvents { account: None, range: TimeRange::ALL },
    ];
    assert_eq!(found.held, expected);
}
