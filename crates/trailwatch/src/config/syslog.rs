//! `[syslog]`: where syslog is listened for, as the file spells it.

use super::address;
use anyhow::bail;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// `[syslog]`. Nothing is listened for without an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogSection {
    /// Address for datagrams.
    pub udp: Option<String>,
    /// Address for connections.
    pub tcp: Option<String>,
    /// Address for connections over TLS.
    pub tls: Option<String>,
    /// The log group of the messages.
    pub log_group: Option<String>,
    /// Addresses that stand for VPC endpoints, by their ids.
    pub endpoints: BTreeMap<String, EndpointSection>,
}

/// `[syslog.endpoints.vpce-…]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointSection {
    /// Address for datagrams.
    pub udp: Option<String>,
    /// Address for connections.
    pub tcp: Option<String>,
    /// Address for connections over TLS.
    pub tls: Option<String>,
}

/// Addresses to listen on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// For datagrams.
    pub udp: Option<SocketAddr>,
    /// For connections.
    pub tcp: Option<SocketAddr>,
    /// For connections over TLS.
    pub tls: Option<SocketAddr>,
}

/// Where syslog is listened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// By the id of the VPC endpoint that they stand for; those without one under no name.
    pub endpoints: BTreeMap<String, Addresses>,
    /// The log group of messages that no syslog configuration sends elsewhere; their streams are the hosts.
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
        let mut endpoints = BTreeMap::new();
        let own = EndpointSection { udp: self.udp, tcp: self.tcp, tls: self.tls };
        endpoints.insert(String::new(), own.resolve("[syslog]")?);
        for (id, section) in self.endpoints {
            if !is_endpoint_id(&id) {
                bail!("[syslog.endpoints] names ids of VPC endpoints such as vpce-1a2b, not '{id}'");
            }
            endpoints.insert(id.clone(), section.resolve(&format!("[syslog.endpoints.{id}]"))?);
        }
        Ok(Syslog { endpoints, log_group })
    }
}

impl EndpointSection {
    /// `section` is what the file calls it.
    fn resolve(self, section: &str) -> anyhow::Result<Addresses> {
        let resolve = |name: &str, text: Option<String>| {
            text.map(|text| address(&format!("{section} {name}"), &text)).transpose()
        };
        Ok(Addresses { udp: resolve("udp", self.udp)?, tcp: resolve("tcp", self.tcp)?, tls: resolve("tls", self.tls)? })
    }
}

/// True for text that PutSyslogConfiguration takes as an id: `vpce-` and up to 64 hexadecimal digits.
fn is_endpoint_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("vpce-").is_some_and(|id| (1..=64).contains(&id.len()) && id.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<Syslog> {
        toml::from_str::<SyslogSection>(text)?.resolve()
    }

    #[test]
    fn nothing_is_listened_for_unless_it_is_asked() {
        let none = BTreeMap::from([(String::new(), Addresses::default())]);
        assert_eq!(resolve("").unwrap(), Syslog { endpoints: none, log_group: "/syslog".into() });
        let text = "udp = '127.0.0.1:5514'\ntcp = '127.0.0.1:0'\nlog_group = 'hosts'\n\
                    [endpoints.vpce-1a]\ntcp = '127.0.0.1:5515'\ntls = '127.0.0.1:6514'";
        let Syslog { endpoints, log_group } = resolve(text).unwrap();
        let port = |address: Option<SocketAddr>| address.map(|address| address.port());
        let ports: Vec<_> =
            endpoints.iter().map(|(id, at)| (id.as_str(), port(at.udp), port(at.tcp), port(at.tls))).collect();
        assert_eq!(ports, [("", Some(5514), Some(0), None), ("vpce-1a", None, Some(5515), Some(6514))]);
        assert_eq!(log_group, "hosts");
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (text, part) in [
            ("udp = '514'", "udp"),
            ("tcp = ''", "tcp"),
            ("log_group = 'a b'", "'a b'"),
            ("tls = 'x'", "[syslog] tls"),
            ("dtls = '127.0.0.1:1'", "dtls"),
            ("[endpoints.vpce-]", "'vpce-'"),
            ("[endpoints.vpce-1]\nudp = 'x'", "[syslog.endpoints.vpce-1] udp"),
        ] {
            let error = format!("{:#}", resolve(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
