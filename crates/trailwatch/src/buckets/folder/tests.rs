//! Folders as buckets: whole objects, their metadata through crashes and changes by hand, lists in order.

use super::*;
use model::clock::ManualClock;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

fn folder(root: &Path) -> (Folder, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp(1_772_323_200_123)));
    (Folder::new(root.to_owned(), clock.clone()), clock)
}

fn with(body: &[u8], name: &str, value: &str) -> NewObject {
    NewObject { metadata: vec![(name.into(), value.into())], ..NewObject::from(body.to_vec()) }
}

#[test]
fn an_object_is_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, clock) = folder(&dir.path().join("bucket"));
    folder.put("p/task/s/000000.gz", b"a longer body".to_vec().into()).unwrap();
    // A crash left this.
    fs::write(dir.path().join("bucket/p/task/s/.unfinished-000000.gz"), b"half of something longer").unwrap();
    clock.advance(5);
    folder.put("p/task/s/000000.gz", b"short".to_vec().into()).unwrap();
    assert_eq!(fs::read(dir.path().join("bucket/p/task/s/000000.gz")).unwrap(), b"short");
    assert_eq!(fs::read_dir(dir.path().join("bucket/p/task/s")).unwrap().count(), 1);
    let object = folder.get("p/task/s/000000.gz").unwrap();
    assert_eq!((object.body.as_slice(), object.modified), (&b"short"[..], Timestamp(1_772_323_200_128)));
    folder.put("top", NewObject::default()).unwrap();
    assert_eq!(fs::read(dir.path().join("bucket/top")).unwrap(), b"");
    // MD5 of nothing.
    assert_eq!(folder.head("top").unwrap().etag, "d41d8cd98f00b204e9800998ecf8427e");
}

#[test]
fn what_cannot_be_written_or_read_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, _) = folder(dir.path());
    folder.put("a", NewObject::default()).unwrap();
    let Err(BucketError::Unreachable(reason)) = folder.put("a/b", NewObject::default()) else { panic!() };
    assert!(reason.contains("a/b"), "{reason}");
    folder.put("d/e", NewObject::default()).unwrap();
    assert!(matches!(folder.put("d", NewObject::default()), Err(BucketError::Unreachable(_))));
    let long = "x".repeat(300);
    for absent in ["a/b", "d", "b", "../a", ".trailwatch", "d/.unfinished-e", long.as_str()] {
        assert_eq!(folder.get(absent), Err(BucketError::NoSuchKey), "{absent}");
    }
    assert_eq!(unfinished(&"ä".repeat(127)).len(), 254);
}

#[test]
fn metadata_belong_to_their_version() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, _) = folder(dir.path());
    let metadata = |key| folder.head(key).unwrap().metadata;
    let pair = |value: &str| vec![("signature".to_owned(), value.to_owned())];
    folder.put("k", with(b"one", "signature", "1")).unwrap();
    // The same size, and the clock stands still.
    let before = fs::read(dir.path().join("k")).unwrap();
    let before_at = fs::metadata(dir.path().join("k")).unwrap().modified().unwrap();
    folder.put("k", with(b"two", "signature", "2")).unwrap();
    assert_eq!((metadata("k"), folder.get("k").unwrap().body), (pair("2"), b"two".to_vec()));
    // As a crash leaves it that comes between the side file and the object.
    fs::write(dir.path().join("k"), before).unwrap();
    File::options().write(true).open(dir.path().join("k")).unwrap().set_modified(before_at).unwrap();
    assert_eq!((metadata("k"), folder.get("k").unwrap().body), (pair("1"), b"one".to_vec()));
    assert_eq!(folder.head("k").unwrap().etag.len(), 32);
    // Changed by hand: the metadata stay, and the ETag claims nothing.
    fs::write(dir.path().join("k"), b"altered").unwrap();
    let head = folder.head("k").unwrap();
    assert_eq!((head.metadata, head.bytes), (pair("2"), 7));
    assert!(head.etag.ends_with("-1"), "{}", head.etag);
    // Put there by hand.
    fs::write(dir.path().join("l"), b"by hand").unwrap();
    assert_eq!(metadata("l"), []);
}

#[test]
fn a_list_is_in_order_of_bytes_whatever_the_folders() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, _) = folder(dir.path());
    assert_eq!(folder.list("", "", 9), Ok(Vec::new()));
    let mut keys = vec!["a/b/c", "a/b.d", "a.txt", "a0", "ab", "a/b/d", "z/ä", "z/z", "Z"];
    for key in &keys {
        folder.put(key, key.as_bytes().to_vec().into()).unwrap();
    }
    fs::create_dir_all(dir.path().join("empty/below")).unwrap();
    fs::write(dir.path().join("a/.unfinished-b"), b"").unwrap();
    keys.sort_unstable();
    let list = |prefix: &str, after: &str, max| {
        folder.list(prefix, after, max).unwrap().into_iter().map(|listed| listed.key).collect::<Vec<_>>()
    };
    for prefix in ["", "a", "a/", "a/b", "a/b/", "a/b/c", "z/", "none", "none/", "Z", "/"] {
        for after in ["", "a", "a/", "a/b/c", "a/b/c/x", "a.", "a/b~", "m", "z/ä", "zz"] {
            for max in [0, 1, 2, 100] {
                let wanted = keys.iter().filter(|key| key.starts_with(prefix) && **key > after);
                let wanted: Vec<&str> = wanted.copied().take(max).collect();
                assert_eq!(list(prefix, after, max), wanted, "prefix {prefix} after {after} max {max}");
            }
        }
    }
    assert_eq!(folder.list("Z", "", 1).unwrap()[0].bytes, 1);
}

#[test]
fn a_folder_of_many_is_listed_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, _) = folder(dir.path());
    fs::create_dir_all(dir.path().join("many")).unwrap();
    for number in 0..1500 {
        // Empty folders first: they are names without keys.
        fs::create_dir(dir.path().join(format!("many/a{number}"))).unwrap();
        fs::write(dir.path().join(format!("many/b{number:04}")), b"").unwrap();
    }
    let first = folder.list("many/", "", usize::MAX).unwrap();
    assert_eq!((first.len(), first[999].key.as_str()), (1000, "many/b0999"));
    let rest = folder.list("many/", "many/b0999", 1000).unwrap();
    assert_eq!((rest.len(), rest[0].key.as_str()), (500, "many/b1000"));
}

#[test]
fn nothing_leads_out_of_the_folder_or_waits() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("secret"), b"secret").unwrap();
    let (folder, _) = folder(dir.path());
    folder.put("a/b", b"body".to_vec().into()).unwrap();
    symlink(outside.path(), dir.path().join("linked")).unwrap();
    symlink(outside.path().join("secret"), dir.path().join("link")).unwrap();
    let made = Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap();
    assert!(made.success());
    for key in ["linked/secret", "link", "pipe"] {
        assert_eq!(folder.get(key), Err(BucketError::NoSuchKey), "{key}");
    }
    assert_eq!(folder.list("", "", 9).unwrap().len(), 1);
    assert!(matches!(folder.put("linked/new", NewObject::default()), Err(BucketError::Unreachable(_))));
    assert!(!outside.path().join("new").exists());
    // An object takes the place of a link, and what a crash left is not written through.
    symlink(outside.path().join("secret"), dir.path().join(".unfinished-link")).unwrap();
    folder.put("link", b"mine".to_vec().into()).unwrap();
    folder.put("pipe", b"mine".to_vec().into()).unwrap();
    assert_eq!(folder.get("link").unwrap().body, b"mine");
    assert_eq!(folder.get("pipe").unwrap().body, b"mine");
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    // Nor do the side files leave it.
    fs::remove_dir_all(dir.path().join(".trailwatch")).unwrap();
    symlink(outside.path(), dir.path().join(".trailwatch")).unwrap();
    assert_eq!(folder.get("a/b").unwrap().body, b"body");
    assert!(matches!(folder.put("c", NewObject::default()), Err(BucketError::Unreachable(_))));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn what_the_next_bucket_of_the_name_takes_is_not_deleted_with_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let (first, clock) = folder(&dir.path().join("b"));
    first.put("a/b", b"body".to_vec().into()).unwrap();
    fs::remove_file(dir.path().join("b/a/b")).unwrap();
    // The catalog fails: all is as it was.
    let failed = || Err(BucketError::Unreachable("told to fail".into()));
    assert!(matches!(first.delete(failed), Err(BucketError::Unreachable(_))));
    assert!(dir.path().join("b/a").is_dir());
    first.put("a/c", b"body".to_vec().into()).unwrap();
    fs::remove_file(dir.path().join("b/a/c")).unwrap();
    let next = Folder::new(dir.path().join("b"), clock);
    let forget = || next.put("new", b"kept".to_vec().into());
    assert_eq!(first.delete(forget), Ok(true));
    assert_eq!(next.get("new").unwrap().body, b"kept");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    first.end();
    assert_eq!(first.put("late", NewObject::default()), Err(BucketError::NoSuchBucket));
}

#[test]
fn folders_that_are_missing_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b/c");
    make_durable(&deep).unwrap();
    make_durable(&deep).unwrap();
    assert!(deep.is_dir());
    fs::write(dir.path().join("file"), b"").unwrap();
    assert!(make_durable(&dir.path().join("file")).is_err());
    assert!(make_durable(&dir.path().join("file/below")).is_err());
}
