//! Evidence bundles: records with what it takes to verify, away from the server, that they were accepted as they are.
//!
//! A bundle is JSON: `format`, the log's public key, a checkpoint, and for each event its exact record, its leaf and the hashes from the
//! leaf to the root, in base64. `consistency`, when asked for, holds the hashes that lead from an earlier checkpoint to this one.
//! Nothing is in it that verification does not use, so nothing in it can be changed unseen.

use crate::merkle::{Hash, PROOF_HASHES_MAX, Tree, leaf_hash, verify_consistency, verify_inclusion};
use crate::note::{Checkpoint, VerifierKey, verify_checkpoint};
use crate::{Unproven, printable};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// What `format` says.
pub const FORMAT: &str = "trailwatch-evidence/v1";
/// Most events of a bundle.
pub const EVENTS_MAX: usize = 1000;
/// Largest bundle that is read, bytes.
pub const BUNDLE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Most characters of a record's text that a finding repeats.
const NAME_CHARS_MAX: usize = 100;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`FORMAT`].
    pub format: String,
    /// Public key of the log.
    pub vkey: String,
    /// A signed note.
    pub checkpoint: String,
    /// The events, in order of their leaves.
    pub events: Vec<ProvenEvent>,
    /// That the tree of an earlier checkpoint is the beginning of this one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
}

/// A record and its place in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenEvent {
    /// Its leaf: its sequence less one.
    pub index: u64,
    /// Its exact text.
    pub record: String,
    /// From the leaf up.
    pub proof: Vec<String>,
}

/// A consistency proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// Size of the earlier tree.
    pub from: u64,
    /// The hashes.
    pub proof: Vec<String>,
}

/// Hashes as bundles write them.
pub fn encode(proof: &[Hash]) -> Vec<String> {
    proof.iter().map(|hash| STANDARD.encode(hash)).collect()
}

/// The hashes that `encode` wrote.
pub fn decode(proof: &[String]) -> Result<Vec<Hash>, Unproven> {
    let hash = |text: &String| STANDARD.decode(text).ok().and_then(|hash| Hash::try_from(hash).ok());
    let hashes: Option<Vec<Hash>> = proof.iter().take(PROOF_HASHES_MAX + 1).map(hash).collect();
    let hashes = hashes.filter(|hashes| hashes.len() <= PROOF_HASHES_MAX);
    hashes.ok_or_else(|| Unproven::new("a proof is not a list of hashes in base64"))
}

/// What verification found, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What is proved.
    pub proved: Vec<String>,
    /// What is not proved, though nothing is wrong.
    pub open: Vec<String>,
    /// What is wrong.
    pub wrong: Vec<String>,
    /// Trees of the checkpoints whose signature is right, with the public key that it is right with.
    pub checkpoints: Vec<(String, Tree)>,
    /// How many signatures of digests are right.
    pub signatures: usize,
}

impl Report {
    /// Adds another's findings.
    pub fn extend(&mut self, other: Report) {
        self.proved.extend(other.proved);
        self.open.extend(other.open);
        self.wrong.extend(other.wrong);
        self.checkpoints.extend(other.checkpoints);
        self.signatures += other.signatures;
    }
}

/// What the verifier knows from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    /// The key of the log; without it, a bundle's own word is taken, and said to be open.
    pub log: Option<VerifierKey>,
    /// Keys of witnesses whose cosignatures are verified where they are.
    pub witnesses: Vec<VerifierKey>,
    /// How many of them must have cosigned a checkpoint.
    pub quorum: usize,
    /// Checkpoints of the same log from other times: signed notes.
    pub earlier: Vec<String>,
    /// Checkpoints that came with other bundles of the same log: compared where that can be done, and not missed where it cannot.
    pub others: Vec<String>,
}

impl Trusted {
    /// The key of the log: the one that is trusted, which `stated` must then be, or else `stated`.
    pub fn key(&self, stated: &str, report: &mut Report) -> Result<VerifierKey, Unproven> {
        let stated = VerifierKey::parse(stated).filter(|key| !key.is_witness());
        let stated = stated.ok_or_else(|| Unproven::new("the public key of the log cannot be read"))?;
        match &self.log {
            Some(trusted) if *trusted != stated => {
                Err(Unproven(format!("the key is {stated}, not the trusted one, {trusted}")))
            }
            Some(_) => Ok(stated),
            None => {
                report.open.push(format!(
                    "whose the signature is: no --vkey was given, so the key that came along was used. Compare it with what the operator published: {stated}"
                ));
                Ok(stated)
            }
        }
    }

    /// Verifies a checkpoint and says so.
    pub fn checkpoint(&self, note: &str, key: &VerifierKey, report: &mut Report) -> Result<Checkpoint, Unproven> {
        let checkpoint = verify_checkpoint(note, key, &self.witnesses)?;
        let Checkpoint { origin, tree, witnesses } = &checkpoint;
        report.checkpoints.push((key.to_string(), *tree));
        report.proved.push(format!("{origin} signed a checkpoint over its first {} events", tree.size));
        for (name, time) in witnesses {
            report.proved.push(format!("witness {name} cosigned that checkpoint at {time} (seconds since 1970)"));
        }
        if witnesses.len() < self.quorum {
            let (found, wanted) = (witnesses.len(), self.quorum);
            let text = format!(
                "the checkpoint over {} events has {found} cosignatures of witnesses that were given, not {wanted}",
                tree.size
            );
            return Err(Unproven(text));
        }
        let missing = self.witnesses.iter().filter(|key| !witnesses.iter().any(|(name, _)| name == key.name()));
        report.open.extend(missing.map(|key| format!("witness {} did not cosign that checkpoint", key.name())));
        Ok(checkpoint)
    }
}

/// Verifies a bundle; what keeps it from being read at all is wrong, too.
pub fn verify(bundle: &[u8], trusted: &Trusted) -> Report {
    let mut report = Report::default();
    if let Err(error) = Bundle::read(bundle).and_then(|bundle| bundle.verify(trusted, &mut report)) {
        report.wrong.push(error.0);
    }
    report
}

impl Bundle {
    /// Reads a bundle and checks its form.
    pub fn read(bytes: &[u8]) -> Result<Self, Unproven> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(Unproven::new("the bundle is too large"));
        }
        let bundle: Self =
            serde_json::from_slice(bytes).map_err(|error| Unproven(format!("this is no evidence bundle: {error}")))?;
        if bundle.format != FORMAT {
            return Err(Unproven(format!("the format is {}, not {FORMAT}", bundle.format)));
        }
        if bundle.events.len() > EVENTS_MAX {
            return Err(Unproven(format!("the bundle has more than {EVENTS_MAX} events")));
        }
        Ok(bundle)
    }

    fn verify(&self, trusted: &Trusted, report: &mut Report) -> Result<(), Unproven> {
        let key = trusted.key(&self.vkey, report)?;
        let checkpoint = trusted.checkpoint(&self.checkpoint, &key, report)?;
        let mut last = None;
        for event in &self.events {
            if last.is_some_and(|last| last >= event.index) {
                return Err(Unproven::new("the events are not in the order of their leaves"));
            }
            last = Some(event.index);
            event.verify(&checkpoint)?;
            report.proved.push(format!(
                "{} was accepted as event {} of {}",
                event.named(),
                event.index + 1,
                checkpoint.origin
            ));
        }
        self.verify_earlier(trusted, &key, &checkpoint, report)?;
        report.open.push(completeness(&self.events));
        Ok(())
    }

    fn verify_earlier(
        &self,
        trusted: &Trusted,
        key: &VerifierKey,
        checkpoint: &Checkpoint,
        report: &mut Report,
    ) -> Result<(), Unproven> {
        let consistency =
            self.consistency.as_ref().map(|growth| Ok((growth.from, decode(&growth.proof)?))).transpose()?;
        let mut is_used = false;
        for note in &trusted.earlier {
            let earlier = verify_checkpoint(note, key, &trusted.witnesses)?.tree;
            report.checkpoints.push((key.to_string(), earlier));
            let proof = match &consistency {
                Some((from, proof)) if *from == earlier.size => proof.as_slice(),
                _ if earlier.size == 0 || earlier.size == checkpoint.tree.size => &[],
                _ => {
                    report.open.push(format!(
                        "that the log of {} events grew out of that of {}: the bundle has no consistency proof for it",
                        checkpoint.tree.size, earlier.size
                    ));
                    continue;
                }
            };
            is_used |= consistency.as_ref().is_some_and(|(from, _)| *from == earlier.size);
            verify_consistency(&earlier, &checkpoint.tree, proof)?;
            report.proved.push(grown(&checkpoint.tree, &earlier));
        }
        if let Some((from, proof)) = &consistency {
            // Where they are not signed as they should be, their own bundle says so.
            let others = trusted.others.iter().filter_map(|note| verify_checkpoint(note, key, &trusted.witnesses).ok());
            for Checkpoint { tree: earlier, .. } in others.filter(|other| other.tree.size == *from) {
                is_used = true;
                verify_consistency(&earlier, &checkpoint.tree, proof)?;
                report.proved.push(grown(&checkpoint.tree, &earlier));
            }
        }
        if let (Some((from, _)), false) = (&consistency, is_used) {
            report
                .open
                .push(format!("the consistency proof: the checkpoint over {from} events was not given (--checkpoint)"));
        }
        Ok(())
    }
}

impl ProvenEvent {
    fn verify(&self, checkpoint: &Checkpoint) -> Result<(), Unproven> {
        let (proof, leaf) = (decode(&self.proof)?, leaf_hash(self.record.as_bytes()));
        let verified = verify_inclusion(&leaf, self.index, checkpoint.tree.size, &proof, &checkpoint.tree.root);
        verified.map_err(|error| Unproven(format!("{}: {error}", self.named())))
    }

    /// What the record calls itself.
    fn named(&self) -> String {
        let record: serde_json::Value = serde_json::from_str(&self.record).unwrap_or_default();
        let member = |name: &str| printable(record[name].as_str().unwrap_or("-"), NAME_CHARS_MAX);
        format!("{} ({} at {})", member("eventID"), member("eventName"), member("eventTime"))
    }
}

fn grown(tree: &Tree, earlier: &Tree) -> String {
    format!("the log of {} events begins with that of {}: nothing was changed or removed", tree.size, earlier.size)
}

/// What a bundle says nothing of: the events between its own.
fn completeness(events: &[ProvenEvent]) -> String {
    let between = |pair: &[ProvenEvent]| pair[1].index - pair[0].index - 1;
    let gaps: u64 = events.windows(2).map(between).sum();
    let between = match gaps {
        0 if events.len() > 1 => "no event was accepted between these, but others may lie before and after".to_owned(),
        0 => "others may lie before and after".to_owned(),
        gaps => format!("{gaps} others were accepted between the first and the last of these"),
    };
    format!(
        "completeness: a bundle shows what was accepted, not that nothing else was ({between}), nor that callers were all recorded"
    )
}
