use super::*;
use proptest::prelude::*;

fn fields(lines: &[impl AsRef<str>]) -> Fields {
    let mut builder = FieldsBuilder::default();
    lines.iter().for_each(|line| builder.add(line.as_ref()));
    Fields::decode(&builder.finish().unwrap().into()).unwrap()
}

fn member(name: &str) -> LogField {
    LogField::Member(name.to_owned())
}

/// The values of all rows; `None` where the lines must be asked.
fn column(fields: &Fields, field: &LogField) -> Option<Vec<Option<String>>> {
    match fields.get(field).unwrap() {
        Known::Column(column) => {
            let texts = column.read(&[0..1, 1..fields.rows]).unwrap();
            Some(texts.iter().map(|text| text.map(str::to_owned)).collect())
        }
        Known::Absent => Some(vec![None; fields.rows]),
        Known::Nothing => None,
    }
}

#[test]
fn values_are_those_of_the_first_scalar_member() {
    let line =
        r#" {"s":"a\"b\u00e9","n":1.50,"t":true,"z":null,"o":{"n":2},"l":[1],"n":2,"k\u0065y":"v","bad":"\ud800"} "#;
    let value = |name: &str| member(name).value(line).map(Cow::into_owned);
    assert_eq!(value("s").as_deref(), Some("a\"bé"));
    assert_eq!(value("n").as_deref(), Some("1.50"));
    assert_eq!(value("t").as_deref(), Some("true"));
    assert_eq!(value("key").as_deref(), Some("v"));
    for nothing in ["z", "o", "l", "bad", "x", ""] {
        assert_eq!(value(nothing), None, "{nothing}");
    }
    for no_object in ["", "{", r#"{"n":1} x"#, r#"[{"n":1}]"#, "n", r#"{"n":1"#] {
        assert_eq!(member("n").value(no_object), None, "{no_object}");
    }
    let word = |n: usize| LogField::Word(n).value("GET /a  200").map(Cow::into_owned);
    assert_eq!([1, 2, 3, 4, 5].map(|n| word(n).unwrap()), ["GET", "/a", "", "200", ""]);
}

#[test]
fn what_repeats_is_kept_and_what_does_not_is_left_to_the_text() {
    let line = |n: usize| format!(r#"{{"id":"request-{n}","status":{},"level":"info"}}"#, 200 + n % 3);
    let lines: Vec<String> = (0..1_000).map(line).collect();
    let fields = fields(&lines);
    let kept = column(&fields, &member("status")).unwrap();
    assert_eq!(kept[..4], ["200", "201", "202", "200"].map(|text| Some(text.to_owned())));
    assert_eq!(column(&fields, &member("level")).unwrap(), vec![Some("info".to_owned()); 1_000]);
    assert_eq!(column(&fields, &member("id")), None, "an identifier is not kept");
    assert_eq!(column(&fields, &member("other")).unwrap(), vec![None; 1_000], "all members are listed");
    assert_eq!(column(&fields, &LogField::Word(2)), None, "words of JSON are not kept");
    let lines: Vec<String> = (0..1_000).map(|n| format!("10.0.0.{n} GET {}", 200 + n % 3)).collect();
    let fields = self::fields(&lines);
    assert_eq!(column(&fields, &LogField::Word(1)), None);
    assert_eq!(column(&fields, &LogField::Word(3)).unwrap()[7].as_deref(), Some("201"));
    assert_eq!(column(&fields, &LogField::Word(4)).unwrap()[7].as_deref(), Some(""));
    assert_eq!(column(&fields, &LogField::Word(WORDS_MAX + 1)), None);
}

#[test]
fn too_many_members_are_said_to_be() {
    let line = |n: usize| format!(r#"{{"m{n}":1}}"#);
    let lines: Vec<String> = (0..=MEMBERS_MAX).map(line).collect();
    let fields = fields(&lines);
    assert_eq!(column(&fields, &member("m3")).unwrap()[3].as_deref(), Some("1"));
    assert_eq!(column(&fields, &member(&format!("m{MEMBERS_MAX}"))), None);
    assert_eq!(column(&fields, &member("nowhere")), None, "the lines must be asked");
}

#[test]
fn the_format_is_fixed_and_damage_is_refused() {
    let mut builder = FieldsBuilder::default();
    builder.add(r#"{"a":1}"#);
    builder.add("a b");
    let bytes = builder.finish().unwrap();
    assert_eq!(bytes[..8], [VERSION, 2, 1, 1, 0, 1, b'a', bytes[7]]);
    let frame =
        &bytes[bytes.len() - Fields::decode(&bytes.clone().into()).unwrap().columns.len()..][..bytes[7] as usize];
    assert_eq!(zstd::bulk::decompress(frame, 100).unwrap(), [1, 1, b'1', 1, 0]);
    for end in 0..bytes.len() {
        assert!(Fields::decode(&Bytes::copy_from_slice(&bytes[..end])).is_err(), "cut at {end}");
    }
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x41;
        if let Ok(fields) = Fields::decode(&other.into()) {
            // Whatever it says, it does not panic; its checksum stands in the index.
            let _ = fields.get(&member("a")).map(
                |known| matches!(known, Known::Column(column) if column.read(std::slice::from_ref(&(0..2))).is_ok()),
            );
        }
    }
}

proptest! {
    #[test]
    fn columns_say_what_the_lines_say(
        lines in prop::collection::vec(
            r#"(\{("[a-c]":("[xy\\\\]{0,2}"|[0-3]|null|\{"a":1\}|true|"\\\\u00e9")[,}]){1,3}|[a-c ]{0,12})"#, 1..80),
    ) {
        let fields = fields(&lines);
        for field in [member("a"), member("b"), member("z"), LogField::Word(1), LogField::Word(3)] {
            let expected: Vec<Option<String>> = lines.iter().map(|line| field.value(line).map(Cow::into_owned)).collect();
            if let Some(kept) = column(&fields, &field) {
                prop_assert_eq!(kept, expected, "{:?}", field);
            }
        }
    }
}
