//! `[backup]`: the copies that a server makes of its data directory, to go back to a moment.

use super::interval::Interval;
use anyhow::bail;
use serde::Deserialize;
use std::path::PathBuf;

/// Most copies that are kept: each is a name for every file, and ext4 gives a file 65,000 names.
const COPIES_MAX: i64 = 50_000;

/// `[backup]`, as the file spells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupSection {
    to: PathBuf,
    every: Option<Interval>,
    keep: Option<Interval>,
}

/// The copies that a server makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// The folder that has them, and nothing else.
    pub to: PathBuf,
    /// How often one is made.
    pub every: Interval,
    /// How far back one can go.
    pub keep: Interval,
}

impl BackupSettings {
    /// How long segments in a bucket stay after they were replaced, milliseconds: the oldest copy is a little older than what is kept.
    pub fn keep_replaced_ms(&self) -> i64 {
        self.keep.millis().saturating_add(2 * self.every.millis())
    }
}

impl BackupSection {
    /// Checks and completes it.
    pub fn resolve(self) -> anyhow::Result<BackupSettings> {
        let Self { to, every, keep } = self;
        let every = every.unwrap_or(Interval::secs(5 * 60));
        let keep = keep.unwrap_or(Interval::secs(7 * 24 * 60 * 60));
        if keep < every {
            bail!("[backup] keep must not be shorter than every");
        }
        if keep.millis() / every.millis() > COPIES_MAX {
            bail!("[backup] keep must be at most {COPIES_MAX} times every");
        }
        Ok(BackupSettings { to, every, keep })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Settings};

    fn resolved(text: &str) -> anyhow::Result<Config> {
        Config::resolve(Settings::default(), crate::config::parse(text)?)
    }

    #[test]
    fn copies_are_made_every_five_minutes_and_kept_for_a_week() {
        let backup = resolved("[backup]\nto = \"/copies\"").unwrap().backup.unwrap();
        assert_eq!((backup.every.millis(), backup.keep.millis()), (300_000, 604_800_000));
        for (text, part) in [
            ("[backup]\nto = \"/copies\"\nevery = \"1h\"\nkeep = \"30m\"", "shorter"),
            ("[backup]\nto = \"/copies\"\nevery = \"1s\"", "50000 times"),
            ("data_dir = \"/data\"\n[backup]\nto = \"/data/copies\"", "outside"),
            (
                "[backup]\nto = \"/copies\"\nkeep = \"30m\"\n[store]\nurl = \"s3://records\"\ndurability = \"local\"\naccess_key_id = \"a\"\nsecret_access_key = \"b\"",
                "an hour at least",
            ),
            ("[backup]\nevery = \"1h\"", "to"),
            ("[backup]\nto = \"/copies\"\noften = true", "often"),
        ] {
            let error = format!("{:#}", resolved(text).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
