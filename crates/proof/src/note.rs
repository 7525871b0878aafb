//! Signed notes (c2sp.org/signed-note), checkpoints (c2sp.org/tlog-checkpoint) and cosignatures (c2sp.org/tlog-cosignature).
//!
//! A checkpoint is a note of an origin, a size and a root, a line each. Keys are written `name+hash+base64`, as those of Go's
//! checksum database; a key is of a log (Ed25519, type 1) or of a witness (cosignature/v1, type 4).

use crate::Unproven;
use crate::merkle::{Hash, Tree};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt;

#[cfg(test)]
mod tests;

/// Longest note that is read, bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Most signatures that are read.
const SIGNATURES_MAX: usize = 64;
const LOG_KEY: u8 = 1;
const WITNESS_KEY: u8 = 4;
const PRIVATE: &str = "PRIVATE+KEY+";

/// A public key and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: u8,
    key: Vec<u8>,
}

impl VerifierKey {
    /// Reads a key; `None` for text that is none, or of a kind that is not known here.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = STANDARD.decode(key).ok()?;
        let (kind, key) = key.split_first()?;
        let parsed = Self { name: name.to_owned(), kind: *kind, key: key.to_vec() };
        let known = is_key_name(name) && matches!(*kind, LOG_KEY | WITNESS_KEY) && key.len() == 32;
        (known && hex(&parsed.id()) == id).then_some(parsed)
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True for the key of a witness, false for that of a log.
    pub fn is_witness(&self) -> bool {
        self.kind == WITNESS_KEY
    }

    /// What its signatures begin with.
    pub fn id(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', self.kind]);
        hasher.update(&self.key);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
        [a, b, c, d]
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<u8> = std::iter::once(self.kind).chain(self.key.iter().copied()).collect();
        write!(f, "{}+{}+{}", self.name, hex(&self.id()), STANDARD.encode(key))
    }
}

/// The private key of a log. `Debug` hides it.
pub struct SigningKey {
    public: VerifierKey,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The key of this seed; `name` has no space and no plus.
    pub fn new(name: &str, seed: [u8; 32]) -> Result<Self, Unproven> {
        if !is_key_name(name) {
            return Err(Unproven(format!("'{name}' is no name of a key")));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Unproven::new("this is no key"))?;
        let public = VerifierKey { name: name.to_owned(), kind: LOG_KEY, key: pair.public_key().as_ref().to_vec() };
        Ok(Self { public, seed, pair })
    }

    /// Reads what `to_text` wrote.
    pub fn parse(text: &str) -> Result<Self, Unproven> {
        let wrong = || Unproven::new("this is no private key of a log (PRIVATE+KEY+name+hash+base64)");
        let mut parts = text.trim().strip_prefix(PRIVATE).ok_or_else(wrong)?.splitn(3, '+');
        let (Some(name), Some(id), Some(seed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let seed = STANDARD.decode(seed).map_err(|_| wrong())?;
        let seed = match seed.split_first() {
            Some((&LOG_KEY, seed)) => seed.try_into().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        let key = Self::new(name, seed)?;
        if hex(&key.public.id()) == id { Ok(key) } else { Err(wrong()) }
    }

    /// As a file keeps it: secret.
    pub fn to_text(&self) -> String {
        let seed: Vec<u8> = std::iter::once(LOG_KEY).chain(self.seed).collect();
        format!("{PRIVATE}{}+{}+{}\n", self.public.name, hex(&self.public.id()), STANDARD.encode(seed))
    }

    /// Its public half.
    pub fn public(&self) -> &VerifierKey {
        &self.public
    }

    /// The checkpoint of a tree, signed.
    pub fn checkpoint(&self, tree: &Tree) -> String {
        let text = format!("{}\n{}\n{}\n", self.public.name, tree.size, STANDARD.encode(tree.root));
        let mut signature = self.public.id().to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n— {} {}\n", self.public.name, STANDARD.encode(signature))
    }
}

/// A checkpoint whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is of.
    pub origin: String,
    /// The tree that was signed.
    pub tree: Tree,
    /// Names of the witnesses that signed it too, and when: seconds since 1970.
    pub witnesses: Vec<(String, u64)>,
}

/// Verifies a checkpoint with the key of its log, and the cosignatures of those witnesses that are given. A signature of a
/// given key that is wrong is an error; those of other keys say nothing.
pub fn verify_checkpoint(note: &str, log: &VerifierKey, witnesses: &[VerifierKey]) -> Result<Checkpoint, Unproven> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(Unproven::new("the checkpoint is too long"));
    }
    let end = note.rfind("\n\n").ok_or_else(|| Unproven::new("the checkpoint has no signature"))?;
    let (text, signatures) = (&note[..=end], &note[end + 2..]);
    let mut checkpoint = read(text)?;
    if checkpoint.origin != log.name {
        return Err(Unproven(format!("the checkpoint is of {}, the key of {}", checkpoint.origin, log.name)));
    }
    let signatures = signature_lines(signatures)?;
    let mut is_signed = false;
    for (name, signature) in &signatures {
        let is_of = |key: &&VerifierKey| key.name == *name && signature.starts_with(&key.id());
        if is_of(&log) {
            if log.is_witness() || !log.verifies(text.as_bytes(), &signature[4..]) {
                return Err(Unproven(format!("the signature of {name} under the checkpoint is wrong")));
            }
            is_signed = true;
        }
        if let Some(witness) = witnesses.iter().find(is_of) {
            let time = cosigned(witness, text, &signature[4..]);
            let time = time.ok_or_else(|| Unproven(format!("the cosignature of {name} is wrong")))?;
            // Each counts once, however often it signed.
            if !checkpoint.witnesses.iter().any(|(known, _)| known == name) {
                checkpoint.witnesses.push((name.clone(), time));
            }
        }
    }
    if is_signed { Ok(checkpoint) } else { Err(Unproven(format!("{} did not sign the checkpoint", log.name))) }
}

/// The checkpoint with the cosignature of a witness added, which is among these lines, an answer of that witness.
///
/// # Errors
/// When it is not, or is wrong.
pub fn with_cosignature(note: &str, lines: &str, witness: &VerifierKey) -> Result<String, Unproven> {
    let end = note.rfind("\n\n").ok_or_else(|| Unproven::new("the checkpoint has no signature"))?;
    let lines = Some(lines).filter(|lines| lines.len() <= NOTE_BYTES_MAX && note.len() <= NOTE_BYTES_MAX);
    let lines = signature_lines(lines.ok_or_else(|| Unproven::new("the answer of the witness is too long"))?)?;
    let is_of = |(name, signature): &&(String, Vec<u8>)| *name == witness.name && signature.starts_with(&witness.id());
    let missing = || Unproven(format!("{} answered with no cosignature of its key", witness.name));
    let (name, signature) = lines.iter().find(is_of).ok_or_else(missing)?;
    if cosigned(witness, &note[..=end], &signature[4..]).is_none() {
        return Err(Unproven(format!("the cosignature of {name} is wrong")));
    }
    Ok(format!("{note}— {name} {}\n", STANDARD.encode(signature)))
}

/// When a witness signed, if it did.
fn cosigned(witness: &VerifierKey, text: &str, signature: &[u8]) -> Option<u64> {
    let (time, signature) = signature.split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time);
    let message = format!("cosignature/v1\ntime {time}\n{text}");
    (witness.is_witness() && witness.verifies(message.as_bytes(), signature)).then_some(time)
}

/// Origin, size and root; lines after them are for others.
fn read(text: &str) -> Result<Checkpoint, Unproven> {
    let wrong = || Unproven::new("the checkpoint is not one: it needs lines of origin, size and root");
    let mut lines = text.split('\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(wrong());
    };
    let plain =
        !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
    let size = size.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    let root: Hash = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or_else(wrong)?;
    if origin.is_empty() {
        return Err(wrong());
    }
    Ok(Checkpoint { origin: origin.to_owned(), tree: Tree { size, root }, witnesses: Vec::new() })
}

/// Names and bytes of the signatures.
fn signature_lines(text: &str) -> Result<Vec<(String, Vec<u8>)>, Unproven> {
    let wrong = || Unproven::new("the signatures under the checkpoint are not written as they must be");
    let lines = text.strip_suffix('\n').ok_or_else(wrong)?.split('\n');
    let line = |line: &str| {
        let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
        let signature = STANDARD.decode(signature).ok()?;
        (is_key_name(name) && signature.len() > 4).then(|| (name.to_owned(), signature))
    };
    let lines = lines.map(|text| line(text).ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
    if lines.len() > SIGNATURES_MAX { Err(Unproven::new("the checkpoint has too many signatures")) } else { Ok(lines) }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
