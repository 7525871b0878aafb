//! What becomes of matching events in a bucket: objects of gzip, a line for each of AWS's payloads, or for each finding.
//!
//! An object is called `<prefix>/YYYY/MM/DD/HH/<group>/<subscription>-<number>.json.gz`: the hour and the number are those of its
//! first event, as it was accepted, and the subscription is `filter-`, `policy-` or `findings-` with its id. So an object that is written
//! again after a crash, with the same events or with more, takes the place of the first. A group's name keeps its slashes; parts
//! of it that are empty are left out, and dots that would lead elsewhere become `_`.

use super::payload::{Event, Source, gzip, lines};
use super::records::{Matched, Naming};
use super::request::Record;
use model::{GroupId, StreamId};
use std::collections::BTreeMap;

/// The object that tells whether a bucket takes any.
pub(super) const WRITE_TEST: &str = "aws-logs-write-test";
/// What is in it, as in that of an export.
pub(super) const WRITE_TEST_BODY: &[u8] = b"Permission Check Successful";

/// An object for each group of what matched. Events of streams that were deleted are left out.
pub(super) fn objects(matched: &Matched, naming: &Naming, prefix: &str) -> Vec<Record> {
    let mut of_group: BTreeMap<GroupId, Vec<(StreamId, &[Event])>> = BTreeMap::new();
    for ((group, stream), events) in matched {
        of_group.entry(*group).or_default().push((*stream, events));
    }
    of_group.into_iter().filter_map(|(group, streams)| object(group, &streams, naming, prefix)).collect()
}

fn object(group: GroupId, streams: &[(StreamId, &[Event])], naming: &Naming, prefix: &str) -> Option<Record> {
    let name = naming.groups.get(&group)?;
    let first = streams.iter().flat_map(|(_, events)| events.first()).map(|event| event.accepted).min()?;
    let (mut text, mut count) = (Vec::new(), 0);
    for (stream, events) in streams {
        let Some(stream) = naming.streams.get(stream) else { continue };
        let source =
            Source { owner: &naming.owner, group: name, stream, filter: &naming.filter, of_account: naming.of_account };
        match naming.is_bare {
            true => events.iter().for_each(|event| text.extend(event.message.bytes().chain([b'\n']))),
            false => lines(source, events, &mut text),
        }
        count += events.len();
    }
    let (number, accepted) = first;
    let hour = accepted.iso_seconds().get(..13).unwrap_or_default().replace(['-', 'T'], "/");
    let key = below(prefix, &format!("{hour}/{}/{}-{number:020}.json.gz", folder(name), naming.subscription));
    let record = || Record { lane: group.0, place: key, data: gzip(&text), group: name.clone(), events: count };
    (count > 0).then(record)
}

/// A key below a prefix, which may be empty.
pub(super) fn below(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

/// The folders of a group.
fn folder(group: &str) -> String {
    let part = |part: &str| if matches!(part, "." | "..") { "_".repeat(part.len()) } else { part.to_owned() };
    let parts: Vec<String> = group.split('/').filter(|part| !part.is_empty()).map(part).collect();
    if parts.is_empty() { "_".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::super::payload::gunzip;
    use super::*;
    use model::Timestamp;
    use model::buckets::is_key;
    use std::collections::HashMap;
    use std::sync::Arc;

    /// 2026-03-01T00:00:00Z.
    const NOW: i64 = 1_772_323_200_000;

    fn event(number: u64, message: &str) -> Event {
        let accepted = (number, Timestamp(NOW + number as i64 * 3_600_000));
        Event { id: number.to_string(), timestamp: NOW, message: message.into(), extracted_fields: None, accepted }
    }

    fn naming() -> Naming {
        Naming {
            owner: "123456789012".into(),
            filter: "f".into(),
            subscription: "filter-7".into(),
            of_account: false,
            is_bare: false,
            groups: Arc::new(HashMap::from([(GroupId(1), "/aws/x".to_owned()), (GroupId(2), "y".to_owned())])),
            streams: HashMap::from([(StreamId(1), "s".to_owned()), (StreamId(2), "t".to_owned())]),
            random: None,
        }
    }

    #[test]
    fn each_group_has_an_object_named_by_its_first_event() {
        let matched = Matched::from([
            ((GroupId(1), StreamId(1)), vec![event(9, "c")]),
            ((GroupId(1), StreamId(2)), vec![event(5, "a"), event(8, "b")]),
            ((GroupId(2), StreamId(1)), vec![event(6, "d")]),
            ((GroupId(2), StreamId(3)), vec![event(7, "of a stream that was deleted")]),
        ]);
        let made = objects(&matched, &naming(), "p/q");
        let shown: Vec<_> = made.iter().map(|object| (object.place.as_str(), object.events)).collect();
        assert_eq!(
            shown,
            [
                ("p/q/2026/03/01/05/aws/x/filter-7-00000000000000000005.json.gz", 3),
                ("p/q/2026/03/01/06/y/filter-7-00000000000000000006.json.gz", 1)
            ]
        );
        let text = gunzip(&made[0].data);
        let streams: Vec<&str> =
            text.lines().map(|line| if line.contains(r#""logStream":"s""#) { "s" } else { "t" }).collect();
        assert_eq!(streams, ["s", "t"]);
        assert_eq!(made, objects(&matched, &naming(), "p/q"), "the same bytes each time");
        // With more events it is the same object.
        let mut more = matched.clone();
        more.get_mut(&(GroupId(1), StreamId(2))).unwrap().push(event(30, "z"));
        assert_eq!(objects(&more, &naming(), "p/q")[0].place, made[0].place);
        let gone = Matched::from([((GroupId(1), StreamId(9)), vec![event(1, "a")])]);
        assert!(objects(&gone, &naming(), "").is_empty());
    }

    #[test]
    fn no_group_leads_elsewhere() {
        for (group, expected) in
            [("/aws/lambda/f", "aws/lambda/f"), ("a//b/", "a/b"), ("../x/.", "__/x/_"), ("/", "_"), ("..", "__")]
        {
            assert_eq!(folder(group), expected);
        }
        let longest = below(
            &"p".repeat(400),
            &format!("2026/03/01/00/{}/policy-{}-{:020}.json.gz", "g".repeat(512), u64::MAX, 1),
        );
        assert!(is_key(&longest), "{}", longest.len());
    }
}
