//! `[notify]`: the mail server, webhooks, and who may be reached, as the file spells them.

use anyhow::{Context, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use watch::notify::{Settings, Smtp, SmtpTls, Webhook, WebhookFormat};

/// `[notify]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySection {
    /// Beginning of the links in messages.
    pub public_url: Option<String>,
    /// Whether receivers may be at private addresses.
    pub allow_private: bool,
    /// Webhooks by name.
    pub webhooks: BTreeMap<String, WebhookSection>,
    /// The mail server.
    pub smtp: Option<SmtpSection>,
    /// Whether messages of alarms tell what changed before.
    pub alarm_causes: bool,
}

/// `[notify.webhooks] name = {url = "…", format = "json"}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    /// Where to post.
    pub url: String,
    /// What to post.
    #[serde(default)]
    pub format: Format,
}

/// What a webhook's body looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// An object of our own.
    #[default]
    Json,
    /// What Slack takes.
    Slack,
}

/// `[notify.smtp]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSection {
    /// Name of the server.
    pub host: String,
    /// Its port; absent, the usual one of `tls`.
    pub port: Option<u16>,
    /// The sender's address.
    pub from: String,
    /// Who logs in; absent, nobody does.
    pub user: Option<String>,
    /// File that holds the password, and nothing else.
    pub password_file: Option<PathBuf>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: TlsMode,
}

/// How the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Not at all.
    None,
    /// After STARTTLS.
    #[default]
    StartTls,
    /// From the first byte.
    Tls,
}

impl NotifySection {
    /// Reads the password and checks the whole. `account_id` is the server's own account.
    pub fn resolve(self, account_id: &str) -> anyhow::Result<Settings> {
        let webhook = |(name, section): (String, WebhookSection)| {
            let format = match section.format {
                Format::Json => WebhookFormat::Json,
                Format::Slack => WebhookFormat::Slack,
            };
            (name, Webhook { url: section.url, format })
        };
        let settings = Settings {
            public_url: self.public_url,
            allow_private: self.allow_private,
            webhooks: self.webhooks.into_iter().map(webhook).collect(),
            smtp: self.smtp.map(SmtpSection::resolve).transpose()?,
            alarm_causes: self.alarm_causes.then(|| account_id.to_owned()),
        };
        settings.check().map_err(anyhow::Error::msg)?;
        Ok(settings)
    }
}

impl SmtpSection {
    fn resolve(self) -> anyhow::Result<Smtp> {
        let (tls, usual_port) = match self.tls {
            TlsMode::None => (SmtpTls::None, 25),
            TlsMode::StartTls => (SmtpTls::StartTls, 587),
            TlsMode::Tls => (SmtpTls::Tls, 465),
        };
        let credentials = match (self.user, self.password_file) {
            (Some(user), Some(file)) => {
                let read = std::fs::read_to_string(&file);
                let password = read.with_context(|| format!("read [notify.smtp] password_file {}", file.display()))?;
                Some((user, password.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (None, None) => None,
            _ => bail!("[notify.smtp] needs user and password_file together"),
        };
        Ok(Smtp { host: self.host, port: self.port.unwrap_or(usual_port), from: self.from, credentials, tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<Settings> {
        toml::from_str::<NotifySection>(text)?.resolve("123456789012")
    }

    #[test]
    fn the_file_says_it_all() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "secret\n").unwrap();
        let settings = resolve(&format!(
            "public_url = 'https://tw.example.com'\nallow_private = true\n\
             [webhooks]\nops = {{ url = 'https://hooks.example.com/x', format = 'slack' }}\n\
             [smtp]\nhost = 'mail.example.com'\nfrom = 'tw@example.com'\nuser = 'tw'\npassword_file = '{}'\n",
            file.display()
        ))
        .unwrap();
        assert_eq!(settings.webhooks["ops"].format, WebhookFormat::Slack);
        let smtp = settings.smtp.unwrap();
        assert_eq!((smtp.port, smtp.tls), (587, SmtpTls::StartTls));
        assert_eq!(smtp.credentials, Some(("tw".into(), "secret".into())));
        assert!(!format!("{smtp:?}").contains("secret"));
        assert_eq!(resolve("").unwrap(), Settings::default());
    }

    #[test]
    fn what_cannot_work_is_refused_in_words() {
        for (text, part) in [
            ("public_url = 'tw.example.com'", "public_url"),
            ("public_url = 'http://tw.example.com/'", "slash"),
            ("[webhooks]\n'a b' = { url = 'http://x' }", "'a b'"),
            ("[webhooks]\na = { url = 'ftp://x' }", "a: url"),
            ("[webhooks]\na = { url = 'http://x', format = 'teams' }", "teams"),
            ("[smtp]\nhost = 'h'\nfrom = 'nobody'", "'nobody'"),
            ("[smtp]\nhost = 'h'\nfrom = 'a@b.c'\nuser = 'u'", "password_file"),
            ("[smtp]\nhost = 'h'\nfrom = 'a@b.c'\nuser = 'u'\npassword_file = '/nonexistent'", "/nonexistent"),
            (
                "[smtp]\nhost = 'h'\nfrom = 'a@b.c'\nuser = 'u'\npassword_file = '/dev/null'\ntls = 'none'",
                "in the clear",
            ),
        ] {
            let error = format!("{:#}", resolve(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
