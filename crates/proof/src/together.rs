//! Bundles and folders verified together: each for itself, and what each says of the log against what the others say.

use crate::evidence::{self, Bundle, Report, Trusted};
use crate::folder::{self, Files};
use crate::merkle::Hash;
use crate::printable;
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Longest finding, characters.
const FINDING_CHARS_MAX: usize = 1_000;

/// A verification at work: first all bundles are announced, then bundles and folders are verified, then it ends.
pub struct Verification {
    trusted: Trusted,
    digest_key: Option<Vec<u8>>,
    /// Public keys and checkpoints of bundles.
    announced: Vec<(String, String)>,
    report: Report,
}

impl Verification {
    /// Begins. `digest_key` is the DER of the key of CloudTrail's digests.
    pub fn new(trusted: Trusted, digest_key: Option<Vec<u8>>) -> Self {
        Self { trusted, digest_key, announced: Vec::new(), report: Report::default() }
    }

    /// Takes note of a bundle's checkpoint, so that the others are compared with it.
    pub fn announce(&mut self, bundle: &[u8]) {
        // What cannot be read is told when it is verified.
        self.announced.extend(Bundle::read(bundle).ok().map(|bundle| (bundle.vkey, bundle.checkpoint)));
    }

    /// Verifies a bundle.
    pub fn bundle(&mut self, bytes: &[u8]) {
        let vkey = Bundle::read(bytes).map(|bundle| bundle.vkey).unwrap_or_default();
        let of_its_log = self.announced.iter().filter(|(key, _)| *key == vkey).map(|(_, note)| note.clone());
        let trusted = Trusted { others: of_its_log.collect(), ..self.trusted.clone() };
        self.report.extend(evidence::verify(bytes, &trusted));
    }

    /// Verifies a folder: `paths` are its files.
    pub fn folder(&mut self, files: &dyn Files, paths: &[String]) {
        let mut trusted = self.trusted.clone();
        trusted.earlier.extend(self.announced.iter().map(|(_, note)| note.clone()));
        self.report.extend(folder::verify(files, paths, &trusted, self.digest_key.as_deref()));
    }

    /// What was found, forks first, as it may be printed. What was given and could not be used is wrong: whoever gave it expects that
    /// something was compared with it.
    pub fn end(mut self) -> Report {
        let mut wrong = forks(&self.report);
        let Trusted { log, witnesses, earlier, .. } = &self.trusted;
        if self.report.checkpoints.is_empty() && (log.is_some() || !witnesses.is_empty() || !earlier.is_empty()) {
            wrong.push(
                "a key of the log or of a witness, or a checkpoint, was given, but no checkpoint here was verified with it"
                    .into(),
            );
        }
        if self.digest_key.is_some() && self.report.signatures == 0 {
            wrong.push(
                "--digest-key was given, but no signature was verified: there is no digest here whose signature another repeats"
                    .into(),
            );
        }
        wrong.append(&mut self.report.wrong);
        self.report.wrong = wrong;
        for lines in [&mut self.report.proved, &mut self.report.open, &mut self.report.wrong] {
            lines.iter_mut().for_each(|line| *line = printable(line, FINDING_CHARS_MAX));
        }
        self.report
    }
}

/// Two trees of one size that one key has signed are the proof that the log shows different people different things.
fn forks(report: &Report) -> Vec<String> {
    let mut roots: BTreeMap<(&str, u64), &Hash> = BTreeMap::new();
    let mut forks = Vec::new();
    for (key, tree) in &report.checkpoints {
        let root = *roots.entry((key.as_str(), tree.size)).or_insert(&tree.root);
        if *root != tree.root {
            forks.push(format!("the log was forked: {key} signed two different trees of {} events", tree.size));
        }
    }
    forks.dedup();
    forks
}
