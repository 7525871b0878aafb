//! The ids of event data stores in a statement: `FROM 3270e016-59a1-4448-8dd1-d27a4796502d`, unquoted, hyphens and all.

/// Hexadecimal digits between the hyphens of a UUID.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
/// Bytes of a UUID.
const BYTES: usize = 36;

/// A store's id in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreName {
    /// First byte of the id.
    pub at: usize,
    /// The id, in lower case.
    pub id: String,
    /// Whether it stands in double quotes already.
    pub quoted: bool,
}

/// The ids in a statement, in order, each time counted: every UUID outside of texts and comments.
pub fn store_names(statement: &str) -> Vec<StoreName> {
    let bytes = statement.as_bytes();
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &statement.as_bytes()[at..];
        at += match byte {
            b'\'' => quoted(rest, b'\''),
            b'"' => {
                let length = quoted(rest, b'"');
                if length == BYTES + 2 && is_uuid(&rest[1..]) {
                    names.push(StoreName { at: at + 1, id: id(&rest[1..]), quoted: true });
                }
                length
            }
            b'-' if rest.starts_with(b"--") => rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with(b"/*") => {
                rest.windows(2).skip(2).position(|end| end == b"*/").map_or(rest.len(), |end| end + 4)
            }
            b if is_word(b) => {
                if is_uuid(rest) {
                    names.push(StoreName { at, id: id(rest), quoted: false });
                    BYTES
                } else {
                    rest.iter().position(|&b| !is_word(b)).unwrap_or(rest.len())
                }
            }
            _ => 1,
        };
    }
    names
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Bytes of a quoted text, quotes included; a doubled quote ends one and begins the next.
fn quoted(rest: &[u8], quote: u8) -> usize {
    rest.iter().skip(1).position(|&b| b == quote).map_or(rest.len(), |end| end + 2)
}

fn is_uuid(rest: &[u8]) -> bool {
    let mut at = 0;
    for (place, length) in GROUPS.into_iter().enumerate() {
        if place > 0 {
            if rest.get(at) != Some(&b'-') {
                return false;
            }
            at += 1;
        }
        let Some(group) = rest.get(at..at + length) else { return false };
        if !group.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        at += length;
    }
    rest.get(at).is_none_or(|&next| !is_word(next) && next != b'-')
}

fn id(rest: &[u8]) -> String {
    rest.iter().take(BYTES).map(|&b| char::from(b.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3270e016-59a1-4448-8dd1-d27a4796502d";

    fn ids(statement: &str) -> Vec<(usize, bool)> {
        store_names(statement).iter().map(|name| (name.at, name.quoted)).collect()
    }

    #[test]
    fn ids_are_found_where_names_stand() {
        assert_eq!(ids(&format!("SELECT * FROM {ID}")), [(14, false)]);
        assert_eq!(ids(&format!("SELECT * FROM \"{ID}\" a JOIN {ID} b")), [(15, true), (60, false)]);
        assert_eq!(store_names(&ID.to_uppercase())[0].id, ID);
        for none in [
            format!("SELECT '{ID}'"),
            format!("SELECT 1 -- {ID}"),
            format!("/* {ID} */ SELECT 'it''s {ID}'"),
            format!("x{ID}"),
            format!("{ID}-1"),
            ID[..35].to_owned(),
            format!("'{ID}"),
            "é'".to_owned(),
        ] {
            assert_eq!(ids(&none), [], "{none}");
        }
        assert_eq!(ids(&format!("-- a\n{ID}")), [(5, false)]);
        assert_eq!(ids(&format!("/**/{ID}")), [(4, false)]);
    }
}
