//! Ids of entities and access keys: four letters that say what it is, and sixteen characters of base 32.
//!
//! The first half of an access key's id is its account, so that the account is known without a look into anything, as AWS's
//! GetAccessKeyInfo knows it.

/// Digits of base 32.
const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters after the prefix.
const CHARS: usize = 16;
/// Access keys that do not expire.
pub const LONG_TERM: &str = "AKIA";
/// Access keys of sessions.
pub const TEMPORARY: &str = "ASIA";
/// Greatest account id.
const ACCOUNT_MAX: u64 = 999_999_999_999;

/// `prefix` and eighty random bits.
pub fn entity_id(prefix: &str, random: [u8; 10]) -> String {
    let bits = random.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    format!("{prefix}{}", digits(bits))
}

/// `prefix`, the account and forty random bits.
pub fn access_key_id(prefix: &str, account: &str, random: [u8; 5]) -> String {
    let account = account.parse::<u64>().unwrap_or_default();
    let bits = random.iter().fold(u128::from(account), |bits, byte| bits << 8 | u128::from(*byte));
    format!("{prefix}{}", digits(bits))
}

/// The account of an access key that was made here; `None` when it is no such key.
pub fn account_of(access_key_id: &str) -> Option<String> {
    let rest = access_key_id.strip_prefix(LONG_TERM).or_else(|| access_key_id.strip_prefix(TEMPORARY))?;
    if rest.len() != CHARS {
        return None;
    }
    let mut account = 0u64;
    for byte in rest.bytes().take(CHARS / 2) {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        account = account << 5 | digit as u64;
    }
    (account <= ACCOUNT_MAX).then(|| format!("{account:012}"))
}

/// The low eighty bits, most significant digit first.
fn digits(bits: u128) -> String {
    (0..CHARS).rev().map(|place| char::from(DIGITS[(bits >> (5 * place)) as usize & 31])).collect()
}

/// A secret of forty characters, from as many random bytes and more: 62 characters are evenly likely.
pub fn secret(random: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let fair = random.iter().filter(|byte| **byte < 248).take(40);
    fair.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_its_account() {
        for account in ["000000000000", "123456789012", "999999999999"] {
            let key = access_key_id(LONG_TERM, account, [1, 2, 3, 4, 255]);
            assert_eq!(key.len(), 20);
            assert_eq!(account_of(&key).as_deref(), Some(account));
        }
        assert_eq!(account_of("AKIA7777777777777777"), None, "no account is that great");
        assert_eq!(account_of("AKIAé777777777777777"), None);
        assert_eq!(account_of("AIDAAAAAAAAAAAAAAAAA"), None);
        assert_eq!(entity_id("AIDA", [255; 10]), "AIDA7777777777777777");
    }

    #[test]
    fn secrets_are_forty_letters_and_digits() {
        let secret = secret(&(0..=255).collect::<Vec<u8>>());
        assert_eq!(secret.len(), 40);
        assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
