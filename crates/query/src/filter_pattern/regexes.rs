//! `Regex`: the part of regular expressions that AWS allows between percent signs, compiled with bounds.

use memchr::memmem::Finder;

/// Most regexes in one pattern (user guide, "Supported regular expressions").
pub const REGEXES_MAX: usize = 2;

/// Largest compiled program, bytes: `[a-z]{1000}{1000}` must not eat the memory, nor a long line the time, for the worst
/// case is each state of the program at each byte.
const PROGRAM_BYTES_MAX: usize = 128 * 1024;
/// Largest cache of a program for each thread, bytes. With room for its states, most of a search costs little per byte.
const CACHE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A compiled regex; one without operators is a plain search.
#[derive(Debug, Clone)]
pub struct Regex(Engine);

#[derive(Debug, Clone)]
enum Engine {
    Literal(Box<Finder<'static>>, Box<str>),
    Program(regex::bytes::Regex),
}

impl Regex {
    /// Checks and compiles; the error is a message for the client.
    pub fn parse(source: &str) -> Result<Self, String> {
        check(source)?;
        let is_literal = source.chars().all(|c| c.is_ascii_alphanumeric() || " :_#=@/;,-".contains(c));
        if is_literal {
            return Ok(Self(Engine::Literal(Box::new(Finder::new(source).into_owned()), source.into())));
        }
        regex::bytes::RegexBuilder::new(source)
            .unicode(false)
            .size_limit(PROGRAM_BYTES_MAX)
            .dfa_size_limit(CACHE_BYTES_MAX)
            .build()
            .map(|program| Self(Engine::Program(program)))
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
                _ => "the regular expression cannot be read".to_owned(),
            })
    }

    /// True when it matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.0 {
            Engine::Literal(finder, _) => finder.find(text.as_bytes()).is_some(),
            Engine::Program(program) => program.is_match(text.as_bytes()),
        }
    }

    /// The text that every match contains, where it is known.
    pub fn literal(&self) -> Option<&str> {
        match &self.0 {
            Engine::Literal(_, literal) => Some(literal),
            Engine::Program(_) => None,
        }
    }
}

fn check(source: &str) -> Result<(), String> {
    if source.is_empty() {
        return Err("the regular expression is empty".into());
    }
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'x') => {}
                Some('(' | ')') | None => return Err(format!("Invalid character(s) in term '{source}'")),
                Some(c) if c.is_ascii_punctuation() || c == ' ' => {}
                Some(c) => return Err(format!("the regular expression has an unsupported escape '\\{c}'")),
            },
            c if c.is_ascii_alphanumeric() || ":_#=@/;,- ^$?[]{}|*+.".contains(c) => {}
            _ => return Err(format!("Invalid character(s) in term '{source}'")),
        }
    }
    Ok(())
}
