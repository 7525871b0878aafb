//! `[syslog]`: where syslog is listened for, as the file spells it.

use super::address;
use anyhow::bail;
use serde::Deserialize;
use std::net::SocketAddr;

/// `[syslog]`. Nothing is listened for without an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogSection {
    /// Address for datagrams.
    pub udp: Option<String>,
    /// Address for connections.
    pub tcp: Option<String>,
    /// The log group of the messages.
    pub log_group: Option<String>,
}

/// Where syslog is listened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// Address for datagrams.
    pub udp: Option<SocketAddr>,
    /// Address for connections.
    pub tcp: Option<SocketAddr>,
    /// The log group of the messages; their streams are the hosts.
    pub log_group: String,
}

impl SyslogSection {
    /// Checks the whole.
    pub fn resolve(self) -> anyhow::Result<Syslog> {
        let log_group = self.log_group.unwrap_or_else(|| "/syslog".into());
        let is_name = (1..=512).contains(&log_group.len())
            && log_group.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte));
        if !is_name {
            bail!("[syslog] log_group must be a name of a log group, not '{log_group}'");
        }
        let udp = self.udp.map(|text| address("[syslog] udp", &text)).transpose()?;
        let tcp = self.tcp.map(|text| address("[syslog] tcp", &text)).transpose()?;
        Ok(Syslog { udp, tcp, log_group })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<Syslog> {
        toml::from_str::<SyslogSection>(text)?.resolve()
    }

    #[test]
    fn nothing_is_listened_for_unless_it_is_asked() {
        assert_eq!(resolve("").unwrap(), Syslog { udp: None, tcp: None, log_group: "/syslog".into() });
        let both = resolve("udp = '127.0.0.1:5514'\ntcp = '127.0.0.1:0'\nlog_group = 'hosts'").unwrap();
        assert_eq!((both.udp.unwrap().port(), both.tcp.unwrap().port(), both.log_group.as_str()), (5514, 0, "hosts"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (text, part) in
            [("udp = '514'", "udp"), ("tcp = ''", "tcp"), ("log_group = 'a b'", "'a b'"), ("tls = 1", "tls")]
        {
            let error = format!("{:#}", resolve(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
