use super::*;
use proptest::prelude::*;

fn filter(texts: &[&str]) -> TokenFilter {
    let mut builder = FilterBuilder::default();
    texts.iter().for_each(|text| builder.add(text));
    TokenFilter::decode(&builder.finish().into()).unwrap()
}

fn admits(filter: &TokenFilter, literal: &str) -> bool {
    filter.admits(&Probe::new(&[vec![literal.to_owned()]]))
}

/// A filter of many other tokens, so that a wrong yes is as rare as it gets.
fn filter_among_others(text: &str) -> TokenFilter {
    let others: Vec<String> = (0..2_000).map(|n| format!("other{n} request-{n:016x}-{n:08x}")).collect();
    let mut texts: Vec<&str> = others.iter().map(String::as_str).collect();
    texts.push(text);
    filter(&texts)
}

#[test]
fn the_documented_searches_are_answered() {
    let filter = filter_among_others("id=needle-7f3a91c2 trace=4bf92f3577b34da6a3ce929d0e0e4736 café status=200");
    for found in [
        "needle-7f3a91c2",
        "-7f3a91c2",
        "-7f3a91c",
        "=needle-",
        "needl",
        "92f3577b34da6a3ce929d0e0",
        "577b34da6a3ce929",
        "=4bf92f3577b34da6a3ce929d0e0e4736 ",
        " café ",
        "=200",
        "",
    ] {
        assert!(admits(&filter, found), "{found:?}");
    }
    for missing in
        ["needle-7f3a91c3", "=needles-", "0123456789abcdef", "=4bf92f35aaaaaaaaaaaaaaaaaaaaaaaa ", " cafe ", " Café "]
    {
        assert!(!admits(&filter, missing), "{missing:?}");
    }
}

#[test]
fn clauses_join_as_and_and_or() {
    let filter = filter_among_others("-alpha- -beta-");
    let probe = |clauses: &[&[&str]]| {
        let clauses: Vec<Vec<String>> =
            clauses.iter().map(|clause| clause.iter().map(|text| text.to_string()).collect()).collect();
        filter.admits(&Probe::new(&clauses))
    };
    assert!(probe(&[&["-alpha-"], &["-gamma-", "-beta-"]]));
    assert!(!probe(&[&["-alpha-"], &["-gamma-", "-delta-"]]));
    assert!(probe(&[&["-gamma-", "short"]]), "a literal without keys may be anywhere");
}

#[test]
fn json_escapes_are_known_of() {
    assert!(!admits(&filter_among_others(r#"{"a":"cafe"}"#), r"\u"));
    let filter = filter_among_others(r#"{"a":"caf\u00e9"}"#);
    assert!(admits(&filter, r"\u") && admits(&filter, r"f\u00e9"));
}

#[test]
fn random_text_keeps_its_words_or_nothing() {
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 8
    };
    let noise: Vec<String> = (0..200).map(|_| (0..300).map(|_| format!("{:014x}", random())).collect()).collect();
    let mut texts: Vec<&str> = noise.iter().map(String::as_str).collect();
    texts.push(" the-needle ");
    let without_grams = filter(&texts);
    assert_eq!(without_grams.content, Content::Words);
    assert!(admits(&without_grams, &noise[7][1_000..1_100]) && admits(&without_grams, "-needle "));
    assert!(!admits(&without_grams, "-noodle "));
    let noise: Vec<String> = (0..40_000).map(|_| format!("{:06x}", random() & 0xff_ffff)).collect();
    let nothing = filter(&noise.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(nothing.content, Content::Nothing);
    assert!(admits(&nothing, "-anything-"));
}

#[test]
fn the_format_is_fixed() {
    assert_eq!(short_key(b"GET", 0, 3), 0x8f4b_2ab8_237b_5959);
    assert_eq!(prefix_key(b"needle-7f", 0), 0x0dd2_2b4d_7af9_aa21);
    assert_eq!(whole_key(b"transaction", 0, 11), 0xb3f8_311a_ccbb_32a4);
    let mut found = Vec::new();
    grams(b"4bf92f3577b34da6a3ce929d0e0e4736", &mut |key| found.push(key));
    assert_eq!(found, [0x2f4d_fff2_81ca_2aa3, 0x344e_b44d_44a4_557c, 0x0584_0134_af07_0c16]);
    let mut builder = FilterBuilder::default();
    builder.add("GET /index.html");
    let hex: String = builder.finish().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "01 02 00000000 03 01000000 0000000000fc000000000000800c00000004".replace(' ', ""));
}

#[test]
fn damage_and_unknown_versions_are_refused() {
    let mut builder = FilterBuilder::default();
    builder.add("some words of a text");
    let bytes = builder.finish();
    for end in 0..bytes.len() {
        assert!(TokenFilter::decode(&Bytes::copy_from_slice(&bytes[..end])).is_err(), "cut at {end}");
    }
    let mut other = bytes.clone();
    other[0] = 2;
    assert_eq!(TokenFilter::decode(&other.into()).unwrap_err(), "is of a version that this program does not know");
    // A filter of another shape answers without a panic; its checksum stands in the index.
    for at in 2..14 {
        let mut other = bytes.clone();
        other[at] ^= 0x40;
        if let Ok(filter) = TokenFilter::decode(&other.into()) {
            admits(&filter, "-words-");
        }
    }
}

proptest! {
    #[test]
    fn a_part_of_a_text_is_never_missed(
        texts in prop::collection::vec(r"[a-cA-Bu0-1_é /\\-]{0,60}", 1..8),
        which in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        len in 0usize..40,
    ) {
        let filter = filter(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let chars: Vec<char> = which.get(&texts).chars().collect();
        let start = from.index(chars.len() + 1);
        let literal: String = chars[start..(start + len).min(chars.len())].iter().collect();
        prop_assert!(admits(&filter, &literal), "{literal:?} of {texts:?}");
    }

    #[test]
    fn windows_of_long_tokens_are_never_missed(token in "[0-9a-f]{18,200}", start in 0usize..200, len in 1usize..200) {
        let filter = filter_among_others(&token);
        let start = start % token.len();
        let literal = &token[start..(start + len).min(token.len())];
        prop_assert!(admits(&filter, literal), "{literal:?} of {token:?}");
    }
}
