//! `[catalog]`: where resources are kept, as the file spells it.

use anyhow::{Context, bail};
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// `[catalog]`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogSection {
    /// `postgres://user@host/database`; absent, resources are kept in a file of the data directory.
    pub url: Option<String>,
    /// File that holds the user's password, and nothing else.
    pub password_file: Option<PathBuf>,
    /// Whether resources whose records were in another data directory, which is lost, are taken over: for one start.
    pub adopt: bool,
}

impl fmt::Debug for CatalogSection {
    /// Shows no secret: a URL may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogSection").field("password_file", &self.password_file).finish_non_exhaustive()
    }
}

/// Where PostgreSQL is, with the password. It never reaches a log: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct CatalogUrl(pub String);

impl fmt::Debug for CatalogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogUrl").finish_non_exhaustive()
    }
}

impl CatalogSection {
    /// These keys, and of `file` those that are absent.
    pub fn or(self, file: Self) -> Self {
        Self {
            url: self.url.or(file.url),
            password_file: self.password_file.or(file.password_file),
            adopt: self.adopt || file.adopt,
        }
    }

    /// The URL with the password of the file; `None` where resources are kept in the data directory. No error shows the URL.
    pub fn resolve(self) -> anyhow::Result<Option<CatalogUrl>> {
        let Some(url) = self.url else {
            if self.password_file.is_some() || self.adopt {
                bail!("[catalog] password_file and adopt need a url");
            }
            return Ok(None);
        };
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            bail!("[catalog] url must begin with postgres://");
        }
        let Some(file) = self.password_file else { return Ok(Some(CatalogUrl(url))) };
        let read = std::fs::read_to_string(&file);
        let password = read.with_context(|| format!("read [catalog] password_file {}", file.display()))?;
        let start = url.find("://").map_or(0, |at| at + "://".len());
        let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
        let user = url[start..end].rfind('@').map(|at| &url[start..start + at]);
        let Some(user) = user.filter(|user| !user.is_empty() && !user.contains(':')) else {
            bail!(
                "[catalog] password_file needs a url with a user and without a password, such as postgres://trailwatch@host/database"
            );
        };
        let mut out = url[..start + user.len()].to_owned();
        out.push(':');
        for byte in password.trim_end_matches(['\r', '\n']).bytes() {
            match byte {
                byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
                byte => out.push_str(&format!("%{byte:02X}")),
            }
        }
        out.push_str(&url[start + user.len()..]);
        Ok(Some(CatalogUrl(out)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<Option<CatalogUrl>> {
        toml::from_str::<CatalogSection>(text)?.resolve()
    }

    #[test]
    fn the_password_is_in_a_file_or_in_the_url_and_never_shown() {
        assert_eq!(resolve("").unwrap(), None);
        let url = resolve("url = 'postgres://u:hidden@h/d'").unwrap().unwrap();
        assert_eq!(url.0, "postgres://u:hidden@h/d");
        assert!(!format!("{url:?}").contains("hidden"));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "a/b:c@%\n").unwrap();
        let text = |url: &str| format!("url = '{url}'\npassword_file = '{}'", file.display());
        let url = resolve(&text("postgresql://u@h:5433/d?application_name=a@b")).unwrap().unwrap();
        assert_eq!(url.0, "postgresql://u:a%2Fb%3Ac%40%25@h:5433/d?application_name=a@b");
        assert_eq!(resolve(&text("postgres://u@h")).unwrap().unwrap().0, "postgres://u:a%2Fb%3Ac%40%25@h");
        for url in ["postgres://h/d", "postgres://u:hidden@h/d", "mysql://u:hidden@h/d", "postgres://@h/d"] {
            let error = resolve(&text(url)).unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
        for text in ["password_file = '/x'", "adopt = true"] {
            assert!(resolve(text).unwrap_err().to_string().contains("need a url"), "{text}");
        }
    }
}
