//! Paths, growth, and proofs out of tiles.

use super::*;
use crate::merkle::{inclusion_proof, leaf_hash, root, verify_inclusion};
use std::collections::BTreeMap;

#[test]
fn paths_are_those_of_the_specification() {
    let paths = [
        (0, 1_234_067, 256, "tile/0/x001/x234/067"),
        (1, 5, 17, "tile/1/005.p/17"),
        (0, 1000, 256, "tile/0/x001/000"),
        (0, 0, 1, "tile/0/000.p/1"),
    ];
    for (level, number, width, path) in paths {
        let tile = Tile { level, number, width };
        assert_eq!(tile.path(), path);
        assert_eq!(Tile::parse(path), Some(tile));
    }
    for wrong in
        ["tile/0/67", "tile/8/067", "tile/0/067.p/256", "tile/0/067.p/0", "tile/0/x1/067", "tile/x/067", "checkpoint"]
    {
        assert_eq!(Tile::parse(wrong), None, "{wrong}");
    }
    assert_eq!(Tile::of(0, 1, 300), Some(Tile { level: 0, number: 1, width: 44 }));
    assert_eq!(Tile::of(1, 0, 300), Some(Tile { level: 1, number: 0, width: 1 }));
    assert_eq!((Tile::of(1, 1, 300), Tile::of(2, 0, 300), Tile::count(0, 300)), (None, None, 2));
    assert_eq!(Tile::of(7, u64::MAX, u64::MAX), None);
}

fn leaf(n: u64) -> Hash {
    leaf_hash(&n.to_be_bytes())
}

#[test]
fn a_tree_grows_in_tiles_goes_on_after_any_stop_and_gives_proofs() {
    let mut files: BTreeMap<Tile, Vec<u8>> = BTreeMap::new();
    let mut edge = Edge::default();
    let size = 66_000;
    for n in 0..size {
        if n % 5_003 == 0 {
            files.extend(edge.partial_tiles());
            let resumed = Edge::resume(n, |tile| hashes(tile, &files[tile])).unwrap();
            assert_eq!(resumed.tree(), edge.tree());
            edge = resumed;
        }
        edge.push(leaf(n), &mut |tile, bytes| drop(files.insert(tile, bytes)));
    }
    files.extend(edge.partial_tiles());
    assert_eq!(edge.size(), size);
    assert_eq!(files.keys().filter(|tile| tile.level == 2).count(), 1);
    let mut tiles = Tiles::new(size, |tile: &Tile| hashes(tile, &files[tile]));
    let tree = edge.tree();
    assert_eq!(root(0..size, &mut tiles).unwrap(), tree.root);
    for index in [0, 255, 256, 65_535, 65_536, size - 1] {
        let proof = inclusion_proof(index, size, &mut tiles).unwrap();
        assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &tree.root), Ok(()));
    }
}

#[test]
fn known_roots_of_tiles_make_the_same_tree() {
    let leaves: Vec<Hash> = (0..70_000).map(leaf).collect();
    let roots: Vec<Hash> = leaves.chunks_exact(256).map(perfect_root).collect();
    let (mut plain, mut told) = (Vec::new(), Vec::new());
    let (mut slow, mut quick) = (Edge::default(), Edge::default());
    leaves.iter().for_each(|leaf| slow.push(*leaf, &mut |tile, bytes| plain.push((tile, bytes))));
    // The first begin in the middle of a tile; of the last, nothing is known.
    quick.extend(&leaves[..100], &[], &mut |tile, bytes| told.push((tile, bytes)));
    quick.extend(&leaves[100..66_000], &roots[..66_000 / 256], &mut |tile, bytes| told.push((tile, bytes)));
    quick.extend(&leaves[66_000..], &[], &mut |tile, bytes| told.push((tile, bytes)));
    assert_eq!(plain, told);
    assert_eq!(slow.tree(), quick.tree());
    // They are taken as they are: whoever has them vouches for them.
    let mut wrong = Edge::default();
    wrong.extend(&leaves[..256], &[leaf(7)], &mut |_, _| {});
    assert_eq!(wrong.tree().root, leaf(7));
}
