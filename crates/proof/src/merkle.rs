//! RFC 6962's hash tree: roots, inclusion and consistency proofs, and how they are verified.
//!
//! Proofs are made as RFC 6962, 2.1.1 and 2.1.2 define them, from the roots of perfect subtrees, which whoever asks has at hand;
//! they are verified as RFC 9162, 2.1.3.2 and 2.1.4.2 say, in at most 64 steps.

use crate::Unproven;
use crate::many::hash_many;
use sha2::{Digest, Sha256};
use std::ops::Range;

#[cfg(test)]
mod tests;

/// A hash of the tree.
pub type Hash = [u8; 32];

/// Most hashes of a proof: two for each level of a tree of 2^64 leaves.
pub const PROOF_HASHES_MAX: usize = 128;

/// SHA-256 of `00` and the bytes of a record.
pub fn leaf_hash(record: &[u8]) -> Hash {
    hash(0, &[record])
}

/// SHA-256 of `01` and both children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash(1, &[left, right])
}

/// As `leaf_hash`, of many records, in their order, in about two thirds of the time.
pub fn leaf_hashes(records: &[&[u8]]) -> Vec<Hash> {
    hash_many(0, records)
}

/// The nodes above the first and second of `nodes`, the third and fourth, and so on; one without a partner is left out.
pub fn parents(nodes: &[Hash]) -> Vec<Hash> {
    let pairs: Vec<&[u8]> = nodes.as_flattened().chunks_exact(64).collect();
    hash_many(1, &pairs)
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// SHA-256 of a byte and these parts.
pub(crate) fn hash(prefix: u8, parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([prefix]);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// Gives the roots of perfect subtrees.
pub trait Subtrees {
    /// Why there is none.
    type Error;

    /// The root of the 2^`height` leaves from `index` * 2^`height` on; all of them are in the tree.
    fn root(&mut self, height: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root over these leaves. The first is a multiple of the largest power of two that is not above their number.
pub fn root<S: Subtrees>(leaves: Range<u64>, subtrees: &mut S) -> Result<Hash, S::Error> {
    // From right to left, for the right child of a node is the smaller one.
    let (mut above, mut rest, mut end) = (None, leaves.end - leaves.start, leaves.end);
    while rest > 0 {
        let height = rest.trailing_zeros();
        end -= 1 << height;
        let left = subtrees.root(height, end >> height)?;
        above = Some(above.map_or(left, |right| node_hash(&left, &right)));
        rest &= rest - 1;
    }
    Ok(above.unwrap_or_else(empty_root))
}

/// Where a range of more than one leaf is parted: the left part is the largest power of two below its length.
fn middle(leaves: &Range<u64>) -> u64 {
    leaves.start + (1 << (leaves.end - leaves.start - 1).ilog2())
}

/// The proof that leaf `index` is in the tree of `size` leaves, from the leaf up; `index` is below `size`.
pub fn inclusion_proof<S: Subtrees>(index: u64, size: u64, subtrees: &mut S) -> Result<Vec<Hash>, S::Error> {
    let (mut leaves, mut proof) = (0..size, Vec::new());
    while leaves.end - leaves.start > 1 {
        let middle = middle(&leaves);
        let (taken, left) = if index < middle {
            (leaves.start..middle, middle..leaves.end)
        } else {
            (middle..leaves.end, leaves.start..middle)
        };
        proof.push(root(left, subtrees)?);
        leaves = taken;
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `new` leaves begins with that of `old`; `old` is not above `new`. Nothing is to be proved of an
/// empty tree, or of one that did not grow.
pub fn consistency_proof<S: Subtrees>(old: u64, new: u64, subtrees: &mut S) -> Result<Vec<Hash>, S::Error> {
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut leaves, mut proof, mut known) = (0..new, Vec::new(), true);
    while leaves.end != old {
        let middle = middle(&leaves);
        if old <= middle {
            proof.push(root(middle..leaves.end, subtrees)?);
            leaves.end = middle;
        } else {
            proof.push(root(leaves.start..middle, subtrees)?);
            leaves.start = middle;
            known = false;
        }
    }
    if !known {
        proof.push(root(leaves, subtrees)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether a leaf is in the tree with this root.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], expected: &Hash) -> Result<(), Unproven> {
    if index >= size {
        return Err(Unproven(format!("leaf {index} cannot be in a tree of {size} leaves")));
    }
    let (mut at, mut last, mut root) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(Unproven::new("the inclusion proof is too long"));
        }
        root = match step(&mut at, &mut last) {
            Side::Left => node_hash(sibling, &root),
            Side::Right => node_hash(&root, sibling),
        };
    }
    if last != 0 {
        return Err(Unproven::new("the inclusion proof is too short"));
    }
    if root != *expected {
        return Err(Unproven(format!("leaf {index} with its proof has another root than the checkpoint")));
    }
    Ok(())
}

/// A tree as a checkpoint states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// How many leaves there are.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Whether the tree `new` begins with the tree `old`: nothing was changed or removed between.
pub fn verify_consistency(old: &Tree, new: &Tree, proof: &[Hash]) -> Result<(), Unproven> {
    if old.size > new.size {
        return Err(Unproven(format!("a tree of {} leaves cannot begin with one of {}", new.size, old.size)));
    }
    if old.size == 0 || old.size == new.size {
        let same = if old.size == 0 { old.root == empty_root() } else { old.root == new.root };
        return if same && proof.is_empty() {
            Ok(())
        } else {
            Err(Unproven(format!("there are two different trees of {} leaves", old.size)))
        };
    }
    let (mut at, mut last) = (old.size - 1, new.size - 1);
    let shared = at.trailing_ones();
    (at, last) = (at >> shared, last >> shared);
    // The root of an old tree that is perfect is not repeated in the proof.
    let (first, rest) = match proof.split_first() {
        _ if old.size.is_power_of_two() => (old.root, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(Unproven::new("the consistency proof is too short")),
    };
    let (mut old_root, mut new_root) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(Unproven::new("the consistency proof is too long"));
        }
        match step(&mut at, &mut last) {
            Side::Left => {
                old_root = node_hash(sibling, &old_root);
                new_root = node_hash(sibling, &new_root);
            }
            Side::Right => new_root = node_hash(&new_root, sibling),
        }
    }
    if last != 0 {
        return Err(Unproven::new("the consistency proof is too short"));
    }
    if old_root != old.root || new_root != new.root {
        return Err(Unproven(format!("the tree of {} leaves does not begin with that of {}", new.size, old.size)));
    }
    Ok(())
}

/// On which side of us the next hash of a proof stands.
enum Side {
    Left,
    Right,
}

/// One hash of a proof: moves up from the node `at` of a level whose last node is `last`.
fn step(at: &mut u64, last: &mut u64) -> Side {
    let side = if *at & 1 == 1 || at == last {
        // Nodes without a sibling move up as they are.
        while *at & 1 == 0 && *at != 0 {
            (*at, *last) = (*at >> 1, *last >> 1);
        }
        Side::Left
    } else {
        Side::Right
    };
    (*at, *last) = (*at >> 1, *last >> 1);
    side
}
