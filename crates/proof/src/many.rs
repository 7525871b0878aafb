//! SHA-256 of many messages, several of them side by side.
//!
//! Each round of SHA-256 waits for the one before, so a single message leaves most of a processor idle. Whether several at once come out
//! right on this processor is tried before it is relied on, for a leaf that nobody else can hash again proves nothing. Verification hashes
//! one message after another, by the other implementation (docs/decisions/2026-11-27-hashes-side-by-side.md).

use crate::merkle::{Hash, hash};
use std::sync::LazyLock;

/// SHA-256 of `prefix` and a message, for each of the messages, in their order.
pub(crate) fn hash_many(prefix: u8, messages: &[&[u8]]) -> Vec<Hash> {
    let lanes = *LANES;
    if lanes > 1 && messages.len() > lanes / 2 {
        side_by_side(prefix, messages, lanes)
    } else {
        one_by_one(prefix, messages)
    }
}

/// How many messages this processor hashes at once: 1 where it has no instructions for more, and where they do not come out right.
static LANES: LazyLock<usize> = LazyLock::new(|| if is_right() { tape_sha256::lane_width() } else { 1 });

fn one_by_one(prefix: u8, messages: &[&[u8]]) -> Vec<Hash> {
    messages.iter().map(|message| hash(prefix, &[message])).collect()
}

fn side_by_side(prefix: u8, messages: &[&[u8]], lanes: usize) -> Vec<Hash> {
    // The longest first, so that those of one group are about as long as each other, and the shortest are left over.
    let mut order: Vec<(usize, usize)> = messages.iter().map(|message| message.len()).zip(0..).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let sorted: Vec<&[u8]> = order.iter().map(|(_, at)| messages[*at]).collect();
    let mut hashes = vec![Hash::default(); sorted.len()];
    for (group, hashes) in sorted.chunks(lanes).zip(hashes.chunks_mut(lanes)) {
        if is_worth_it(group, lanes) {
            tape_sha256::hash_many_prefixed(&[prefix], group, hashes);
        } else {
            hashes.copy_from_slice(&one_by_one(prefix, group));
        }
    }
    let mut in_order = vec![Hash::default(); hashes.len()];
    for ((_, at), hash) in order.into_iter().zip(hashes) {
        in_order[at] = hash;
    }
    in_order
}

/// Those side by side take as long as the longest, which is the first; and a block of all lanes takes as long as some ten blocks of sixteen
/// one after another.
fn is_worth_it(group: &[&[u8]], lanes: usize) -> bool {
    // With the prefix, and the nine bytes that SHA-256 adds at least.
    let blocks = |message: &&[u8]| (message.len() + 10).div_ceil(64);
    group.iter().map(blocks).sum::<usize>() * 3 > group.first().map_or(0, blocks) * lanes * 2
}

/// Whether messages of all lengths around the ends of blocks, alike or not, are hashed as the other implementation does it.
fn is_right() -> bool {
    let text: Vec<u8> = (0..=255).collect();
    let lengths: Vec<&[u8]> = (0..=text.len()).map(|length| &text[..length]).collect();
    let alike: Vec<&[u8]> = text.windows(64).collect();
    [lengths, alike].iter().all(|messages| at_once(1, messages) == one_by_one(1, messages))
}

/// All at once, in whatever groups they come to stand.
fn at_once(prefix: u8, messages: &[&[u8]]) -> Vec<Hash> {
    let mut hashes = vec![Hash::default(); messages.len()];
    tape_sha256::hash_many_prefixed(&[prefix], messages, &mut hashes);
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whichever way is taken, all come out alike.
    fn assert_alike(messages: &[&[u8]], what: &str) {
        for prefix in [0, 1] {
            let expected = one_by_one(prefix, messages);
            assert_eq!(hash_many(prefix, messages), expected, "{what}");
            assert_eq!(at_once(prefix, messages), expected, "{what}, in one call");
            for lanes in [2, 4, 8, 16, 32] {
                assert_eq!(side_by_side(prefix, messages, lanes), expected, "{what}, in groups of {lanes}");
            }
        }
    }

    #[test]
    fn all_lengths_around_the_ends_of_blocks_are_hashed_as_each_alone_is() {
        assert!(is_right(), "on this processor");
        let text: Vec<u8> = (0..2000_u32).map(|n| (n * n % 251) as u8).collect();
        let all: Vec<&[u8]> = (0..=300).map(|length| &text[length..length * 2]).collect();
        assert_alike(&all, "lengths of 0 to 300");
        for length in [0, 1, 53, 54, 55, 56, 62, 63, 64, 65, 118, 119, 120, 127, 128, 129, 191, 192, 193, 300] {
            // Each width of a processor, one more and one less.
            for count in [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65] {
                let alike: Vec<&[u8]> = (0..count).map(|n| &text[n..n + length]).collect();
                assert_alike(&alike, &format!("{count} messages of {length} bytes"));
            }
        }
    }

    #[test]
    fn batches_of_unequal_messages_are_hashed_as_each_alone_is() {
        let mut seed = 6_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        let text: Vec<u8> = (0..20_000).map(|_| random(256) as u8).collect();
        for round in 0..100 {
            let longest = [1, 70, 300, 3000, 10_000][round % 5];
            let messages: Vec<&[u8]> = (0..random(100))
                .map(|_| {
                    let (from, length) = (random(10_000), random(longest));
                    &text[from..from + length]
                })
                .collect();
            assert_alike(&messages, &format!("round {round}"));
        }
    }
}
