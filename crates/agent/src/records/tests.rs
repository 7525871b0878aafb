use super::*;
use proptest::prelude::*;

fn texts(bytes: &[u8], start: Option<&str>, last: Last) -> (Vec<String>, usize) {
    let start = start.map(|start| Regex::new(start).unwrap());
    let records = cut(bytes, start.as_ref(), last);
    let taken = records.iter().map(|record| record.len).sum();
    (records.into_iter().map(|record| record.text).collect(), taken)
}

#[test]
fn lines_end_with_lf_or_cr_lf_and_an_unfinished_one_is_left() {
    assert_eq!(
        texts(b"a\r\nb\n\nc\rd\ne", None, Last::Keep),
        (vec!["a".into(), "b".into(), "".into(), "c\rd".into()], 10)
    );
    assert_eq!(texts(b"e", None, Last::Keep), (vec![], 0));
    assert_eq!(texts(b"e", None, Last::Lines), (vec![], 0));
    assert_eq!(texts(b"a\ne", None, Last::All), (vec!["a".into(), "e".into()], 3));
}

#[test]
fn what_is_not_utf8_is_replaced_and_nuls_at_the_front_are_dropped() {
    assert_eq!(texts(b"a\xff\xfeb\n\0\0c\0d\n", None, Last::Keep).0, ["a\u{fffd}\u{fffd}b", "c\0d"]);
}

#[test]
fn a_record_of_several_lines_ends_where_the_next_starts() {
    let log = b"lost\r\n 1 a\n2 b\r\n  at x\r\n\r\n  at y\n3 c\n  at";
    let (records, taken) = texts(log, Some(r"^\d"), Last::Keep);
    assert_eq!(records, ["lost\n 1 a", "2 b\n  at x\n\n  at y"]);
    assert_eq!(&log[taken..], b"3 c\n  at");
    assert_eq!(texts(&log[taken..], Some(r"^\d"), Last::Lines), (vec!["3 c".into()], 4));
    assert_eq!(texts(&log[taken..], Some(r"^\d"), Last::All), (vec!["3 c\n  at".into()], 8));
}

#[test]
fn what_is_too_long_becomes_several_events_and_no_letter_is_cut() {
    let long = format!("{}\nnext\n", "ä".repeat(TEXT_BYTES_MAX));
    let mut taken = 0;
    let mut records = Vec::new();
    while taken < long.len() {
        let window = &long.as_bytes()[taken..long.len().min(taken + WINDOW_BYTES_MAX)];
        let part = cut(window, None, Last::Keep);
        assert!(!part.is_empty());
        taken += part.iter().map(|record| record.len).sum::<usize>();
        records.extend(part.into_iter().map(|record| record.text));
    }
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.len() <= TEXT_BYTES_MAX && !record.contains('\u{fffd}')));
    assert_eq!(records.concat(), long.replace('\n', ""));
}

#[test]
fn a_full_window_is_never_left_untouched() {
    let starts = [None, Some(Regex::new("^never$").unwrap())];
    for filler in ["\r\n", "\0", "\n", "x", "\u{fffd}"] {
        let window: Vec<u8> = filler.bytes().cycle().take(WINDOW_BYTES_MAX).collect();
        for start in &starts {
            assert!(!cut(&window, start.as_ref(), Last::Keep).is_empty(), "{filler:?}");
        }
    }
    assert!(!cut(&vec![0xff; WINDOW_BYTES_MAX], None, Last::Keep).is_empty());
}

proptest! {
    #[test]
    fn the_parts_of_a_file_give_the_records_of_the_whole(
        lines in prop::collection::vec("[ab1\r]{0,6}", 0..20),
        cuts in prop::collection::vec(0..100_usize, 0..20),
        many in any::<bool>(),
    ) {
        let file: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let start = many.then(|| Regex::new("^1").unwrap());
        let whole: Vec<Record> = cut(file.as_bytes(), start.as_ref(), Last::All);
        let mut parts = Vec::new();
        let mut taken = 0;
        let mut ends: Vec<usize> = cuts.into_iter().map(|at| at.min(file.len())).collect();
        ends.sort_unstable();
        for end in ends {
            if end >= taken {
                let part = cut(&file.as_bytes()[taken..end], start.as_ref(), Last::Keep);
                taken += part.iter().map(|record| record.len).sum::<usize>();
                parts.extend(part);
            }
        }
        parts.extend(cut(&file.as_bytes()[taken..], start.as_ref(), Last::All));
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn any_bytes_are_taken_to_the_last_one(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let taken: usize = cut(&bytes, None, Last::All).iter().map(|record| record.len).sum();
        prop_assert_eq!(taken, bytes.len());
    }
}
