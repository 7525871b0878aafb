//! `[s3]` and `[signing]`: keys that requests to other services are signed with, as the file spells them.

use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::PathBuf;
use wire::sigv4::Credentials;

/// `[s3]` or `[signing]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSection {
    /// Id of the access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Option<String>,
    /// File that holds the secret, and nothing else.
    pub secret_access_key_file: Option<PathBuf>,
    /// Region of the signatures; absent, the server's own for `[s3]`, that of the receiver's ARN for `[signing]`.
    pub region: Option<String>,
}

impl std::fmt::Debug for KeysSection {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeysSection").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// How requests to the S3 endpoint are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// Region of the signatures.
    pub region: String,
    /// The keys.
    pub credentials: Credentials,
}

/// How requests to receivers of subscriptions are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// Region of the signatures; `None` for that of the receiver's ARN.
    pub region: Option<String>,
    /// The keys.
    pub credentials: Credentials,
}

impl KeysSection {
    /// As `[s3]`; `region` is the server's own.
    pub fn resolve_s3(self, region: &str) -> anyhow::Result<S3> {
        let Signing { region: own, credentials } = self.resolve("[s3]")?;
        Ok(S3 { region: own.unwrap_or_else(|| region.to_owned()), credentials })
    }

    /// Reads the secret; `section` is what the file calls it.
    pub fn resolve(self, section: &str) -> anyhow::Result<Signing> {
        let secret_access_key = match (self.secret_access_key, self.secret_access_key_file) {
            (Some(secret), None) => secret,
            (None, Some(file)) => {
                let read = std::fs::read_to_string(&file);
                read.with_context(|| format!("read {section} secret_access_key_file {}", file.display()))?
                    .trim_end_matches(['\r', '\n'])
                    .to_owned()
            }
            _ => bail!("{section} needs either secret_access_key or secret_access_key_file"),
        };
        if let Some(region) = self.region.as_deref().filter(|region| !super::is_region(region)) {
            bail!("{section} region must look like us-east-1, not '{region}'");
        }
        let is_key = (1..=128).contains(&self.access_key_id.len())
            && self.access_key_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        if !is_key {
            bail!("{section} access_key_id must be the id of an access key, not '{}'", self.access_key_id);
        }
        let credentials = Credentials { access_key_id: self.access_key_id, secret_access_key, session_token: None };
        Ok(Signing { region: self.region, credentials })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<S3> {
        toml::from_str::<KeysSection>(text)?.resolve_s3("us-east-1")
    }

    #[test]
    fn the_secret_is_in_the_file_or_beside_it_and_never_shown() {
        let direct = resolve("access_key_id = 'K'\nsecret_access_key = 'hidden'").unwrap();
        assert_eq!((direct.region.as_str(), direct.credentials.secret_access_key.as_str()), ("us-east-1", "hidden"));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "hidden\n").unwrap();
        let text = format!("access_key_id = 'K'\nregion = 'eu-west-1'\nsecret_access_key_file = '{}'", file.display());
        let beside = resolve(&text).unwrap();
        assert_eq!(beside.credentials, direct.credentials);
        assert_eq!(beside.region, "eu-west-1");
        let section: KeysSection = toml::from_str("access_key_id = 'K'\nsecret_access_key = 'hidden'").unwrap();
        assert!(!format!("{beside:?} {section:?}").contains("hidden"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (text, part) in [
            ("access_key_id = 'K'", "either"),
            ("access_key_id = 'K'\nsecret_access_key = 's'\nsecret_access_key_file = 'f'", "either"),
            ("access_key_id = 'K'\nsecret_access_key_file = '/nonexistent'", "/nonexistent"),
            ("access_key_id = ''\nsecret_access_key = 's'", "access_key_id"),
            ("access_key_id = 'K/L'\nsecret_access_key = 's'", "K/L"),
            ("access_key_id = 'K'\nsecret_access_key = 's'\nregion = 'Mars'", "'Mars'"),
            ("access_key_id = 'K'\nsecret_access_key = 's'\nbucket = 'b'", "bucket"),
        ] {
            let error = format!("{:#}", resolve(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn receivers_say_their_region_themselves() {
        let section: KeysSection = toml::from_str("access_key_id = 'K'\nsecret_access_key = 's'").unwrap();
        assert_eq!(section.clone().resolve("[signing]").unwrap().region, None);
        let wrong = KeysSection { secret_access_key: None, ..section };
        assert!(wrong.resolve("[signing]").unwrap_err().to_string().starts_with("[signing] needs either"));
    }
}
