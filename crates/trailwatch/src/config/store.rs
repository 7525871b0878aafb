//! `[store]`: where records are kept, when not in the data directory.

use super::keys::{KeysSection, S3, Signing};
use crate::buckets::is_bucket_name;
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::PathBuf;
use store::Durability;
use wire::sigv4::Credentials;

/// `[store]`, as the file spells it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// `s3://bucket` or `s3://bucket/prefix`; absent, the data directory.
    pub url: Option<String>,
    /// URL of the endpoint; absent, that of AWS for the region.
    pub endpoint: Option<String>,
    /// Region of the endpoint; absent, the server's own.
    pub region: Option<String>,
    /// Id of the access key; absent, the keys are in the environment, as AWS's clients read them.
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<String>,
    /// File that holds the secret, and nothing else.
    pub secret_access_key_file: Option<PathBuf>,
    /// PEM file with the authorities of the endpoint's certificate.
    pub ca_file: Option<PathBuf>,
    /// `local` or `object`.
    pub durability: Option<String>,
    /// See [`store::Options::abandon_journal`].
    pub abandon_journal: bool,
}

impl std::fmt::Debug for StoreSection {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSection")
            .field("url", &self.url)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

/// The bucket that records are kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// `s3://bucket/prefix`, without a slash at the end.
    pub url: String,
    /// The bucket.
    pub bucket: String,
    /// What keys begin with, without a slash at either end.
    pub prefix: String,
    /// URL of the endpoint.
    pub endpoint: String,
    /// How requests are signed.
    pub keys: S3,
    /// PEM file with the authorities of the endpoint's certificate.
    pub ca_file: Option<PathBuf>,
    /// Where a record is when it is acknowledged.
    pub durability: Durability,
    /// See [`store::Options::abandon_journal`].
    pub abandon_journal: bool,
}

impl StoreSection {
    /// Checks and completes it; `region` is the server's own, `environment` reads a variable.
    pub fn resolve(
        self,
        region: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<StoreSettings>> {
        let Some(url) = self.url.clone() else {
            if self != Self::default() {
                bail!("[store] needs url = \"s3://bucket/prefix\"");
            }
            return Ok(None);
        };
        let place =
            url.strip_prefix("s3://").with_context(|| format!("[store] url must begin with s3://, not '{url}'"))?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_end_matches('/');
        // As `object_store` spells paths, so that keys are what they look like.
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte))
        };
        if !is_bucket_name(bucket) || !(prefix.is_empty() || prefix.split('/').all(is_part)) {
            bail!(
                "[store] url must be s3://bucket/prefix, with letters, digits, '-', '_', '.' and '=' in the prefix, not '{url}'"
            );
        }
        let durability = match self.durability.as_deref() {
            Some("local") => Durability::Local,
            Some("object") => Durability::Object,
            other => bail!("[store] durability must be \"local\" or \"object\", not '{}'", other.unwrap_or("")),
        };
        let region = self.region.unwrap_or_else(|| region.to_owned());
        let keys = match self.access_key_id {
            Some(access_key_id) => {
                let (secret_access_key, secret_access_key_file) = (self.secret_access_key, self.secret_access_key_file);
                let region = Some(region.clone());
                let section = KeysSection { access_key_id, secret_access_key, secret_access_key_file, region };
                section.resolve("[store]")?
            }
            None if self.secret_access_key.is_some() || self.secret_access_key_file.is_some() => {
                bail!("[store] has a secret and needs its access_key_id")
            }
            None => {
                let needed = |name| {
                    environment(name)
                        .with_context(|| format!("[store] needs access_key_id, or {name} in the environment"))
                };
                let credentials = Credentials {
                    access_key_id: needed("AWS_ACCESS_KEY_ID")?,
                    secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
                    session_token: environment("AWS_SESSION_TOKEN"),
                };
                Signing { region: None, credentials }
            }
        };
        if !super::is_region(&region) {
            bail!("[store] region must look like us-east-1, not '{region}'");
        }
        let endpoint = self.endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            bail!("[store] endpoint must be an http:// or https:// URL, not '{endpoint}'");
        }
        Ok(Some(StoreSettings {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint,
            keys: S3 { region, credentials: keys.credentials },
            ca_file: self.ca_file,
            durability,
            abandon_journal: self.abandon_journal,
            url: format!("s3://{bucket}/{prefix}").trim_end_matches('/').to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<Option<StoreSettings>> {
        let environment = |name: &str| (!text.contains("nobody")).then(|| format!("{name}-value"));
        toml::from_str::<StoreSection>(text)?.resolve("eu-west-1", environment)
    }

    #[test]
    fn the_bucket_is_named_by_a_url_and_keys_come_from_the_file_or_the_environment() {
        assert_eq!(resolve("").unwrap(), None);
        let settings = resolve("url = 's3://records/a/b/'\ndurability = 'object'").unwrap().unwrap();
        assert_eq!((settings.bucket.as_str(), settings.prefix.as_str()), ("records", "a/b"));
        assert_eq!(settings.url, "s3://records/a/b");
        assert_eq!(settings.endpoint, "https://s3.eu-west-1.amazonaws.com");
        assert_eq!(settings.keys.credentials.access_key_id, "AWS_ACCESS_KEY_ID-value");
        assert_eq!(settings.durability, Durability::Object);
        let text = "url = 's3://records'\ndurability = 'local'\nendpoint = 'http://127.0.0.1:9000'\nregion = 'us-west-2'\n\
                    access_key_id = 'K'\nsecret_access_key = 'hidden'";
        let settings = resolve(text).unwrap().unwrap();
        assert_eq!((settings.prefix.as_str(), settings.keys.region.as_str()), ("", "us-west-2"));
        assert_eq!(settings.endpoint, "http://127.0.0.1:9000");
        assert!(!format!("{settings:?}").contains("hidden"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (text, part) in [
            ("durability = 'object'", "needs url"),
            ("url = 'http://records'", "s3://"),
            ("url = 's3://R'", "'s3://R'"),
            ("url = 's3://records/a//b'\ndurability = 'local'", "a//b"),
            ("url = 's3://records'", "durability"),
            ("url = 's3://records'\ndurability = 'both'", "'both'"),
            ("url = 's3://records'\ndurability = 'local'\nsecret_access_key = 's'", "access_key_id"),
            ("url = 's3://records'\ndurability = 'local'\naccess_key_id = 'K'", "either"),
            ("url = 's3://records'\ndurability = 'local'\nregion = 'Mars'", "'Mars'"),
            ("url = 's3://records'\ndurability = 'local'\nendpoint = 'x'", "'x'"),
            ("url = 's3://nobody'\ndurability = 'local'", "AWS_ACCESS_KEY_ID"),
        ] {
            let error = format!("{:#}", resolve(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
