//! JSON lines as a table of text.

use serde_json::{Map, Value};
use std::io::{Error, ErrorKind, Write};

/// A row's cells, each with its lines.
type Row = Vec<Vec<String>>;

/// Prints rows under the names of their columns, then how many there are.
pub fn print(lines: &[u8], out: &mut impl Write) -> std::io::Result<()> {
    let damaged = |error: &dyn std::fmt::Display| Error::new(ErrorKind::InvalidData, error.to_string());
    let lines = std::str::from_utf8(lines).map_err(|error| damaged(&error))?;
    let mut names: Vec<String> = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for line in lines.lines() {
        let row: Map<String, Value> = serde_json::from_str(line).map_err(|error| damaged(&error))?;
        if names.is_empty() {
            names = row.keys().cloned().collect();
        }
        rows.push(row.values().map(cell).collect());
    }
    let width = |(at, name): (usize, &String)| {
        let cells = rows.iter().filter_map(|row| row.get(at)).flatten();
        cells.chain([name]).map(|line| line.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = names.iter().enumerate().map(width).collect();
    if !names.is_empty() {
        print_row(&names.into_iter().map(|name| vec![name]).collect(), &widths, out)?;
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        writeln!(out, "{}", rules.join("  "))?;
    }
    for row in &rows {
        print_row(row, &widths, out)?;
    }
    writeln!(out, "({} {})", rows.len(), if rows.len() == 1 { "row" } else { "rows" })
}

/// The lines of a value. Control characters of records must not steer a terminal.
fn cell(value: &Value) -> Vec<String> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let shown = |line: &str| line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_empty() { vec![text] } else { text.lines().map(shown).collect() }
}

fn print_row(row: &Row, widths: &[usize], out: &mut impl Write) -> std::io::Result<()> {
    let height = row.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let part = cell.get(line).map_or("", String::as_str);
            text.push_str(part);
            text.extend(std::iter::repeat_n(' ', width + 2 - part.chars().count()));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &str) -> String {
        let mut out = Vec::new();
        print(lines.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_lines_kept() {
        let lines = "{\"name\":\"a\\nbc\",\"n\":1}\n{\"name\":null,\"n\":\"\\u001b[31m\"}\n";
        assert_eq!(table(lines), "name  n\n----  -----\na     1\nbc\n       [31m\n(2 rows)\n");
        assert_eq!(table(""), "(0 rows)\n");
    }
}
