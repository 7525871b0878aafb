//! Witnesses: others who cosign checkpoints, having seen that each tree grew out of the one that they cosigned before.
//!
//! The protocol is c2sp.org/tlog-witness: `POST …/add-checkpoint` with the size of the tree that the witness knows, the proof that the new
//! one begins with it, and the checkpoint; the answer is a cosignature (c2sp.org/tlog-cosignature), or HTTP 409 with the size that the
//! witness knows. Cosignatures come after the checkpoint is there and are added to it: a witness that is away holds nothing up.

use super::{ProofError, Proofs, ReadTile, Signed};
use crate::outgoing::client;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proof::folder::CHECKPOINT;
use proof::merkle::{Hash, consistency_proof};
use proof::note::{NOTE_BYTES_MAX, VerifierKey, with_cosignature};
use proof::tile::Tiles;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// One witness.
#[derive(Debug)]
pub(super) struct Witness {
    key: VerifierKey,
    /// Where it takes checkpoints.
    url: String,
    /// The size of the tree that it cosigned last, as far as we know.
    known: AtomicU64,
    /// It did not cosign the last time, which was said.
    is_failing: AtomicBool,
}

/// What a witness answered.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// Lines of signatures.
    Cosigned(String),
    /// It knows a tree of this size, and not of the one that it was told.
    Knows(u64),
}

impl Witness {
    /// The witness with this key at this address, below which is `add-checkpoint`.
    pub(super) fn new(key: VerifierKey, url: &str) -> Self {
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        Self { key, url, known: AtomicU64::new(0), is_failing: AtomicBool::new(false) }
    }
}

impl Proofs {
    /// Asks each witness that has not cosigned the last checkpoint yet.
    pub async fn cosign(&self) -> Result<(), ProofError> {
        for witness in &self.witnesses {
            let asked = self.ask(witness).await;
            match asked {
                Ok(()) => witness.is_failing.store(false, Ordering::Relaxed),
                // Said once, not each time.
                Err(Refused::Witness(why)) if !witness.is_failing.swap(true, Ordering::Relaxed) => {
                    tracing::warn!(witness = witness.key.name(), why, "ask for a cosignature");
                }
                Err(Refused::Witness(_)) => {}
                Err(Refused::Log(error)) => return Err(error),
            }
        }
        Ok(())
    }

    async fn ask(&self, witness: &Arc<Witness>) -> Result<(), Refused> {
        // Once more where it knows another tree than we thought.
        for _ in 0..2 {
            let old = witness.known.load(Ordering::Relaxed);
            let (signed, proof) = self.read(0, move |signed, tiles| growth(signed, old, tiles)).await?;
            // A witness that cosigned this very tree is asked again where its answer was lost: the proof is then empty.
            if signed.tree.size == 0 || is_cosigned(&signed.note, &witness.key) {
                return Ok(());
            }
            let Some(proof) = proof else {
                let text = format!("it cosigned a tree of {old} events, and ours has {}", signed.tree.size);
                return Err(Refused::Witness(text));
            };
            let (asked, body) = (Arc::clone(witness), body(old, &proof, &signed.note));
            let answer = tokio::task::spawn_blocking(move || post(&asked.url, body)).await.map_err(ProofError::Join)?;
            match answer.map_err(Refused::Witness)? {
                Answer::Knows(size) => witness.known.store(size, Ordering::Relaxed),
                Answer::Cosigned(lines) => {
                    with_cosignature(&signed.note, &lines, &witness.key).map_err(|error| Refused::Witness(error.0))?;
                    witness.known.store(signed.tree.size, Ordering::Relaxed);
                    return Ok(self.add(&signed, &lines, &witness.key).await?);
                }
            }
        }
        Err(Refused::Witness("it knows now one tree, now another".into()))
    }

    /// Adds a cosignature to the checkpoint, if that is still the last.
    async fn add(&self, cosigned: &Signed, lines: &str, witness: &VerifierKey) -> Result<(), ProofError> {
        let mut held = self.log.lock().await;
        let Some(signed) = held.as_mut().and_then(|log| log.signed.as_mut()) else { return Ok(()) };
        if signed.tree != cosigned.tree || is_cosigned(&signed.note, witness) {
            return Ok(());
        }
        let note = with_cosignature(&signed.note, lines, witness)?;
        let (place, bytes) = (Arc::clone(&self.place), note.clone().into_bytes());
        tokio::task::spawn_blocking(move || place.write(CHECKPOINT, bytes)).await?.map_err(ProofError::Place)?;
        signed.note = note;
        Ok(())
    }
}

/// Why there is no cosignature.
enum Refused {
    /// The witness has none, or cannot be asked.
    Witness(String),
    /// The log cannot be read or written.
    Log(ProofError),
}

impl From<ProofError> for Refused {
    fn from(error: ProofError) -> Self {
        Refused::Log(error)
    }
}

/// The last checkpoint, and the proof that its tree begins with that of `old` events; none when it is smaller.
fn growth(signed: &Signed, old: u64, tiles: &mut ReadTile<'_>) -> Result<(Signed, Option<Vec<Hash>>), ProofError> {
    let size = signed.tree.size;
    let proof = (old <= size).then(|| consistency_proof(old, size, &mut Tiles::new(size, tiles))).transpose()?;
    Ok((signed.clone(), proof))
}

fn is_cosigned(note: &str, witness: &VerifierKey) -> bool {
    let signed = |line: &str| {
        let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
        Some(name == witness.name() && STANDARD.decode(signature).ok()?.starts_with(&witness.id()))
    };
    note.lines().filter_map(signed).any(|is_its| is_its)
}

/// What a witness is sent.
fn body(old: u64, proof: &[Hash], note: &str) -> String {
    let proof: String = proof.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect();
    format!("old {old}\n{proof}\n{note}")
}

fn post(url: &str, body: String) -> Result<Answer, String> {
    let answer = client(ANSWER_MAX).post(url).header("content-type", "text/plain; charset=utf-8").send(body.as_bytes());
    let mut answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(NOTE_BYTES_MAX as u64).read_to_string();
    read(status, &text.map_err(|error| error.to_string())?)
}

fn read(status: u16, text: &str) -> Result<Answer, String> {
    match status {
        200 => Ok(Answer::Cosigned(text.to_owned())),
        409 => match text.strip_suffix('\n').unwrap_or(text).parse() {
            Ok(size) => Ok(Answer::Knows(size)),
            Err(_) => Err("it answered HTTP 409 without the size of the tree that it knows".into()),
        },
        403 => Err("it does not know the key of this log (HTTP 403)".into()),
        404 => Err("it does not know this log (HTTP 404)".into()),
        422 => Err("it says that the tree did not grow out of the one that it cosigned (HTTP 422)".into()),
        status => Err(format!("it answered HTTP {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_and_answered_is_written_as_the_protocol_has_it() {
        let sent = body(20_852_163, &[[0; 32], [255; 32]], "log\n1\nroot\n\n— log sig\n");
        let hashes = format!("{}\n{}\n", STANDARD.encode([0; 32]), STANDARD.encode([255; 32]));
        assert_eq!(sent, format!("old 20852163\n{hashes}\nlog\n1\nroot\n\n— log sig\n"));
        assert_eq!(body(0, &[], "note\n"), "old 0\n\nnote\n");
        assert_eq!(read(409, "17\n"), Ok(Answer::Knows(17)));
        assert!(read(409, "no").is_err());
        assert_eq!(read(200, "— w s\n"), Ok(Answer::Cosigned("— w s\n".into())));
        assert!(read(422, "").unwrap_err().contains("did not grow"));
    }
}
