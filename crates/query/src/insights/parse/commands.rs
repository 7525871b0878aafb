//! The commands, each by its name.

use super::super::ast::{Column, Command, DiffOffset, Expr, Function, SortKey};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::lexer::Kind;
use super::super::vocabulary::opensearch::json_steps;
use super::order::Order;

/// Largest `limit` (user guide).
pub(super) const LIMIT_MAX: u64 = 100_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Reader<'_> {
    /// Commands with pipes between them.
    pub(super) fn commands(&mut self) -> Parsed<Vec<Command>> {
        let mut order = Order::default();
        let mut commands = Vec::new();
        loop {
            self.command(&mut order, &mut commands)?;
            if !self.cursor.eat_symbol("|") {
                return Ok(commands);
            }
        }
    }

    fn command(&mut self, order: &mut Order, commands: &mut Vec<Command>) -> Parsed<()> {
        let token = self.cursor.peek();
        if token.kind != Kind::Word {
            return Err(self.cursor.unexpected());
        }
        let name = match self.cursor.written(token).to_ascii_lowercase().as_str() {
            "where" => "filter".to_owned(),
            "order" => "sort".to_owned(),
            "head" => "limit".to_owned(),
            name => name.to_owned(),
        };
        order.check(&name, token, &self.cursor)?;
        self.cursor.advance();
        let command = match name.as_str() {
            "fields" => self.columns().map(Command::Fields),
            "display" => self.columns().map(Command::Display),
            "filter" => self.expression().map(Command::Filter),
            "filterindex" => self.expression().map(Command::FilterIndex),
            "parse" => self.parse(),
            "stats" => self.stats(),
            "sort" => self.sort(),
            "limit" => self.limit(),
            "dedup" => self.list(Self::field).map(|by| Command::Dedup { by, keep: 1 }),
            "pattern" => self.field().map(Command::Pattern),
            "diff" => Ok(Command::Diff(self.diff_offset())),
            "anomaly" => Ok(Command::Anomaly),
            "unnest" => self.unnest(),
            "expand" => self.expand(),
            "json" => self.json(),
            "logcompare" => self.logcompare(),
            "lookup" => self.lookup(),
            "join" => self.join(),
            "addtotals" => self.addtotals(),
            "unmask" => self.list(Self::field).map(Command::Unmask),
            "countfrequent" | "count_frequent" => return self.count_frequent(commands),
            "accum" => self.accum(),
            "autoregress" => self.autoregress(),
            "filldown" => self.filldown(),
            "fillmissing" => self.fillmissing(),
            "outlier" => self.outlier(),
            "sessionize" => self.sessionize(),
            "tail" => return self.tail(commands),
            "appendcols" => self.appendcols(),
            "cidrlookup" => self.cidrlookup(),
            "relevantfields" => self.relevantfields(),
            "estimate" => Ok(Command::Estimate),
            // The guide has no such command.
            "search" => Err(self.cursor.error(token, "the command search is not supported: filter @message like")),
            _ => Err(self.cursor.unexpected_at(token)),
        }?;
        commands.push(command);
        Ok(())
    }

    /// `a, b as c, strlen(d)`
    fn columns(&mut self) -> Parsed<Vec<Column>> {
        let columns = self.list(Self::column)?;
        columns.iter().for_each(|column| self.scope.define(&column.name, &column.value));
        Ok(columns)
    }

    /// An expression and what it is called: an alias, the field's name, or else its text.
    pub fn column(&mut self) -> Parsed<Column> {
        let (value, written) = self.written_expression()?;
        let name = match (&value, self.cursor.eat_word("as")) {
            (_, true) => self.cursor.name()?,
            (Expr::Field(name), false) => name.clone(),
            (_, false) => written.to_owned(),
        };
        Ok(Column { name, value })
    }

    /// Behind `sort`; it sorts by columns, not by what is computed of them: one that is named by the text of a call stands in backticks.
    fn sort(&mut self) -> Parsed<Command> {
        self.cursor.eat_word("by");
        let keys = self.list(|reader| {
            let value = reader.field()?;
            let is_descending = reader.cursor.eat_word("desc");
            if !is_descending {
                reader.cursor.eat_word("asc");
            }
            Ok(SortKey { value, is_descending, is_natural: true })
        })?;
        Ok(Command::Sort(keys))
    }

    /// Behind `limit`. `limit any` allows any rows, so that the first will do.
    fn limit(&mut self) -> Parsed<Command> {
        self.cursor.eat_word("any");
        let token = self.cursor.peek();
        match self.cursor.whole()? {
            count @ 1..=LIMIT_MAX => Ok(Command::Limit(count)),
            _ => Err(self.cursor.error(token, format!("limit must be between 1 and {LIMIT_MAX}"))),
        }
    }

    fn diff_offset(&mut self) -> DiffOffset {
        let offsets = [("previousDay", 1), ("previousWeek", 7), ("previousMonth", 30)];
        let offset = offsets.into_iter().find(|(word, _)| self.cursor.eat_word(word));
        offset.map_or(DiffOffset::Previous, |(_, days)| DiffOffset::Ago(days * DAY_MS))
    }

    fn unnest(&mut self) -> Parsed<Command> {
        let list = self.field()?;
        self.cursor.word("into")?;
        let into = self.cursor.name()?;
        self.scope.structures.insert(into.clone());
        self.scope.columns.iter_mut().for_each(|columns| _ = columns.insert(into.clone()));
        Ok(Command::Unnest { list, into })
    }

    /// `expand` is an `unnest` whose members take the place of the list.
    fn expand(&mut self) -> Parsed<Command> {
        let (list, written) = self.written_expression()?;
        match &list {
            Expr::Field(name) => {
                let into = name.clone();
                self.scope.structures.insert(into.clone());
                Ok(Command::Unnest { list, into })
            }
            Expr::Member(..) => {
                let into = written.to_owned();
                Ok(Command::Unnest { list, into })
            }
            _ => Err(self.cursor.unexpected()),
        }
    }

    /// Behind `json`: `field=a "b.c" as d`.
    fn json(&mut self) -> Parsed<Command> {
        self.cursor.word("field")?;
        self.cursor.symbol("=")?;
        let parsed = Expr::Call(Function::JsonParse, vec![self.field()?]);
        let token = self.cursor.peek();
        let path = format!("$.{}", self.cursor.quoted()?);
        let Some(steps) = json_steps(&path) else {
            return Err(self.cursor.error(token, "the path of json cannot be read"));
        };
        self.cursor.word("as")?;
        let name = self.cursor.name()?;
        let value = Expr::Member(Box::new(parsed), steps);
        self.scope.define(&name, &value);
        Ok(Command::Fields(vec![Column { name, value }]))
    }

    /// Behind `logcompare`: `timeshift 7d`, a `diff` of messages with so long ago.
    fn logcompare(&mut self) -> Parsed<Command> {
        self.cursor.word("timeshift")?;
        self.length_ms().map(|ms| Command::Diff(DiffOffset::Ago(ms)))
    }

    fn addtotals(&mut self) -> Parsed<Command> {
        let (mut name, mut has_row, mut has_column) = ("Total".to_owned(), true, false);
        let (mut label, mut label_field) = ("Total".to_owned(), None);
        while let Some(option) = self.option()? {
            match option.as_str() {
                "fieldname" => name = self.option_value()?,
                "row" => has_row = self.truth()?,
                "col" => has_column = self.truth()?,
                "label" => label = self.option_value()?,
                "labelfield" => label_field = Some(self.option_value()?),
                _ => return Err(self.cursor.unexpected()),
            }
        }
        let has_fields = matches!(self.cursor.peek().kind, Kind::Word | Kind::Name);
        let fields = if has_fields { self.list(|reader| reader.cursor.name())? } else { Vec::new() };
        let row = has_row.then_some(name);
        if let (Some(columns), Some(row)) = (&mut self.scope.columns, &row) {
            columns.insert(row.clone());
        }
        Ok(Command::AddTotals { row, column: has_column.then_some((label, label_field)), fields })
    }

    /// `name=`, if that comes next: the name in small letters.
    pub(super) fn option(&mut self) -> Parsed<Option<String>> {
        let mark = self.cursor.mark();
        if self.cursor.peek().kind == Kind::Word {
            let token = self.cursor.advance();
            if self.cursor.eat_symbol("=") {
                return Ok(Some(self.cursor.written(token).to_ascii_lowercase()));
            }
        }
        self.cursor.back_to(mark);
        Ok(None)
    }

    fn option_value(&mut self) -> Parsed<String> {
        if self.cursor.peek().kind == Kind::Text { self.cursor.quoted() } else { self.cursor.name() }
    }

    pub(super) fn truth(&mut self) -> Parsed<bool> {
        if self.cursor.eat_word("true") {
            return Ok(true);
        }
        self.cursor.word("false").map(|()| false)
    }
}
