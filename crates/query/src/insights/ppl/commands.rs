//! The commands, each by its name.

use super::super::ast::{
    Aggregate, BinaryOp, Column, Command, Expr, Function, JoinKind, Literal, ParsePattern, Regex, SortKey, Step,
};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::lexer::Kind;
use super::super::{grok, regexes, walk};
use std::collections::HashSet;

/// How many rows `head`, `top` and `rare` leave where they do not say.
const HEAD_DEFAULT: u64 = 10;

/// Most nodes of what `fillnull` writes once for each field: a limit of ours.
const FILLING_NODES_MAX: usize = 20;

/// Commands that PPL has elsewhere; Logs Insights has none of them.
#[rustfmt::skip]
const MISSING: [&str; 20] = [
    "ad", "addcoltotals", "addtotals", "append", "appendcol", "bin", "describe", "fieldsummary", "kmeans", "ml", "multisearch",
    "patterns", "regex", "rex", "search", "show", "spath", "streamstats", "timechart", "chart",
];

impl Reader<'_> {
    pub(super) fn ppl_command(&mut self, commands: &mut Vec<Command>) -> Parsed<()> {
        let token = self.cursor.peek();
        if token.kind != Kind::Word {
            return Err(self.cursor.unexpected());
        }
        self.cursor.advance();
        let command = match self.cursor.written(token).to_ascii_lowercase().as_str() {
            "where" => self.expression().map(Command::Filter),
            "fields" | "table" => self.ppl_fields(),
            "trendline" => return self.trendline(commands),
            "eventstats" => self.eventstats(),
            "flatten" => self.flatten(),
            "reverse" => Ok(Command::Reverse),
            "lookup" => self.lookup(),
            "eval" => self.eval(),
            "rename" => self.rename(),
            "stats" => self.ppl_stats(),
            "sort" => return self.ppl_sort(commands),
            "head" => return self.head(commands),
            "dedup" => return self.ppl_dedup(commands),
            "top" => return self.frequent(commands, true),
            "rare" => return self.frequent(commands, false),
            "parse" => self.ppl_parse(),
            "grok" => self.grok(),
            "fillnull" => self.fillnull(),
            "expand" => self.ppl_expand(),
            "join" => self.ppl_join(JoinKind::Inner),
            "inner" if self.cursor.eat_word("join") => self.ppl_join(JoinKind::Inner),
            "left" => {
                self.cursor.eat_word("outer");
                self.cursor.word("join")?;
                self.ppl_join(JoinKind::Left)
            }
            "right" | "full" | "cross" | "semi" | "anti" => Err(self.unsupported(token, "join")),
            missing if MISSING.contains(&missing) => Err(self.unsupported(token, "command")),
            _ => Err(self.cursor.unexpected_at(token)),
        }?;
        commands.push(command);
        Ok(())
    }

    /// Behind `fields`: what is shown.
    fn ppl_fields(&mut self) -> Parsed<Command> {
        if self.cursor.eat_symbol("-") {
            let hidden = self.list(|reader| reader.column_reference().map(|value| name_of(&value)))?;
            if let Some(shown) = &mut self.scope.shown {
                shown.retain(|name| !hidden.contains(name));
            }
            return Ok(Command::Hide(hidden));
        }
        self.cursor.eat_symbol("+");
        let columns = self.list(|reader| {
            let value = reader.column_reference()?;
            Ok(Column { name: name_of(&value), value })
        })?;
        self.scope.show_all(columns.iter().map(|column| column.name.clone()).collect());
        Ok(Command::Display(columns))
    }

    /// A field, or the text of an aggregate that is a column.
    pub(super) fn column_reference(&mut self) -> Parsed<Expr> {
        if !self.is_call() {
            return self.field();
        }
        let token = self.cursor.peek();
        match self.written_expression()?.0 {
            column @ Expr::Field(_) => Ok(column),
            _ => Err(self.cursor.unexpected_at(token)),
        }
    }

    /// Behind `eval`: each column may use those before it.
    fn eval(&mut self) -> Parsed<Command> {
        let columns = self.list(|reader| {
            let name = reader.cursor.name()?;
            reader.cursor.symbol("=")?;
            let value = reader.expression()?;
            reader.scope.define(&name, &value);
            reader.scope.show(&name, None);
            Ok(Column { name, value })
        })?;
        Ok(Command::Fields(columns))
    }

    /// Behind `rename`: the column is there under its old name as well, but not shown.
    fn rename(&mut self) -> Parsed<Command> {
        let columns = self.list(|reader| {
            let value = reader.column_reference()?;
            reader.cursor.word("as")?;
            let name = reader.cursor.name()?;
            reader.scope.define(&name, &value);
            reader.scope.show(&name, Some(&name_of(&value)));
            Ok(Column { name, value })
        })?;
        Ok(Command::Fields(columns))
    }

    fn ppl_stats(&mut self) -> Parsed<Command> {
        self.scope.is_stats = true;
        let values = self.list(|reader| {
            let start = reader.cursor.peek().start;
            let column = reader.column()?;
            if !walk::has_aggregate(&column.value) {
                return Err(reader.cursor.error_since(start, "stats needs aggregates"));
            }
            Ok(column)
        })?;
        self.scope.is_stats = false;
        let by = if self.cursor.eat_word("by") { self.list(Self::column)? } else { Vec::new() };
        self.scope.columns = Some(HashSet::new());
        values.iter().chain(&by).for_each(|column| self.scope.define(&column.name, &column.value));
        self.scope.show_all(by.iter().chain(&values).map(|column| column.name.clone()).collect());
        Ok(Command::Stats { values, by })
    }

    /// Behind `sort`: `- a, + b`, `a desc`, and perhaps first how many rows are left.
    fn ppl_sort(&mut self, commands: &mut Vec<Command>) -> Parsed<()> {
        let count = if self.cursor.peek().kind == Kind::Number { Some(self.cursor.whole()?) } else { None };
        let keys = self.list(|reader| {
            let is_minus = reader.cursor.eat_symbol("-");
            if !is_minus {
                reader.cursor.eat_symbol("+");
            }
            let value = reader.column_reference()?;
            let is_descending = ["desc", "d"].into_iter().any(|word| reader.cursor.eat_word(word));
            if !is_descending {
                _ = ["asc", "a"].into_iter().any(|word| reader.cursor.eat_word(word));
            }
            Ok(SortKey { value, is_descending: is_minus || is_descending, is_natural: false })
        })?;
        commands.push(Command::Sort(keys));
        commands.extend(count.filter(|count| *count > 0).map(Command::Limit));
        Ok(())
    }

    /// Behind `head`: `5 from 10`.
    fn head(&mut self, commands: &mut Vec<Command>) -> Parsed<()> {
        let count = if self.cursor.peek().kind == Kind::Number { self.cursor.whole()? } else { HEAD_DEFAULT };
        if self.cursor.eat_word("from") {
            commands.push(Command::Skip(self.cursor.whole()?));
        }
        commands.push(Command::Limit(count));
        Ok(())
    }

    /// Behind `dedup`: rows without one of the values are dropped, unless `keepempty=true`.
    fn ppl_dedup(&mut self, commands: &mut Vec<Command>) -> Parsed<()> {
        let token = self.cursor.peek();
        let keep = if token.kind == Kind::Number { self.cursor.whole()? } else { 1 };
        if keep == 0 {
            return Err(self.cursor.unexpected_at(token));
        }
        let by = self.list(Self::field)?;
        let mut keeps_empty = false;
        for option in ["keepempty", "consecutive"] {
            let token = self.cursor.peek();
            if self.cursor.eat_word(option) {
                self.cursor.symbol("=")?;
                let is_true = self.cursor.eat_word("true");
                if !is_true {
                    self.cursor.word("false")?;
                }
                if is_true && option == "consecutive" {
                    return Err(self.unsupported(token, "option"));
                }
                keeps_empty |= is_true;
            }
        }
        if !keeps_empty {
            let present = by.iter().map(|value| Expr::Call(Function::IsPresent, vec![value.clone()]));
            let and = |left, right| Expr::Binary(BinaryOp::And, Box::new(left), Box::new(right));
            commands.extend(present.reduce(and).map(Command::Filter));
        }
        commands.push(Command::Dedup { by, keep });
        Ok(())
    }

    /// Behind `top` and `rare`: counts combinations of values, sorts by the count, and leaves some, of each group where there are groups.
    fn frequent(&mut self, commands: &mut Vec<Command>, is_descending: bool) -> Parsed<()> {
        let has_count = self.cursor.peek().kind == Kind::Number;
        let count = if has_count { self.cursor.whole()?.max(1) } else { HEAD_DEFAULT };
        let reference = |reader: &mut Self| {
            let value = reader.field()?;
            Ok(Column { name: name_of(&value), value })
        };
        let fields = self.list(reference)?;
        let by = if self.cursor.eat_word("by") { self.list(reference)? } else { Vec::new() };
        let groups: Vec<Expr> = by.iter().map(|column| Expr::Field(column.name.clone())).collect();
        let columns: Vec<Column> = by.into_iter().chain(fields).collect();
        let counted = Column { name: "count".to_owned(), value: Expr::Aggregate(Aggregate::Count, Vec::new()) };
        let names: Vec<String> = columns.iter().chain([&counted]).map(|column| column.name.clone()).collect();
        let shown = names.iter().map(|name| Column { name: name.clone(), value: Expr::Field(name.clone()) }).collect();
        self.scope.columns = Some(names.iter().cloned().collect());
        self.scope.show_all(names);
        commands.push(Command::Stats { values: vec![counted], by: columns });
        let mut keys: Vec<SortKey> = groups
            .iter()
            .map(|value| SortKey { value: value.clone(), is_descending: false, is_natural: false })
            .collect();
        keys.push(SortKey { value: Expr::Field("count".to_owned()), is_descending, is_natural: false });
        commands.push(Command::Sort(keys));
        commands.push(if groups.is_empty() {
            Command::Limit(count)
        } else {
            Command::Dedup { by: groups, keep: count }
        });
        commands.push(Command::Display(shown));
        Ok(())
    }

    /// Behind `parse`: a field and a regular expression in quotes.
    fn ppl_parse(&mut self) -> Parsed<Command> {
        let from = self.field()?;
        let (pattern, token) = self.pattern()?;
        let regex = regexes::compile(&pattern, &[]).map_err(|message| self.cursor.error(token, message))?;
        if regex.columns().next().is_none() {
            return Err(self.cursor.error(token, "the regular expression names no group"));
        }
        Ok(self.taken_apart(from, regex))
    }

    fn grok(&mut self) -> Parsed<Command> {
        let from = self.field()?;
        let (pattern, token) = self.pattern()?;
        let regex = grok::compile(&pattern).map_err(|message| self.cursor.error(token, message))?;
        Ok(self.taken_apart(from, regex))
    }

    fn taken_apart(&mut self, from: Expr, regex: Regex) -> Command {
        for (_, name) in regex.columns() {
            self.scope.define(&name, &Expr::Literal(Literal::Null));
            self.scope.show(&name, None);
        }
        Command::Parse { from, pattern: ParsePattern::Regex(regex) }
    }

    /// Behind `fillnull`: `with 0 in a, b` or `using a = 1, b = 2`.
    fn fillnull(&mut self) -> Parsed<Command> {
        let fill = |value: Expr, with: Expr| {
            let name = name_of(&value);
            Column { name, value: Expr::Call(Function::Coalesce, vec![value, with]) }
        };
        if self.cursor.eat_word("using") {
            let columns = self.list(|reader| {
                let value = reader.field()?;
                reader.cursor.symbol("=")?;
                Ok(fill(value, reader.expression()?))
            })?;
            columns.iter().for_each(|column| self.scope.show(&column.name, None));
            return Ok(Command::Fields(columns));
        }
        self.cursor.word("with")?;
        let start = self.cursor.peek().start;
        let with = self.sum()?;
        if walk::size(&with) > FILLING_NODES_MAX {
            return Err(self.cursor.error_since(start, "the expression is too large"));
        }
        let fields = match (self.cursor.eat_word("in"), &self.scope.shown) {
            (true, _) => self.list(Self::field)?,
            (false, Some(shown)) => shown.iter().cloned().map(Expr::Field).collect(),
            (false, None) => {
                return Err(self.cursor.error_since(start, "fillnull without a list of fields needs fields before it"));
            }
        };
        let columns: Vec<Column> = fields.into_iter().map(|value| fill(value, with.clone())).collect();
        columns.iter().for_each(|column| self.scope.show(&column.name, None));
        Ok(Command::Fields(columns))
    }

    fn ppl_expand(&mut self) -> Parsed<Command> {
        let list = self.field()?;
        let into = if self.cursor.eat_word("as") { self.cursor.name()? } else { name_of(&list) };
        self.scope.structures.insert(into.clone());
        self.scope.show(&into, None);
        Ok(Command::Unnest { list, into })
    }
}

/// What a field or a member is called.
pub(super) fn name_of(value: &Expr) -> String {
    match value {
        Expr::Field(name) => name.clone(),
        Expr::Member(of, steps) => steps.iter().fold(name_of(of), |name, step| match step {
            Step::Name(step) => format!("{name}.{step}"),
            Step::Index(index) => format!("{name}[{index}]"),
            Step::All => format!("{name}[*]"),
        }),
        _ => String::new(),
    }
}
