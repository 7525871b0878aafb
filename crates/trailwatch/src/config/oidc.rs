//! `[oidc]`: the provider that people sign in to the console through, as the file spells it.

use super::is_account_id;
use anyhow::{Context, bail};
use model::arn::Arn;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Most `[[oidc.role]]`.
const ROLES_MAX: usize = 100;
/// Longest name of the provider, characters.
const NAME_CHARS_MAX: usize = 40;

/// `[oidc]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSection {
    /// Who vouches: an `https://` URL, as its tokens say it.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    /// File that holds the client's secret, and nothing else; without it the client is a public one.
    pub client_secret_file: Option<PathBuf>,
    /// File of certificates (PEM) that the provider's may be signed with; without it those of Mozilla's list.
    pub ca_file: Option<PathBuf>,
    /// What the console's button calls the provider; absent, its host.
    pub name: Option<String>,
    /// What is asked for besides `openid`.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// Which role whom gets; the first that fits.
    #[serde(default)]
    pub role: Vec<RoleRule>,
}

/// `[[oidc.role]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// A claim of the ID token, such as `groups`; a claim within another is `outer.inner`.
    pub claim: String,
    /// What it must be, or have among its values.
    pub value: String,
    /// ARN of the role.
    pub role: String,
}

/// The provider.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// See [`OidcSection::issuer`].
    pub issuer: String,
    /// See [`OidcSection::client_id`].
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Option<String>,
    /// Certificates, DER.
    pub certificates: Option<Arc<[Vec<u8>]>>,
    /// See [`OidcSection::name`].
    pub name: String,
    /// Words that are asked for, `openid` among them.
    pub scope: String,
    /// See [`OidcSection::role`].
    pub roles: Vec<RoleRule>,
}

impl std::fmt::Debug for OidcSettings {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcSettings").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

fn scopes() -> Vec<String> {
    vec!["email".into(), "profile".into()]
}

impl OidcSection {
    /// Reads the files.
    pub fn resolve(self) -> anyhow::Result<OidcSettings> {
        let issuer = self.issuer;
        let uri: http::Uri = issuer.parse().with_context(|| format!("[oidc] issuer must be a URL, not '{issuer}'"))?;
        let host = uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let is_plain = uri.scheme_str() == Some("http") && crate::browsers::is_local(&host);
        if host.is_empty() || host.contains('@') || !(uri.scheme_str() == Some("https") || is_plain) {
            bail!("[oidc] issuer must be an https:// URL (http:// for one of this machine), not '{issuer}'");
        }
        if uri.query().is_some() || issuer.contains('#') {
            bail!("[oidc] issuer must have neither query nor fragment");
        }
        let is_word = |text: &str| (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_word(&self.client_id) {
            bail!("[oidc] client_id must be 1 to 256 visible ASCII characters");
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_word(scope)) {
            bail!("[oidc] scopes must be words, not '{scope}'");
        }
        if self.role.is_empty() || self.role.len() > ROLES_MAX {
            bail!("[oidc] needs 1 to {ROLES_MAX} [[oidc.role]]: without one nobody can sign in");
        }
        for RoleRule { claim, role, .. } in &self.role {
            let is_role = Arn::parse(role).is_some_and(|arn| {
                arn.service == "iam" && is_account_id(arn.account) && arn.resource.starts_with("role/")
            });
            if !is_role {
                bail!("[[oidc.role]] role must be the ARN of a role, not '{role}'");
            }
            if claim.is_empty() {
                bail!("[[oidc.role]] claim must be the name of a claim");
            }
        }
        let client_secret = self.client_secret_file.map(|file| {
            let read = std::fs::read_to_string(&file);
            let read = read.with_context(|| format!("read [oidc] client_secret_file {}", file.display()))?;
            let secret = read.trim_end_matches(['\r', '\n']).to_owned();
            if secret.is_empty() { bail!("[oidc] client_secret_file {} is empty", file.display()) } else { Ok(secret) }
        });
        let certificates = self.ca_file.map(|file| {
            let pem = std::fs::read(&file).with_context(|| format!("read [oidc] ca_file {}", file.display()))?;
            let items = ureq::tls::parse_pem(&pem).collect::<Result<Vec<_>, _>>();
            let items = items.with_context(|| format!("read [oidc] ca_file {}", file.display()))?;
            let certificate = |item| match item {
                ureq::tls::PemItem::Certificate(certificate) => Some(certificate.der().to_vec()),
                _ => None,
            };
            let found: Arc<[Vec<u8>]> = items.into_iter().filter_map(certificate).collect();
            if found.is_empty() { bail!("[oidc] ca_file {} holds no certificate", file.display()) } else { Ok(found) }
        });
        let name: String = self.name.unwrap_or(host).chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        let mut scope = "openid".to_owned();
        for word in self.scopes.iter().filter(|word| *word != "openid") {
            scope.push(' ');
            scope.push_str(word);
        }
        Ok(OidcSettings {
            issuer,
            client_id: self.client_id,
            client_secret: client_secret.transpose()?,
            certificates: certificates.transpose()?,
            name,
            scope,
            roles: self.role,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "[[role]]\nclaim = 'groups'\nvalue = 'ops'\nrole = 'arn:aws:iam::123456789012:role/Operator'\n";

    fn resolve(text: &str) -> anyhow::Result<OidcSettings> {
        toml::from_str::<OidcSection>(text).unwrap().resolve()
    }

    #[test]
    fn a_provider_is_read_with_its_roles_and_shows_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "hidden\n").unwrap();
        let head = "issuer = 'https://login.example.com:8443/realms/ops'\nclient_id = 'trailwatch'\n";
        let more = format!("client_secret_file = '{}'\nscopes = ['openid', 'groups']\n", file.display());
        let settings = resolve(&format!("{head}{more}{ROLE}")).unwrap();
        assert_eq!((settings.name.as_str(), settings.scope.as_str()), ("login.example.com:8443", "openid groups"));
        assert_eq!(settings.client_secret.as_deref(), Some("hidden"));
        assert_eq!(settings.roles[0].role, "arn:aws:iam::123456789012:role/Operator");
        assert!(!format!("{settings:?}").contains("hidden"));
        assert_eq!(resolve(&format!("{head}{ROLE}")).unwrap().scope, "openid email profile");
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let with = |issuer: &str, more: &str| {
            resolve(&format!("issuer = '{issuer}'\nclient_id = 'c'\n{more}")).unwrap_err().to_string()
        };
        for issuer in ["", "login.example.com", "http://login.example.com", "ftp://localhost", "https://u@h"] {
            assert!(with(issuer, ROLE).contains("[oidc] issuer"), "{issuer}");
        }
        assert!(with("https://h/?a=b", ROLE).contains("neither query"));
        assert!(with("https://h", "").contains("without one nobody"));
        assert!(with("https://h", &ROLE.replace("role/Operator", "user/jane")).contains("ARN of a role"));
        assert!(with("https://h", &format!("scopes = ['a b']\n{ROLE}")).contains("'a b'"));
        assert!(with("https://h", &format!("client_secret_file = '/nowhere'\n{ROLE}")).contains("/nowhere"));
        assert!(resolve(&format!("issuer = 'http://127.0.0.1:9000'\nclient_id = 'c'\n{ROLE}")).is_ok());
    }
}
