//! A bundle is verified, and nothing of it can be changed.

use super::*;
use crate::merkle::{Tree, consistency_proof, inclusion_proof, leaf_hash};
use crate::note::SigningKey;
use crate::tile::{Edge, Tile, Tiles, hashes};
use std::collections::BTreeMap;

fn record(n: u64) -> String {
    format!(r#"{{"eventID":"id-{n}","eventName":"PutRule","eventTime":"2026-01-02T03:04:05Z","n":"\u00e4 é {n}"}}"#)
}

fn key() -> SigningKey {
    SigningKey::new("log", [1; 32]).unwrap()
}

/// A bundle of some of 1,000 events, and the trees after 300 and after all.
fn bundle() -> (Bundle, Tree, Tree) {
    let (mut edge, mut files, mut early) = (Edge::default(), BTreeMap::new(), None);
    for n in 0..1000 {
        if n == 300 {
            early = Some(edge.tree());
        }
        edge.push(leaf_hash(record(n).as_bytes()), &mut |tile, bytes| drop(files.insert(tile, bytes)));
    }
    files.extend(edge.partial_tiles());
    let mut tiles = Tiles::new(1000, |tile: &Tile| hashes(tile, &files[tile]));
    let events = [3, 4, 700].map(|index| ProvenEvent {
        index,
        record: record(index),
        proof: encode(&inclusion_proof(index, 1000, &mut tiles).unwrap()),
    });
    let consistency = Consistency { from: 300, proof: encode(&consistency_proof(300, 1000, &mut tiles).unwrap()) };
    let bundle = Bundle {
        format: FORMAT.into(),
        vkey: key().public().to_string(),
        checkpoint: key().checkpoint(&edge.tree()),
        events: events.to_vec(),
        consistency: Some(consistency),
    };
    (bundle, early.unwrap(), edge.tree())
}

fn trusted(early: &Tree) -> Trusted {
    Trusted { log: Some(key().public().clone()), earlier: vec![key().checkpoint(early)], ..Trusted::default() }
}

fn text(bundle: &Bundle) -> Vec<u8> {
    serde_json::to_vec(bundle).unwrap()
}

#[test]
fn a_bundle_says_what_it_proves_and_what_not() {
    let (bundle, early, _) = bundle();
    let report = verify(&text(&bundle), &trusted(&early));
    assert_eq!(report.wrong, Vec::<String>::new());
    assert_eq!(report.proved.len(), 5, "{report:?}");
    assert!(report.proved[1].contains("id-3 (PutRule at 2026-01-02T03:04:05Z) was accepted as event 4 of log"));
    assert!(report.proved[4].contains("1000 events begins with that of 300"));
    assert!(report.open[0].contains("695 others were accepted between"), "{report:?}");
    let report = verify(&text(&bundle), &Trusted::default());
    assert!(report.wrong.is_empty() && report.open[0].contains("no --vkey was given"), "{report:?}");
    assert!(report.open[1].contains("the checkpoint over 300 events was not given"), "{report:?}");
}

#[test]
fn another_key_another_past_and_other_text_are_refused() {
    let (bundle, early, _) = bundle();
    let wrong = |bundle: &Bundle, trusted: &Trusted| verify(&text(bundle), trusted).wrong.join("; ");
    let other = SigningKey::new("log", [2; 32]).unwrap();
    let mut trusted = trusted(&early);
    trusted.log = Some(other.public().clone());
    assert!(wrong(&bundle, &trusted).contains("not the trusted one"));
    let forked = Trusted { earlier: vec![key().checkpoint(&Tree { size: 300, root: [5; 32] })], ..Trusted::default() };
    assert!(wrong(&bundle, &forked).contains("does not begin with that of 300"));
    let larger = Trusted { earlier: vec![key().checkpoint(&Tree { size: 2000, root: [5; 32] })], ..Trusted::default() };
    assert!(wrong(&Bundle { consistency: None, ..bundle.clone() }, &larger).is_empty());
    for bad in ["", "[]", "{}", &"[".repeat(100_000)] {
        assert_eq!(verify(bad.as_bytes(), &Trusted::default()).wrong.len(), 1);
    }
    let long = vec![encode(&[[0; 32]])[0].clone(); PROOF_HASHES_MAX + 1];
    assert!(decode(&long).is_err());
    assert!(decode(&["AA==".to_owned()]).is_err());
}
