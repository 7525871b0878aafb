//! Lookup tables and answers as CSV (RFC 4180): fields between commas, quoted where they hold one, a quote or a line break.

use super::plan::{Answer, LookupTable};
use std::collections::HashSet;

/// Most columns of a lookup table.
const COLUMNS_MAX: usize = 1000;

impl LookupTable {
    /// Reads a table with a header. The error says what is wrong and in which record, counted from 1.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut records = records(text)?.into_iter();
        let header = records.next().ok_or("it is empty")?;
        if header.len() > COLUMNS_MAX {
            return Err(format!("it has more than {COLUMNS_MAX} columns"));
        }
        let mut names = HashSet::new();
        for name in &header {
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                return Err(format!("'{name}' is no name of a column: letters, digits and _ are allowed"));
            }
            if !names.insert(name) {
                return Err(format!("it has two columns {name}"));
            }
        }
        let rows: Vec<Vec<String>> = records.collect();
        match rows.iter().position(|row| row.len() != header.len()) {
            Some(at) => Err(format!("record {} has {} fields, not {}", at + 2, rows[at].len(), header.len())),
            None => Ok(Self { header, rows }),
        }
    }
}

impl Answer {
    /// As CSV with a header; what a row lacks is empty. Characters of names that a lookup table does not allow become `_`.
    pub fn to_csv(&self) -> String {
        let mut text = String::new();
        let name = |name: &String| {
            let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
            name.chars().map(allowed).collect::<String>()
        };
        let names: Vec<String> = self.columns.iter().map(name).collect();
        write(&mut text, names.iter().map(String::as_str));
        for row in &self.rows {
            write(&mut text, row.iter().map(|value| value.as_deref().unwrap_or_default()));
        }
        text
    }
}

/// The fields of the first record of a text; `None` when it cannot be read.
pub(super) fn first_record(text: &str) -> Option<Vec<String>> {
    records(text).ok()?.into_iter().next()
}

fn write<'a>(text: &mut String, fields: impl Iterator<Item = &'a str>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            text.push(',');
        }
        // A record of one empty field would be an empty line.
        if field.contains([',', '"', '\n', '\r']) || field.is_empty() {
            text.push('"');
            text.push_str(&field.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(field);
        }
    }
    text.push('\n');
}

/// The records of a text; empty lines are none.
fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut records: Vec<Vec<String>> = Vec::new();
    let mut record: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let field;
        if let Some(quoted) = rest.strip_prefix('"') {
            (field, rest) =
                quoted_field(quoted).ok_or_else(|| format!("a quote is open in record {}", records.len() + 1))?;
            if !rest.is_empty() && !rest.starts_with([',', '\n', '\r']) {
                return Err(format!("text follows a closing quote in record {}", records.len() + 1));
            }
        } else {
            let end = rest.find([',', '\n', '\r']).unwrap_or(rest.len());
            field = rest[..end].to_owned();
            rest = &rest[end..];
        }
        record.push(field);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
            // A comma at the very end has an empty field behind it.
            if rest.is_empty() || rest.starts_with(['\n', '\r']) {
                record.push(String::new());
            } else {
                continue;
            }
        }
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r'])).unwrap_or(rest);
        let is_blank_line = record.len() == 1 && record[0].is_empty() && !text.contains('"');
        if !is_blank_line {
            records.push(std::mem::take(&mut record));
        }
        record.clear();
    }
    Ok(records)
}

/// What is between the quotes, and what follows the closing one.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Some((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        LookupTable::parse(text).unwrap().rows
    }

    #[test]
    fn tables_are_read() {
        let table = LookupTable::parse("\u{feff}id,name\r\n1,\"a, \"\"b\"\"\"\n2,\n").unwrap();
        assert_eq!(table.header, ["id", "name"]);
        assert_eq!(table.rows, [["1", "a, \"b\""], ["2", ""]]);
        assert_eq!(rows("a\n1\n\n2"), [["1"], ["2"]]);
        assert_eq!(rows("a\n\"x\ny\""), [["x\ny"]]);
    }

    #[test]
    fn what_is_no_table_is_told() {
        let refused = |text: &str| LookupTable::parse(text).unwrap_err();
        assert_eq!(refused(""), "it is empty");
        assert_eq!(refused("a,b\n1\n"), "record 2 has 1 fields, not 2");
        assert_eq!(refused("a,a\n"), "it has two columns a");
        assert_eq!(refused("a b\n"), "'a b' is no name of a column: letters, digits and _ are allowed");
        assert_eq!(refused("a\n\"x"), "a quote is open in record 2");
        assert_eq!(refused("a\n\"x\"y"), "text follows a closing quote in record 2");
    }

    proptest! {
        #[test]
        fn answers_are_read_back(rows in prop::collection::vec(prop::collection::vec("[ -~\n\"]{0,6}", 3), 0..6)) {
            let columns = vec!["a".to_owned(), "b".into(), "c(*)".into()];
            let cells = rows.iter().map(|row| row.iter().cloned().map(Some).collect()).collect();
            let csv = Answer { columns, rows: cells, pointers: None }.to_csv();
            let table = LookupTable::parse(&csv).unwrap();
            prop_assert_eq!(&table.header, &["a", "b", "c___"]);
            prop_assert_eq!(table.rows, rows);
        }

        #[test]
        fn no_text_is_trouble(text in "[a,\"\n\r]{0,20}") {
            let _ = LookupTable::parse(&text);
        }
    }
}
