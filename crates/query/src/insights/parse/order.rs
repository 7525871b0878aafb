//! `Order`: which commands may follow which.

use super::super::cursor::{Cursor, Parsed};
use super::super::lexer::Token;

/// Most `stats` of a query: ten for log groups of the standard class (two for those of infrequent access, which the request alone
/// knows of).
const STATS_MAX: usize = 10;

/// What stands before the next command.
#[derive(Debug, Default)]
pub struct Order {
    stats: usize,
    has_sort_or_limit: bool,
    has_dedup: bool,
    has_pattern: bool,
    has_join: bool,
    has_estimate: bool,
}

impl Order {
    /// Checks that the command `name` (`limit` for `head`, `sort` for `order`), at `token`, may stand here.
    ///
    /// Behind `dedup` there may be nothing but `limit`, `sort` and `limit` must stand behind the last `stats`, and there is one `join`
    /// at most, and `estimate` is the last (user guide, on these commands).
    pub fn check(&mut self, name: &str, token: Token, cursor: &Cursor<'_>) -> Parsed<()> {
        if self.has_dedup && !matches!(name, "limit" | "estimate") || self.has_estimate {
            return Err(cursor.unexpected_at(token));
        }
        match name {
            "stats" => {
                self.stats += 1;
                if self.stats > 1 && self.has_sort_or_limit {
                    return Err(cursor.unexpected_at(token));
                }
                if self.stats > STATS_MAX {
                    return Err(
                        cursor.error(token, format!("a query can have a maximum of {STATS_MAX} stats commands"))
                    );
                }
            }
            "sort" | "limit" => self.has_sort_or_limit = true,
            "dedup" => self.has_dedup = true,
            "estimate" => self.has_estimate = true,
            "pattern" => self.has_pattern = true,
            "diff" if !self.has_pattern => {
                let message = "Diff compilation Failed : Diff operation has to be used after Pattern";
                return Err(cursor.error(token, message));
            }
            "join" if std::mem::replace(&mut self.has_join, true) => {
                return Err(cursor.error(token, "only one join command is supported per query"));
            }
            _ => {}
        }
        Ok(())
    }
}
