//! `Regex`: the part of regular expressions that AWS allows between percent signs, compiled with bounds.

use super::prefilter::Clauses;
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
pub struct Regex {
    engine: Engine,
    /// See `clauses`.
    clauses: Clauses,
    /// True when it asks where a line begins or ends.
    is_anchored: bool,
}

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
            let finder = Box::new(Finder::new(source).into_owned());
            let (engine, clauses) = (Engine::Literal(finder, source.into()), vec![vec![source.to_owned()]]);
            return Ok(Self { engine, clauses, is_anchored: false });
        }
        let mut syntax = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
        let is_anchored = !syntax.parse(source).is_ok_and(|parsed| parsed.properties().look_set().is_empty());
        regex::bytes::RegexBuilder::new(source)
            .unicode(false)
            .size_limit(PROGRAM_BYTES_MAX)
            .dfa_size_limit(CACHE_BYTES_MAX)
            .build()
            .map(|program| Self { engine: Engine::Program(program), clauses: required_clauses(source), is_anchored })
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
                _ => "the regular expression cannot be read".to_owned(),
            })
    }

    /// True when it matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.engine {
            Engine::Literal(finder, _) => finder.find(text.as_bytes()).is_some(),
            Engine::Program(program) => program.is_match(text.as_bytes()),
        }
    }

    /// A search for the first match in any bytes; `None` when a line must be seen alone, for its ends matter.
    pub fn anywhere(&self) -> Option<impl Fn(&[u8]) -> Option<usize> + Send + Sync + use<>> {
        let engine = (!self.is_anchored).then(|| self.engine.clone())?;
        Some(move |bytes: &[u8]| match &engine {
            Engine::Literal(finder, _) => finder.find(bytes),
            Engine::Program(program) => program.find(bytes).map(|found| found.start()),
        })
    }

    /// What is known of every match: of each clause one string occurs in it.
    pub fn clauses(&self) -> &Clauses {
        &self.clauses
    }

    /// The text that every match contains, where it is known.
    pub fn literal(&self) -> Option<&str> {
        match &self.engine {
            Engine::Literal(_, literal) => Some(literal),
            Engine::Program(_) => None,
        }
    }
}

/// The strings that every match contains; of several alternatives the longest one of each, of which one occurs. Strings that are not worth
/// a search are left out. There are no groups, so a `|` outside of brackets parts the whole.
fn required_clauses(source: &str) -> Clauses {
    let Some(mut alternatives) = required_strings(source) else { return Vec::new() };
    match alternatives.pop() {
        Some(only) if alternatives.is_empty() => only.into_iter().map(|string| vec![string]).collect(),
        last => {
            alternatives.extend(last);
            // The first of those that are the longest.
            let longest = |strings: &Vec<String>| strings.iter().rev().max_by_key(|string| string.len()).cloned();
            let clause: Option<Vec<String>> = alternatives.iter().map(longest).collect();
            clause.into_iter().collect()
        }
    }
}

/// The strings that every match of each alternative contains; `None` where they cannot be told.
fn required_strings(source: &str) -> Option<Vec<Vec<String>>> {
    /// A shorter string occurs nearly everywhere.
    const BYTES_MIN: usize = 3;
    let mut alternatives = vec![Vec::new()];
    let mut run = String::new();
    let mut chars = source.chars().peekable();
    let keep = |run: &mut String, alternatives: &mut Vec<Vec<String>>| {
        let run = std::mem::take(run);
        if let Some(last) = alternatives.last_mut().filter(|strings| run.len() >= BYTES_MIN && !strings.contains(&run))
        {
            last.push(run);
        }
    };
    while let Some(c) = chars.next() {
        // A character that stands for itself joins the run; anything else ends it.
        let plain = match c {
            '\\' => match chars.next()? {
                'x' => return None,
                escaped => Some(escaped).filter(|c| !c.is_ascii_alphanumeric()),
            },
            '[' => {
                chars.next_if_eq(&'^');
                chars.next_if_eq(&']');
                loop {
                    match chars.next()? {
                        '\\' => drop(chars.next()?),
                        '[' => return None,
                        ']' => break None,
                        _ => {}
                    }
                }
            }
            '{' => {
                chars.by_ref().take_while(|c| *c != '}').for_each(drop);
                None
            }
            '|' => {
                keep(&mut run, &mut alternatives);
                alternatives.push(Vec::new());
                continue;
            }
            '^' | '$' | '.' | '?' | '*' | '+' => None,
            c => Some(c),
        };
        match (plain, chars.peek()) {
            // May be there no time, or several times.
            (Some(_), Some('?' | '*' | '{')) | (None, _) => keep(&mut run, &mut alternatives),
            (Some(plain), _) => run.push(plain),
        }
    }
    keep(&mut run, &mut alternatives);
    Some(alternatives)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_need_their_ends_are_not_searched_together() {
        let find = |source: &str, bytes: &[u8]| Regex::parse(source).unwrap().anywhere().map(|find| find(bytes));
        assert_eq!(find("[0-9]{3}-[0-9]", b"\0\x01ab 12-3\xff\0 123-4"), Some(Some(12)));
        assert_eq!(find("[0-9]{3}-[0-9]", b"ab 12-3"), Some(None));
        assert_eq!(find("needle", b"a needle"), Some(Some(2)));
        for anchored in ["^[ab]", "[ab]$", "a|^b+", r"x\d+$"] {
            assert_eq!(find(anchored, b"ab"), None, "{anchored}");
        }
        assert!(find(r"[^a]\$", b"").is_some(), "neither of these asks for an end");
    }

    #[test]
    fn clauses_are_the_strings_that_are_sure_to_occur() {
        let of = |source: &str| required_clauses(source).iter().map(|clause| clause.join(" | ")).collect::<Vec<_>>();
        for (source, expected) in [
            (r"status=5\d\d", &["status=5"][..]),
            (r"^ERR[O0]R+ in \w+ module$", &["ERR", " in ", " module"]),
            (r"upstream [a-z]+ refused", &["upstream ", " refused"]),
            (r"abc.abc", &["abc"]),
            (r"colou?rs", &["colo"]),
            (r"abc{2}defg", &["defg"]),
            (r"a\.b\.c", &["a.b.c"]),
            (r"timeout|refused", &["timeout | refused"]),
            (r"one.three|four.two", &["three | four"]),
            (r"timeout|no", &[]),
            (r"[^]x]abcd", &["abcd"]),
            (r"[a\]b]abcd", &["abcd"]),
            (r"[[:alpha:]]abcd", &[]),
            (r"\x41bcd", &[]),
            (r".*", &[]),
            (r"abc*", &[]),
            (r"abc+d", &["abc"]),
        ] {
            assert_eq!(of(source), expected, "{source}");
        }
    }
}
