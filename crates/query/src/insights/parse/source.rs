//! `SOURCE`: the log groups that a query reads.

use super::super::ast::Source;
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::lexer::Kind;

/// Most prefixes of names (user guide).
const PREFIXES_MAX: usize = 5;
/// Most accounts (user guide).
const ACCOUNTS_MAX: usize = 20;

impl Reader<'_> {
    /// `SOURCE …`, if the query begins with it; several with pipes between them count as one.
    pub(super) fn source(&mut self) -> Parsed<Option<Source>> {
        if !self.cursor.is_word("source") {
            return Ok(None);
        }
        let mut source = Source::default();
        loop {
            self.cursor.word("source")?;
            if self.cursor.is_word("loggroups") {
                self.log_groups(&mut source)?;
            } else {
                let groups = self.list(Self::group)?;
                source.groups.extend(groups);
            }
            let mark = self.cursor.mark();
            if !self.cursor.eat_symbol("|") || !self.cursor.is_word("source") {
                self.cursor.back_to(mark);
                return Ok(Some(source));
            }
        }
    }

    fn group(&mut self) -> Parsed<String> {
        if self.cursor.is_word("datasource") {
            return Err(self.cursor.error(self.cursor.peek(), "dataSource is not supported"));
        }
        if self.cursor.peek().kind == Kind::Text { self.cursor.quoted() } else { self.cursor.name() }
    }

    /// `logGroups(namePrefix: ['a'], class: ['STANDARD'])`
    pub fn log_groups(&mut self, source: &mut Source) -> Parsed<()> {
        self.cursor.word("loggroups")?;
        self.cursor.symbol("(")?;
        while !self.cursor.eat_symbol(")") {
            let key = self.cursor.peek();
            let name = self.cursor.name()?.to_ascii_lowercase();
            self.cursor.symbol(":")?;
            let values = self.texts()?;
            let most = match name.as_str() {
                "nameprefix" => PREFIXES_MAX,
                "accountidentifier" | "accountidentifiers" => ACCOUNTS_MAX,
                _ => usize::MAX,
            };
            if values.len() > most {
                let message = format!("{} has at most {most} values", self.cursor.written(key));
                return Err(self.cursor.error_since(key.start, message));
            }
            match name.as_str() {
                "nameprefix" => source.name_prefixes.extend(values),
                "accountidentifier" | "accountidentifiers" => source.accounts.extend(values),
                "class" | "loggroupclass" => source.classes.extend(values),
                "loggroupidentifier" | "loggroupidentifiers" => source.groups.extend(values),
                "tags" | "tag" => source.tags.extend(values.iter().map(|tag| match tag.split_once('=') {
                    Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                    None => (tag.clone(), None),
                })),
                _ => return Err(self.cursor.unexpected_at(key)),
            }
            if !self.cursor.eat_symbol(",") && !self.cursor.is_symbol(")") {
                return Err(self.cursor.unexpected());
            }
        }
        Ok(())
    }

    /// `['a', 'b']`, or one text.
    fn texts(&mut self) -> Parsed<Vec<String>> {
        if !self.cursor.eat_symbol("[") {
            return self.cursor.quoted().map(|text| vec![text]);
        }
        let mut texts = Vec::new();
        if !self.cursor.is_symbol("]") {
            texts = self.list(|reader| reader.cursor.quoted())?;
        }
        self.cursor.symbol("]")?;
        Ok(texts)
    }
}
