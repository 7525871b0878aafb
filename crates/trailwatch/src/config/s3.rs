//! `[s3]`: the keys for the S3 endpoint that buckets are behind, as the file spells them.

use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::PathBuf;
use wire::sigv4::Credentials;

/// `[s3]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Section {
    /// Id of the access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Option<String>,
    /// File that holds the secret, and nothing else.
    pub secret_access_key_file: Option<PathBuf>,
    /// Region of the signatures; absent, the server's own.
    pub region: Option<String>,
}

impl std::fmt::Debug for S3Section {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Section").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
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

impl S3Section {
    /// Reads the secret; `region` is the server's own.
    pub fn resolve(self, region: &str) -> anyhow::Result<S3> {
        let secret_access_key = match (self.secret_access_key, self.secret_access_key_file) {
            (Some(secret), None) => secret,
            (None, Some(file)) => {
                let read = std::fs::read_to_string(&file);
                read.with_context(|| format!("read [s3] secret_access_key_file {}", file.display()))?
                    .trim_end_matches(['\r', '\n'])
                    .to_owned()
            }
            _ => bail!("[s3] needs either secret_access_key or secret_access_key_file"),
        };
        let region = self.region.unwrap_or_else(|| region.to_owned());
        if !super::is_region(&region) {
            bail!("[s3] region must look like us-east-1, not '{region}'");
        }
        let is_key = (1..=128).contains(&self.access_key_id.len())
            && self.access_key_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        if !is_key {
            bail!("[s3] access_key_id must be the id of an access key, not '{}'", self.access_key_id);
        }
        let credentials = Credentials { access_key_id: self.access_key_id, secret_access_key, session_token: None };
        Ok(S3 { region, credentials })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<S3> {
        toml::from_str::<S3Section>(text)?.resolve("us-east-1")
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
        let section: S3Section = toml::from_str("access_key_id = 'K'\nsecret_access_key = 'hidden'").unwrap();
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
}
