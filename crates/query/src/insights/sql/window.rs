//! `OVER`: windows over the rows of a `SELECT`, which become columns before its items are computed.

use super::super::ast::{Expr, Frame, Literal, SortKey, Window, WindowColumn, WindowValue};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::lexer::{Dialect, Token};
use super::super::vocabulary::opensearch::{self, Called};

/// What the columns of windows are called, with their numbers.
pub(in crate::insights) const PREFIX: &str = "_window";

/// Most windows of a query: a limit of ours.
const WINDOWS_MAX: usize = 50;

impl Reader<'_> {
    /// Behind a call: `OVER (PARTITION BY … ORDER BY … ROWS BETWEEN … AND …)`.
    pub(in crate::insights) fn over(
        &mut self,
        name: Token,
        function: &str,
        arguments: Vec<Expr>,
        is_distinct: bool,
    ) -> Parsed<Expr> {
        let over = self.cursor.advance();
        if !self.scope.may_have_windows || self.scope.windows.len() >= WINDOWS_MAX {
            return Err(self.unsupported(over, "clause"));
        }
        self.cursor.symbol("(")?;
        // What groups are counted by may be what ranks go by.
        let is_stats = std::mem::replace(&mut self.scope.is_stats, true);
        self.scope.may_have_windows = false;
        let mut partition = Vec::new();
        if self.cursor.eat_word("partition") {
            self.cursor.word("by")?;
            partition = self.list(Self::expression)?;
        }
        let mut order = Vec::new();
        if self.cursor.eat_word("order") {
            self.cursor.word("by")?;
            let keys = self.list(Self::order_key)?;
            order = keys
                .into_iter()
                .flatten()
                .map(|(item, is_descending)| SortKey { value: item.value, is_descending, is_natural: false })
                .collect();
        }
        let frame = self.frame(!order.is_empty())?;
        self.cursor.symbol(")")?;
        (self.scope.is_stats, self.scope.may_have_windows) = (is_stats, true);
        let Some(value) = value(function, arguments, is_distinct) else { return Err(self.arguments_do_not_fit(name)) };
        let column = format!("{PREFIX}{}", self.scope.windows.len());
        let columns = vec![WindowColumn { name: column.clone(), value, frame }];
        self.scope.windows.push(Window { columns, partition, order });
        Ok(Expr::Field(column))
    }

    /// `ROWS BETWEEN 2 PRECEDING AND CURRENT ROW`; without one the rows up to the last that is equal to this one, or all of them
    /// where there is no order.
    fn frame(&mut self, has_order: bool) -> Parsed<Frame> {
        let token = self.cursor.peek();
        let is_rows = self.cursor.eat_word("rows");
        if !is_rows && !self.cursor.eat_word("range") {
            return Ok(if has_order { Frame::WITH_PEERS } else { Frame::ALL });
        }
        let (start, end) = if self.cursor.eat_word("between") {
            let start = self.bound(true)?;
            self.cursor.word("and")?;
            (start, self.bound(false)?)
        } else {
            (self.bound(true)?, Some(0))
        };
        let frame = Frame { start, end, has_peers: !is_rows && end == Some(0), is_whole: false };
        // By values a frame may only begin and end with this row, or with all.
        let is_plain = matches!((start, end), (None, None | Some(0)) | (Some(0), None));
        if !is_rows && !is_plain {
            return Err(self.unsupported(token, "frame"));
        }
        Ok(frame)
    }

    /// Rows before this one have numbers below 0.
    fn bound(&mut self, is_start: bool) -> Parsed<Option<i64>> {
        if self.cursor.eat_word("current") {
            self.cursor.word("row")?;
            return Ok(Some(0));
        }
        if self.cursor.eat_word("unbounded") {
            self.cursor.word(if is_start { "preceding" } else { "following" })?;
            return Ok(None);
        }
        let rows = i64::try_from(self.cursor.whole()?).unwrap_or(i64::MAX);
        if self.cursor.eat_word("preceding") {
            return Ok(Some(-rows));
        }
        self.cursor.word("following")?;
        Ok(Some(rows))
    }
}

/// What a window function computes; `None` when its arguments do not fit, or it is none.
fn value(function: &str, arguments: Vec<Expr>, is_distinct: bool) -> Option<WindowValue> {
    let whole = |expr: &Expr| match expr {
        Expr::Literal(Literal::Number(number)) if number.fract() == 0.0 && *number >= 0.0 => Some(*number as u64),
        _ => None,
    };
    let shifted = |arguments: &[Expr], direction: i64| {
        let (value, rest) = arguments.split_first()?;
        let by = rest.first().map_or(Some(1), whole)?;
        let by = i64::try_from(by).ok()?.checked_mul(direction)?;
        (rest.len() <= 2).then(|| WindowValue::Shifted(value.clone(), by, rest.get(1).cloned()))
    };
    match (function, arguments.as_slice()) {
        _ if is_distinct && !matches!(function, "count") => None,
        ("row_number", []) => Some(WindowValue::RowNumber),
        ("rank", []) => Some(WindowValue::Rank),
        ("dense_rank", []) => Some(WindowValue::DenseRank),
        ("percent_rank", []) => Some(WindowValue::PercentRank),
        ("cume_dist", []) => Some(WindowValue::CumeDist),
        ("ntile", [tiles]) => whole(tiles).filter(|tiles| *tiles > 0).map(WindowValue::Tiles),
        ("lag", arguments) => shifted(arguments, 1),
        ("lead", arguments) => shifted(arguments, -1),
        ("first_value" | "first", [value]) => Some(WindowValue::First(value.clone())),
        ("last_value" | "last", [value]) => Some(WindowValue::Last(value.clone())),
        ("nth_value", [value, nth]) => Some(WindowValue::Nth(value.clone(), whole(nth)?)),
        _ => match opensearch::aggregate(function, arguments, is_distinct, Dialect::Sql) {
            Called::Known(Expr::Aggregate(function, arguments)) => Some(WindowValue::Aggregate(function, arguments)),
            _ => None,
        },
    }
}

/// Every expression of a window, to be changed.
pub(super) fn expressions(window: &mut Window) -> Vec<&mut Expr> {
    let mut found = Vec::new();
    for column in &mut window.columns {
        match &mut column.value {
            WindowValue::Shifted(value, _, default) => found.extend(std::iter::once(value).chain(default)),
            WindowValue::First(value) | WindowValue::Last(value) => found.push(value),
            WindowValue::Nth(value, _) | WindowValue::Weighted(value) => found.push(value),
            WindowValue::Aggregate(_, arguments) => found.extend(arguments),
            _ => {}
        }
    }
    found.extend(&mut window.partition);
    found.extend(window.order.iter_mut().map(|key| &mut key.value));
    found
}
