//! Messages of both formats, streams cut anywhere, and that no bytes are too much.

use super::*;
use proptest::prelude::*;

/// 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp(1_772_323_200_000);

fn told(message: &str) -> (String, Option<String>) {
    let read = read(message.as_bytes(), NOW).unwrap();
    assert_eq!(read.text, message.trim_end_matches(['\r', '\n', '\0']));
    (if read.time == NOW { "now".into() } else { read.time.iso_millis() }, read.host)
}

#[test]
fn rfc5424_says_time_and_host() {
    for (message, time, host) in [
        (
            "<34>1 2026-02-28T22:14:15.003Z mymachine.example.com su - ID47 - failed",
            "2026-02-28T22:14:15.003Z",
            Some("mymachine.example.com"),
        ),
        (
            "<165>1 2026-02-28T22:14:15.000003-07:00 192.0.2.1 evntslog 8710 - - %% It's time",
            "2026-03-01T05:14:15.000Z",
            Some("192.0.2.1"),
        ),
        ("<165>1 - - evntslog - - [a b=\"c\"]", "now", None),
        ("<0>1 2026-02-28T22:14:15Z - a b c -", "2026-02-28T22:14:15.000Z", None),
        ("<0>1 yesterday host a b c -", "now", Some("host")),
        ("<0>1 ", "now", None),
    ] {
        assert_eq!(told(message), (time.to_owned(), host.map(str::to_owned)), "{message}");
    }
}

#[test]
fn rfc3164_says_time_and_host() {
    for (message, time, host) in [
        ("<34>Feb 28 22:14:15 mymachine su: 'su root' failed", "2026-02-28T22:14:15.000Z", Some("mymachine")),
        ("<34>Feb  2 22:14:15 mymachine su: x\n", "2026-02-02T22:14:15.000Z", Some("mymachine")),
        ("<34>Feb 02 22:14:15 su[12]: no host", "2026-02-02T22:14:15.000Z", None),
        ("<34>Feb 02 22:14:15 su: no host", "2026-02-02T22:14:15.000Z", None),
        ("<13>2026-02-28T22:14:15+00:00 box app: x", "2026-02-28T22:14:15.000Z", Some("box")),
        ("<13>Dec 31 23:59:59 box app: last year", "2025-12-31T23:59:59.000Z", Some("box")),
        ("<13>Feb 30 00:00:00 box app: no such day", "now", None),
        ("<13>Feb 28 24:00:00 box app: no such time", "now", None),
        ("<13>just text", "now", None),
        ("<192>Feb 28 22:14:15 box no such priority", "now", None),
        ("no priority", "now", None),
        ("<13>Feb 28 22:14:15 bo\u{e9}x app: x", "2026-02-28T22:14:15.000Z", None),
        ("<13>é", "now", None),
    ] {
        assert_eq!(told(message), (time.to_owned(), host.map(str::to_owned)), "{message}");
    }
}

#[test]
fn the_year_is_the_nearest_one() {
    let at = |now: &str, message: &str| {
        read(message.as_bytes(), Timestamp::parse_iso(now).unwrap()).unwrap().time.iso_seconds()
    };
    assert_eq!(at("2026-12-31T23:59:59Z", "<1>Jan  1 00:00:01 h a: b"), "2027-01-01T00:00:01Z");
    assert_eq!(at("2027-01-01T00:00:01Z", "<1>Dec 31 23:59:59 h a: b"), "2026-12-31T23:59:59Z");
    assert_eq!(at("2024-03-01T00:00:00Z", "<1>Feb 29 12:00:00 h a: b"), "2024-02-29T12:00:00Z");
}

#[test]
fn nothing_is_no_message_and_what_is_no_text_is_replaced() {
    for nothing in [&b""[..], b"\n", b" \0"] {
        assert_eq!(read(nothing, NOW), None);
    }
    assert_eq!(read(b"<1>\xff\xfe", NOW).unwrap().text, "<1>\u{fffd}\u{fffd}");
}

/// The messages of a stream that comes in pieces of `size` bytes.
fn framed(stream: &[u8], size: usize) -> Result<Vec<Vec<u8>>, BadFrame> {
    let mut frames = Frames::default();
    let mut found: Vec<Vec<u8>> = Vec::new();
    for piece in stream.chunks(size) {
        frames.push(piece, |message| found.push(message.to_vec()))?;
    }
    frames.finish(|message| found.push(message.to_vec()));
    Ok(found)
}

#[test]
fn both_framings_may_alternate_and_be_cut_anywhere() {
    let stream = b"5 <1>ab<2>c\nd\n<3>e\r\n7 <4>f\ng2<5>h\x00<6>end";
    let expected: Vec<&[u8]> = vec![b"<1>ab", b"<2>c", b"d", b"<3>e\r", b"<4>f\ng2", b"<5>h", b"<6>end"];
    for size in 1..=stream.len() {
        assert_eq!(framed(stream, size).unwrap(), expected, "{size}");
    }
    // A counted frame that ends too early is none.
    assert_eq!(framed(b"9 <1>", 2).unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(framed(b"12345678 x", 3), Err(BadFrame));
    assert_eq!(framed(b"10:15 <1>a\n", 4).unwrap(), [b"10:15 <1>a"]);
}

#[test]
fn long_messages_are_cut_off() {
    let long = vec![b'x'; MESSAGE_BYTES_MAX + 10];
    let line = [&long[..], b"\n<1>next\n"].concat();
    let counted = [format!("{} ", long.len()).as_bytes(), &long[..], b"7 <1>next"].concat();
    for stream in [line, counted] {
        for size in [1000, 65_536, 1_000_000] {
            let found = framed(&stream, size).unwrap();
            assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [MESSAGE_BYTES_MAX, 7]);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..300), now in any::<i64>(), size in 1usize..50) {
        let _ = read(&bytes, Timestamp(now));
        let _ = framed(&bytes, size);
    }

    #[test]
    fn times_are_read_whatever_they_say(text in "<[0-9]{1,3}>(1 )?[A-Z][a-z]{2} [ 0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} .{0,20}", now in any::<i64>()) {
        let _ = read(text.as_bytes(), Timestamp(now));
    }
}
