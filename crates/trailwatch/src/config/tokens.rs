//! `[bearer_tokens]`: who may send records with a token instead of a signature, as the file spells it.

use crate::tokens::BearerToken;
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::PathBuf;

/// Shortest token, bytes: one that can be guessed is none.
const TOKEN_BYTES_MIN: usize = 20;

/// `[bearer_tokens.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSection {
    /// The token.
    pub token: Option<String>,
    /// File that holds the token, and nothing else.
    pub token_file: Option<PathBuf>,
    /// What may be sent with it.
    #[serde(default = "everything")]
    pub allow: Vec<Signal>,
    /// How the names of the log groups begin that events may be sent to.
    #[serde(default)]
    pub log_group_prefix: String,
}

/// What may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// Log events.
    Logs,
    /// Metrics.
    Metrics,
}

fn everything() -> Vec<Signal> {
    vec![Signal::Logs, Signal::Metrics]
}

impl TokenSection {
    /// Reads the token of this name.
    pub fn resolve(self, name: String) -> anyhow::Result<BearerToken> {
        let token = match (self.token, self.token_file) {
            (Some(token), None) => token,
            (None, Some(file)) => {
                let read = std::fs::read_to_string(&file);
                read.with_context(|| format!("read [bearer_tokens.{name}] token_file {}", file.display()))?
                    .trim_end_matches(['\r', '\n'])
                    .to_owned()
            }
            _ => bail!("[bearer_tokens.{name}] needs either token or token_file"),
        };
        if token.len() < TOKEN_BYTES_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!(
                "[bearer_tokens.{name}] a token has at least {TOKEN_BYTES_MIN} visible ASCII characters and no blanks"
            );
        }
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_name {
            bail!("[bearer_tokens] names have up to 64 letters, digits, '-', '_' and '.', not '{name}'");
        }
        let allows = |signal| self.allow.contains(&signal);
        Ok(BearerToken::new(name, &token, allows(Signal::Logs), allows(Signal::Metrics), self.log_group_prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<BearerToken> {
        toml::from_str::<TokenSection>(text)?.resolve("collector".into())
    }

    #[test]
    fn a_token_is_read_from_the_file_or_beside_it() {
        let token = "0123456789abcdefghij";
        let direct = resolve(&format!("token = '{token}'")).unwrap();
        assert!(direct.logs && direct.metrics && direct.log_group_prefix.is_empty());
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let text = format!("token_file = '{}'\nallow = ['logs']\nlog_group_prefix = '/otel/'", file.display());
        let beside = resolve(&text).unwrap();
        assert!(beside.logs && !beside.metrics && beside.log_group_prefix == "/otel/");
        assert!(!format!("{beside:?}").contains(token));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (text, part) in [
            ("", "either"),
            ("token = 'short'", "20 visible"),
            ("token = '0123456789 abcdefghij'", "no blanks"),
            ("token = '0123456789abcdefghij'\ntoken_file = 'x'", "either"),
            ("token_file = '/nonexistent'", "/nonexistent"),
            ("token = '0123456789abcdefghij'\nallow = ['traces']", "traces"),
        ] {
            let error = format!("{:#}", resolve(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
