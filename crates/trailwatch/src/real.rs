//! The real clock and real randomness: the only place in the project that reads them.

use model::{Clock, Ids, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is a broken machine; 0 keeps the server answering.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Random version 4 UUIDs from the operating system.
#[derive(Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// A random number that nobody can guess.
pub fn random_u64() -> Result<u64, getrandom::Error> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// 32 random bytes that nobody can guess.
pub fn random_bytes() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// `length` random characters of `alphabet`, unbiased.
pub fn random_text(alphabet: &[u8], length: usize) -> Result<String, getrandom::Error> {
    let limit = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        for &byte in bytes.iter().filter(|&&b| usize::from(b) < limit) {
            if text.len() < length {
                text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_has_the_length_and_letters_asked_for() {
        let text = random_text(b"AB", 40).unwrap();
        assert_eq!(text.len(), 40);
        assert!(text.bytes().all(|b| b == b'A' || b == b'B'));
        assert_ne!(text, random_text(b"AB", 40).unwrap());
    }
}
