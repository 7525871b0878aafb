//! Forks that only several things together show, keys that nothing is verified with, and text that is no finding.

use super::*;
use crate::Unproven;
use crate::evidence::{Consistency, FORMAT, ProvenEvent, encode};
use crate::merkle::{Tree, consistency_proof, inclusion_proof, leaf_hash};
use crate::note::SigningKey;
use crate::tile::{Edge, Tile, Tiles, hashes};

fn key() -> SigningKey {
    SigningKey::new("log", [1; 32]).unwrap()
}

/// A bundle of the first event of a log of `size` events, which is `of` its own, consistent with `from`.
fn bundle(of: &str, size: u64, from: Option<u64>) -> Vec<u8> {
    let record = |n: u64| format!(r#"{{"eventID":"{of}-{n}"}}"#);
    let (mut edge, mut files) = (Edge::default(), BTreeMap::new());
    for n in 0..size {
        edge.push(leaf_hash(record(n).as_bytes()), &mut |tile, bytes| drop(files.insert(tile, bytes)));
    }
    files.extend(edge.partial_tiles());
    let mut tiles = Tiles::new(size, |tile: &Tile| hashes(tile, &files[tile]));
    let proof = encode(&inclusion_proof(0, size, &mut tiles).unwrap());
    let consistency =
        from.map(|from| Consistency { from, proof: encode(&consistency_proof(from, size, &mut tiles).unwrap()) });
    let bundle = Bundle {
        format: FORMAT.into(),
        vkey: key().public().to_string(),
        checkpoint: key().checkpoint(&edge.tree()),
        events: vec![ProvenEvent { index: 0, record: record(0), proof }],
        consistency,
    };
    serde_json::to_vec(&bundle).unwrap()
}

fn together(bundles: &[Vec<u8>], trusted: Trusted) -> Report {
    let mut verification = Verification::new(trusted, None);
    bundles.iter().for_each(|bundle| verification.announce(bundle));
    bundles.iter().for_each(|bundle| verification.bundle(bundle));
    verification.end()
}

#[test]
fn forks_are_seen_whatever_shows_them() {
    let whole =
        together(&[bundle("a", 40, Some(30)), bundle("a", 30, None), bundle("a", 30, None)], Trusted::default());
    assert_eq!(whole.wrong, Vec::<String>::new());
    assert!(whole.proved.iter().any(|line| line.contains("40 events begins with that of 30")), "{whole:?}");
    let of_one_size = together(&[bundle("a", 40, None), bundle("b", 40, None)], Trusted::default());
    assert!(of_one_size.wrong[0].contains("signed two different trees of 40 events"), "{of_one_size:?}");
    let later = together(&[bundle("a", 40, Some(30)), bundle("b", 30, None)], Trusted::default());
    assert!(later.wrong[0].contains("does not begin with that of 30"), "{later:?}");
    let earlier = [[1; 32], [2; 32]].map(|root| key().checkpoint(&Tree { size: 7, root })).to_vec();
    let given = together(&[bundle("a", 40, None)], Trusted { earlier, ..Trusted::default() });
    assert!(given.wrong[0].contains("signed two different trees of 7 events"), "{given:?}");
}

#[test]
fn what_was_given_and_never_used_is_wrong_and_so_is_a_folder_that_proves_nothing() {
    struct Empty;
    impl Files for Empty {
        fn read(&self, _: &str) -> Result<Option<Vec<u8>>, Unproven> {
            Ok(None)
        }
    }
    let wrong = |trusted: Trusted, digest_key: Option<Vec<u8>>| {
        let mut verification = Verification::new(trusted, digest_key);
        verification.folder(&Empty, &["notes.txt".to_owned()]);
        verification.end().wrong.join("; ")
    };
    assert!(wrong(Trusted::default(), None).contains("nothing was proved"));
    let log = Trusted { log: Some(key().public().clone()), ..Trusted::default() };
    assert!(wrong(log, None).contains("no checkpoint here was verified with it"));
    let earlier = vec![key().checkpoint(&Tree { size: 7, root: [1; 32] })];
    assert!(wrong(Trusted { earlier, ..Trusted::default() }, None).contains("no checkpoint here was verified with it"));
    assert!(wrong(Trusted::default(), Some(vec![1])).contains("no signature was verified"));
}

#[test]
fn a_record_cannot_write_findings() {
    let report = together(
        &[bundle("x\\u001b[1A\\u001b[2K\\nproved:     all is right\\n0 problems", 3, None)],
        Trusted::default(),
    );
    assert_eq!(report.wrong, Vec::<String>::new());
    assert!(report.proved.iter().any(|line| line.contains(r"x\u{1b}[1A")), "{report:?}");
    assert!(report.proved.iter().all(|line| !line.contains(char::is_control)), "{report:?}");
}
