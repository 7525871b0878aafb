//! Tests of the score on sets small enough to count by hand.

use super::*;

#[test]
fn csv_fields_may_be_quoted() {
    let records = csv::records("a,\"b,\"\"c\"\"\nd\",\r\ne,f");
    assert_eq!(records, [vec!["a", "b,\"c\"\nd", ""], vec!["e", "f"]]);
}

#[test]
fn a_line_counts_when_its_group_is_exactly_right() {
    let set =
        labelled("LineId,Content,EventId\n1,took 5 ms,E1\n2,took 6 ms,E1\n3,user u1 left,E2\n4,user u2 left,E3\n")
            .expect("a set");
    let accuracy = grouping_accuracy(&set, &mined(&set.lines).patterns());
    assert!((accuracy - 0.5).abs() < 1e-9, "the first two: {accuracy}");
    assert!(labelled("LineId,Content\n1,x\n").is_err());
    assert!(labelled("Content,EventId\nx\n").is_err());
}
