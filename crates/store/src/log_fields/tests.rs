use super::*;
use proptest::prelude::*;

fn fields(lines: &[impl AsRef<str>]) -> Fields {
    fields_and_filter(lines).0
}

/// With the filter of the same lines.
fn fields_and_filter(lines: &[impl AsRef<str>]) -> (Fields, Vec<u8>) {
    let (mut builder, mut filter) = (FieldsBuilder::default(), FilterBuilder::default());
    lines.iter().for_each(|line| builder.add(line.as_ref(), &mut filter));
    let fields = Fields::decode(&builder.finish(&mut filter).unwrap().into()).unwrap();
    (fields, filter.finish())
}

/// The rows with a text, by the fields alone.
fn rows_with(fields: &Fields, text: &str) -> Option<Vec<usize>> {
    let rows = fields.rows_with(&ContainedText::new(text)).unwrap()?;
    Some((0..rows.len()).filter(|row| rows[*row]).collect())
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
fn texts_of_few_strings_are_found_without_the_lines() {
    let message = |n: usize| match n % 100 {
        0 => "upstream connection refused while the pool was full",
        n if n % 2 == 0 => "connection returned to the pool",
        _ => "payment refused by the issuer",
    };
    let line =
        |n: usize| format!(r#"{{"id":"request-{n}","status":{},"msg":"{}","t":"pool {n}"}}"#, 200 + n % 3, message(n));
    let mut lines: Vec<String> = (0..300).map(line).collect();
    let fields = self::fields(&lines);
    assert_eq!(rows_with(&fields, "upstream connection refused"), Some(vec![0, 100, 200]));
    assert_eq!(rows_with(&fields, "m connection r").unwrap().len(), 3, "ends may lie within words");
    assert_eq!(rows_with(&fields, "refused by the issuer").unwrap().len(), 150);
    assert_eq!(rows_with(&fields, "payment refused while the"), Some(vec![]));
    for unknown in [
        // Nothing is known of parts of words, of words that stand elsewhere as well, or nowhere,
        "connection",
        "the pool ",
        "no such connectors here",
        // nor of what goes beyond a string.
        r#""connection returned to"#,
        "",
    ] {
        assert_eq!(rows_with(&fields, unknown), None, "{unknown:?}");
    }
    // One line that is not JSON has the word as well.
    lines.push("connection closed".into());
    assert_eq!(rows_with(&self::fields(&lines), "upstream connection refused"), None);
    assert_eq!(rows_with(&self::fields(&lines), "payment refused by the issuer").unwrap().len(), 150);
    // A string that is written otherwise: its column tells what it means, not what is in the line.
    lines[300] = r#"{"msg":"payment refused \u0062y the issuer"}"#.into();
    assert_eq!(rows_with(&self::fields(&lines), "payment refused by the issuer"), None);
    assert_eq!(rows_with(&self::fields(&lines), " refused "), None);
}

#[test]
fn the_format_is_fixed_and_damage_is_refused() {
    let (mut builder, mut filter) = (FieldsBuilder::default(), FilterBuilder::default());
    builder.add(r#"{"a":1,"b":" x "}"#, &mut filter);
    builder.add("a b", &mut filter);
    let bytes = builder.finish(&mut filter).unwrap();
    let (rows, values) = (bytes[8], bytes[14] as usize);
    assert_eq!(bytes[..14], [VERSION, 2, 1, 2, 0, 1, b'a', 2, rows, 0, 1, b'b', 2, bytes[13]]);
    let unpacked = |frame: &[u8]| zstd::bulk::decompress(frame, 100).unwrap();
    let key = word_keys(" x ")[0].to_le_bytes();
    let expected = [&[1, 1, b'1', 1, 3, b' ', b'x', b' ', 1], &key[..]].concat();
    assert_eq!(unpacked(&bytes[15..15 + values]), expected);
    assert_eq!(unpacked(&bytes[15 + values..][..rows as usize]), [1, 0]);
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
            let _ = fields.rows_with(&ContainedText::new(" x "));
        }
    }
}

#[test]
fn of_the_version_before_the_lines_are_asked() {
    let mut head = Encoder(vec![VERSION_BEFORE]);
    head.varint(2);
    head.u8(1);
    head.varint(1);
    head.u8(0);
    head.text("a");
    let fields = Fields::decode(&head.0.into()).unwrap();
    assert!(matches!(fields.get(&member("a")).unwrap(), Known::Nothing));
    assert!(matches!(fields.get(&member("b")).unwrap(), Known::Nothing));
    assert!(!fields.exclude(&member("b"), ["x".to_owned()].iter()));
    assert_eq!((rows_with(&fields, " x "), fields.check(2), fields.check(3).is_err()), (None, Ok(()), true));
    assert!(Fields::decode(&Bytes::from_static(&[VERSION + 1, 0])).is_err());
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

    /// Strings of few words, some of them in other strings, as names and in lines of other kinds too; some columns are dropped late, some have escapes.
    #[test]
    fn what_fields_tell_of_texts_is_what_the_lines_say(
        lines in prop::collection::vec(
            r#"(\{("(msg|[ab])":("((red|green|blue|nine9|x) ?){0,4}(é|\\\\n)?"|"id-[0-9]{3}"|[0-9]|\{"a":"red x"\}|null)[,}]){1,3}|(red|x|green ){0,3})"#, 1..120),
        many in any::<bool>(),
        texts in prop::collection::vec(r#"[ d]?((red|green|blue|nine9|x|é|id)[ "n-]?){1,4}"#, 12),
    ) {
        let mut lines = lines;
        if many {
            lines.extend((0..VALUES_MAX + 1).map(|n| format!(r#"{{"msg":"blue {n} x"}}"#)));
        }
        let (fields, filter) = fields_and_filter(&lines);
        let mut whole = FilterBuilder::default();
        lines.iter().for_each(|line| whole.add(line));
        prop_assert_eq!(filter, whole.finish());
        prop_assert!(fields.check(lines.len() as u64).is_ok());
        for text in texts {
            if let Some(rows) = rows_with(&fields, &text) {
                let expected: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains(&text)).collect();
                prop_assert_eq!(rows, expected, "{:?}", text);
            }
        }
    }
}
