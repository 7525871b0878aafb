//! Keys as others write them, checkpoints and cosignatures.

use super::*;

fn key() -> SigningKey {
    SigningKey::new("example.com/log", [7; 32]).unwrap()
}

fn tree() -> Tree {
    Tree { size: 42, root: [9; 32] }
}

#[test]
fn the_key_of_gos_checksum_database_is_read() {
    let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    let key = VerifierKey::parse(text).unwrap();
    assert_eq!((key.name(), key.is_witness(), key.to_string()), ("sum.golang.org", false, text.to_owned()));
    assert_eq!(VerifierKey::parse("sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"), None);
    assert_eq!(VerifierKey::parse("a+b"), None);
}

#[test]
fn what_a_key_signs_is_verified_and_the_key_comes_back_from_its_file() {
    let key = key();
    let again = SigningKey::parse(&key.to_text()).unwrap();
    assert_eq!(again.public(), key.public());
    assert!(!format!("{key:?}").contains("7, 7"));
    assert!(SigningKey::parse(&key.to_text().replace("example", "sample")).is_err());
    let note = again.checkpoint(&tree());
    let verified = verify_checkpoint(&note, key.public(), &[]).unwrap();
    assert_eq!(verified, Checkpoint { origin: "example.com/log".into(), tree: tree(), witnesses: vec![] });
    let other = SigningKey::new("example.com/log", [8; 32]).unwrap();
    assert!(verify_checkpoint(&note, other.public(), &[]).is_err());
}

#[test]
fn no_byte_of_a_checkpoint_can_be_changed() {
    let key = key();
    let note = key.checkpoint(&tree()).into_bytes();
    for at in 0..note.len() {
        for change in [1, 0x20, 0x80] {
            let mut changed = note.clone();
            changed[at] ^= change;
            let verified =
                String::from_utf8(changed).ok().map(|note| verify_checkpoint(&note, key.public(), &[]).is_ok());
            assert_ne!(verified, Some(true), "byte {at}");
        }
        let cut = std::str::from_utf8(&note[..at]);
        assert!(cut.is_err() || verify_checkpoint(cut.unwrap(), key.public(), &[]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_witness_cosigns() {
    let key = key();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    let witness =
        VerifierKey { name: "witness.example".into(), kind: WITNESS_KEY, key: pair.public_key().as_ref().to_vec() };
    assert_eq!(VerifierKey::parse(&witness.to_string()), Some(witness.clone()));
    let mut note = key.checkpoint(&tree());
    let text = format!("cosignature/v1\ntime 1700000000\n{}", &note[..=note.find("\n\n").unwrap()]);
    let mut signature = witness.id().to_vec();
    signature.extend_from_slice(&1_700_000_000_u64.to_be_bytes());
    signature.extend_from_slice(pair.sign(text.as_bytes()).as_ref());
    let bare = note.clone();
    let line = format!("— witness.example {}\n", STANDARD.encode(&signature));
    let others = format!("— other.example {}\n{line}", STANDARD.encode([1; 76]));
    assert_eq!(with_cosignature(&bare, &others, &witness).unwrap(), format!("{bare}{line}"));
    assert!(with_cosignature(&bare, "", &witness).is_err());
    assert!(
        with_cosignature(&key.checkpoint(&Tree { size: 43, ..tree() }), &line, &witness).is_err(),
        "of another tree"
    );
    note.push_str(&format!("— witness.example {}\n", STANDARD.encode(&signature)));
    let witnesses = std::slice::from_ref(&witness);
    let verified = verify_checkpoint(&note, key.public(), witnesses).unwrap();
    assert_eq!(verified.witnesses, [("witness.example".to_owned(), 1_700_000_000)]);
    assert_eq!(verify_checkpoint(&note, key.public(), &[]).unwrap().witnesses, []);
    let twice = verify_checkpoint(&format!("{note}{line}"), key.public(), witnesses).unwrap();
    assert_eq!(twice.witnesses, verified.witnesses, "one that signed twice counts once");
    signature[11] ^= 1;
    let wrong = format!("{bare}— witness.example {}\n", STANDARD.encode(&signature));
    assert!(verify_checkpoint(&wrong, key.public(), witnesses).unwrap_err().0.contains("cosignature"));
    assert!(verify_checkpoint(&note, &witness, &[]).is_err());
}
