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
pub struct Regex {
    engine: Engine,
    /// See `clause`.
    required: Option<Vec<String>>,
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
            let (engine, required) = (Engine::Literal(finder, source.into()), Some(vec![source.to_owned()]));
            return Ok(Self { engine, required, is_anchored: false });
        }
        let mut syntax = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
        let is_anchored = !syntax.parse(source).is_ok_and(|parsed| parsed.properties().look_set().is_empty());
        regex::bytes::RegexBuilder::new(source)
            .unicode(false)
            .size_limit(PROGRAM_BYTES_MAX)
            .dfa_size_limit(CACHE_BYTES_MAX)
            .build()
            .map(|program| Self { engine: Engine::Program(program), required: required_strings(source), is_anchored })
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

    /// Strings of which one occurs in every match, where that is known.
    pub fn clause(&self) -> Option<Vec<String>> {
        self.required.clone()
    }

    /// The text that every match contains, where it is known.
    pub fn literal(&self) -> Option<&str> {
        match &self.engine {
            Engine::Literal(_, literal) => Some(literal),
            Engine::Program(_) => None,
        }
    }
}

/// The longest string that every match of each alternative contains; `None` when one has none that is worth a search.
/// There are no groups, so a `|` outside of brackets parts the whole.
fn required_strings(source: &str) -> Option<Vec<String>> {
    /// A shorter string occurs nearly everywhere.
    const BYTES_MIN: usize = 3;
    let mut longest = vec![String::new()];
    let mut run = String::new();
    let mut chars = source.chars().peekable();
    let keep = |run: &mut String, longest: &mut Vec<String>| {
        let run = std::mem::take(run);
        if let Some(last) = longest.last_mut().filter(|last| last.len() < run.len()) {
            *last = run;
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
                keep(&mut run, &mut longest);
                longest.push(String::new());
                continue;
            }
            '^' | '$' | '.' | '?' | '*' | '+' => None,
            c => Some(c),
        };
        match (plain, chars.peek()) {
            // May be there no time, or several times.
            (Some(_), Some('?' | '*' | '{')) | (None, _) => keep(&mut run, &mut longest),
            (Some(plain), _) => run.push(plain),
        }
    }
    keep(&mut run, &mut longest);
    longest.iter().all(|string| string.len() >= BYTES_MIN).then_some(longest)
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
    fn required_strings_are_the_longest_sure_ones() {
        let of = |source: &str| required_strings(source).map(|strings| strings.join(" | "));
        for (source, expected) in [
            (r"status=5\d\d", Some("status=5")),
            (r"^ERR[O0]R+ in \w+ module$", Some(" module")),
            (r"colou?rs", Some("colo")),
            (r"abc{2}defg", Some("defg")),
            (r"a\.b\.c", Some("a.b.c")),
            (r"timeout|refused", Some("timeout | refused")),
            (r"timeout|no", None),
            (r"[^]x]abcd", Some("abcd")),
            (r"[a\]b]abcd", Some("abcd")),
            (r"[[:alpha:]]abcd", None),
            (r"\x41bcd", None),
            (r".*", None),
            (r"abc*", None),
            (r"abc+d", Some("abc")),
        ] {
            assert_eq!(of(source).as_deref(), expected, "{source}");
        }
    }
}
