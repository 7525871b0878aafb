//! The published vectors, and every proof of every tree up to 64 leaves.

use super::*;
use crate::note::hex;
use std::convert::Infallible;

/// All leaves at hand.
struct Leaves(Vec<Hash>);

impl Subtrees for Leaves {
    type Error = Infallible;

    fn root(&mut self, height: u32, index: u64) -> Result<Hash, Infallible> {
        let leaves = &self.0[(index << height) as usize..((index + 1) << height) as usize];
        Ok(naive_root(leaves))
    }
}

/// RFC 6962, 2.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let left = 1 << (leaves.len() - 1).ilog2();
            node_hash(&naive_root(&leaves[..left]), &naive_root(&leaves[left..]))
        }
    }
}

/// The eight leaves of the tests of Certificate Transparency's reference implementation.
fn published() -> Leaves {
    let leaves: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    Leaves(leaves.iter().map(|leaf| leaf_hash(leaf)).collect())
}

fn hexes(proof: Vec<Hash>) -> Vec<String> {
    proof.iter().map(|hash| hex(hash)).collect()
}

const A: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const B: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const C: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const D: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const E: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const F: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const G: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const H: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const I: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";

#[test]
fn the_published_proofs_come_out() {
    let mut leaves = published();
    let roots = ["5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"];
    assert_eq!(hex(&root(0..8, &mut leaves).unwrap()), roots[0]);
    let inclusion: [(u64, u64, &[&str]); 5] =
        [(0, 1, &[]), (0, 8, &[A, B, C]), (5, 8, &[D, E, F]), (2, 3, &[H]), (1, 5, &[I, B, D])];
    for (index, size, proof) in inclusion {
        assert_eq!(hexes(inclusion_proof(index, size, &mut leaves).unwrap()), proof, "{index} of {size}");
    }
    let consistency: [(u64, u64, &[&str]); 4] = [(1, 1, &[]), (1, 8, &[A, B, C]), (6, 8, &[G, E, F]), (2, 5, &[B, D])];
    for (old, new, proof) in consistency {
        assert_eq!(hexes(consistency_proof(old, new, &mut leaves).unwrap()), proof, "{old} to {new}");
    }
}

#[test]
fn every_proof_of_every_tree_up_to_64_leaves_holds_for_its_own_leaf_and_tree_only() {
    let mut leaves = Leaves((0..64_u8).map(|n| leaf_hash(&[n])).collect());
    let roots: Vec<Hash> = (0..=64).map(|size| naive_root(&leaves.0[..size])).collect();
    for size in 1..=64_u64 {
        let tree = roots[size as usize];
        assert_eq!(root(0..size, &mut leaves).unwrap(), tree);
        for index in 0..size {
            let proof = inclusion_proof(index, size, &mut leaves).unwrap();
            let leaf = leaves.0[index as usize];
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &tree), Ok(()));
            for other in (0..=size).filter(|other| *other != index) {
                assert!(verify_inclusion(&leaf, other, size, &proof, &tree).is_err(), "{index} as {other} of {size}");
            }
            assert_breaks(&proof, |proof| verify_inclusion(&leaf, index, size, proof, &tree));
        }
        for old in 0..=size {
            let proof = consistency_proof(old, size, &mut leaves).unwrap();
            let (before, after) = (Tree { size: old, root: roots[old as usize] }, Tree { size, root: tree });
            assert_eq!(verify_consistency(&before, &after, &proof), Ok(()), "{old} to {size}");
            let other = Tree { root: leaf_hash(b"x"), ..before };
            assert!(verify_consistency(&other, &after, &proof).is_err(), "{old} to {size}");
            let other = Tree { root: leaf_hash(b"x"), ..after };
            assert!(old == 0 || verify_consistency(&before, &other, &proof).is_err(), "{old} to {size}");
            assert_breaks(&proof, |proof| verify_consistency(&before, &after, proof));
        }
    }
    let (large, small) = (Tree { size: 2, root: roots[2] }, Tree { size: 1, root: roots[1] });
    assert!(verify_consistency(&large, &small, &[]).is_err());
}

/// A proof that is changed, longer or shorter proves nothing.
fn assert_breaks(proof: &[Hash], verify: impl Fn(&[Hash]) -> Result<(), Unproven>) {
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[at][at % 32] ^= 1;
        assert!(verify(&changed).is_err());
        changed.remove(at);
        assert!(verify(&changed).is_err());
    }
    assert!(verify(&[proof, &[[0; 32]]].concat()).is_err());
}

/// A tree of which only the paths to some leaves, and to where it once ended, are made of their children; every other subtree is a hash
/// of its place. No two subtrees are alike, so that no proof holds elsewhere.
struct Sparse {
    /// The leaves that are known: of their indexes.
    leaves: Vec<u64>,
    /// Sizes of the tree whose roots are needed: subtrees that end across one are made of their children.
    ends: Vec<u64>,
}

impl Subtrees for Sparse {
    type Error = Infallible;

    fn root(&mut self, height: u32, index: u64) -> Result<Hash, Infallible> {
        let (start, end) = (index << height, (index + 1) << height);
        let has = |leaf: &u64| (start..end).contains(leaf);
        let is_cut = |cut: &u64| start < *cut && *cut < end;
        if height == 0 && self.leaves.contains(&start) {
            return Ok(leaf_hash(&start.to_be_bytes()));
        }
        if height > 0 && (self.leaves.iter().any(has) || self.ends.iter().any(is_cut)) {
            return Ok(node_hash(&self.root(height - 1, 2 * index)?, &self.root(height - 1, 2 * index + 1)?));
        }
        Ok(leaf_hash(format!("{height}/{index}").as_bytes()))
    }
}

#[test]
fn proofs_in_a_tree_of_a_hundred_million_leaves_hold_and_take_less_than_two_kilobytes() {
    const SIZE: u64 = 100_000_000;
    let leaves = vec![0, 1, 33_333_333, 67_108_863, 67_108_864, SIZE - 1];
    // Ends after a perfect tree, before and after it, and where a proof is longest.
    let ends = vec![1, 12_345_678, 67_108_863, 67_108_864, 67_108_865, SIZE - 1];
    let mut tree = Sparse { leaves: leaves.clone(), ends: ends.clone() };
    let whole = Tree { size: SIZE, root: root(0..SIZE, &mut tree).unwrap() };
    let encoded = |proof: &[Hash]| serde_json::to_string(&crate::evidence::encode(proof)).unwrap().len();
    for &index in &leaves {
        let (leaf, proof) = (leaf_hash(&index.to_be_bytes()), inclusion_proof(index, SIZE, &mut tree).unwrap());
        assert!(encoded(&proof) < 2_000, "leaf {index}: {} hashes are {} bytes", proof.len(), encoded(&proof));
        assert_eq!(verify_inclusion(&leaf, index, SIZE, &proof, &whole.root), Ok(()));
        assert!(verify_inclusion(&leaf, (index + 1) % SIZE, SIZE, &proof, &whole.root).is_err());
        assert_breaks(&proof, |proof| verify_inclusion(&leaf, index, SIZE, proof, &whole.root));
    }
    for &size in &ends {
        let old = Tree { size, root: root(0..size, &mut tree).unwrap() };
        let proof = consistency_proof(size, SIZE, &mut tree).unwrap();
        assert!(encoded(&proof) < 2_000, "from {size}: {} hashes are {} bytes", proof.len(), encoded(&proof));
        assert_eq!(verify_consistency(&old, &whole, &proof), Ok(()));
        assert_breaks(&proof, |proof| verify_consistency(&old, &whole, proof));
    }
}

#[test]
fn many_leaves_and_nodes_are_hashed_as_each_alone() {
    let records: Vec<Vec<u8>> = (0..300_usize).map(|n| vec![n as u8; n * 37 % 1500]).collect();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let leaves = leaf_hashes(&records);
    assert_eq!(leaves, records.iter().map(|record| leaf_hash(record)).collect::<Vec<_>>());
    let above = |leaves: &[Hash]| leaves.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect::<Vec<_>>();
    for count in [0, 1, 2, 3, 255, 256, 300] {
        assert_eq!(parents(&leaves[..count]), above(&leaves[..count]));
    }
}
