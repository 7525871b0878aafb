//! Which bucket is where, and whose it is.

use super::*;
use model::clock::ManualClock;
use tokio::runtime::Runtime;

struct Fixture {
    runtime: Runtime,
    dir: tempfile::TempDir,
    catalog: Catalog,
}

impl Fixture {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let catalog = runtime.block_on(Catalog::in_memory()).unwrap();
        Self { runtime, dir: tempfile::tempdir().unwrap(), catalog }
    }

    fn buckets(&self, s3: Option<S3>) -> ServerBuckets {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let archive = Folder::new(self.dir.path().join("deep/archive"), Arc::clone(&clock));
        let dir = self.dir.path().join("own");
        ServerBuckets {
            home: scope("1"),
            folders: BTreeMap::from([("archive".to_owned(), Arc::new(archive))]),
            s3,
            own: OwnBuckets::new(dir, self.catalog.clone(), clock, self.runtime.handle().clone()),
        }
    }
}

fn scope(account: &str) -> Scope {
    Scope { account: account.into(), region: "us-east-1".into() }
}

#[test]
fn a_bucket_is_a_folder_or_the_servers_own() {
    let fixture = Fixture::new();
    let buckets = fixture.buckets(None);
    buckets.put("archive", "a/b.gz", b"body".to_vec().into()).unwrap();
    assert_eq!(std::fs::read(fixture.dir.path().join("deep/archive/a/b.gz")).unwrap(), b"body");
    for (bucket, key) in [("archive", "../out"), ("archive", "/out"), ("archive", "a//b"), ("archive", "")] {
        let refused = buckets.put(bucket, key, NewObject::default());
        assert!(matches!(refused, Err(BucketError::Unreachable(_))), "{key}: {refused:?}");
    }
    assert!(!fixture.dir.path().join("deep/out").exists());
    // Nobody made it yet.
    assert_eq!(buckets.put("mine", "a", NewObject::default()), Err(BucketError::NoSuchBucket));
    assert_eq!(buckets.check(&scope("1"), "mine"), Err(BucketError::NoSuchBucket));
    assert_eq!(buckets.create(&scope("1"), "mine"), Ok(BucketCreated::Created));
    buckets.check(&scope("1"), "mine").unwrap();
    assert!(matches!(buckets.create(&scope("2"), "mine"), Ok(BucketCreated::Exists(bucket)) if bucket.account == "1"));
    assert_eq!(buckets.check(&scope("2"), "mine"), Err(BucketError::AccessDenied));
    buckets.put("mine", "a/b", b"mine".to_vec().into()).unwrap();
    assert_eq!(std::fs::read(fixture.dir.path().join("own/mine/a/b")).unwrap(), b"mine");
    assert_eq!(buckets.get("mine", "a/b").unwrap().body, b"mine");
    // Every account may use what the configuration names; it is read out to the server's own account.
    buckets.check(&scope("2"), "archive").unwrap();
    assert!(matches!(buckets.create(&scope("1"), "archive"), Ok(BucketCreated::Exists(_))));
    assert_eq!(buckets.delete(&buckets.readable("archive").unwrap().0), Err(BucketError::AccessDenied));
    let names = |account| {
        let buckets = buckets.readable_of(account).unwrap();
        buckets.into_iter().map(|bucket| bucket.name).collect::<Vec<_>>()
    };
    assert_eq!((names("1"), names("2")), (vec!["archive".to_owned(), "mine".to_owned()], Vec::new()));
    for bad in ["Mine", "..", "a/b", ""] {
        assert_eq!(buckets.check(&scope("1"), bad), Err(BucketError::NoSuchBucket), "{bad}");
    }
    // A reset takes the catalog's rows, and then the files.
    fixture.runtime.block_on(fixture.catalog.reset()).unwrap();
    buckets.reset().unwrap();
    assert_eq!(buckets.get("mine", "a/b"), Err(BucketError::NoSuchBucket));
    assert_eq!(buckets.create(&scope("2"), "mine"), Ok(BucketCreated::Created));
    assert_eq!(buckets.get("mine", "a/b"), Err(BucketError::NoSuchKey));
    assert!(fixture.dir.path().join("deep/archive/a/b.gz").exists());
}

#[test]
fn behind_an_endpoint_is_every_other_bucket() {
    let fixture = Fixture::new();
    let keys = crate::config::S3 {
        region: "us-east-1".into(),
        credentials: wire::sigv4::Credentials {
            access_key_id: "k".into(),
            secret_access_key: "s".into(),
            session_token: None,
        },
    };
    // Nobody listens there: what is no bucket is not asked for.
    let s3 = S3::new("http://127.0.0.1:1", keys, Arc::new(ManualClock::default()));
    let buckets = fixture.buckets(Some(s3));
    assert_eq!(buckets.put("a/../b", "a", NewObject::default()), Err(BucketError::NoSuchBucket));
    assert_eq!(buckets.get("mine", "../a"), Err(BucketError::NoSuchKey));
    buckets.check(&scope("1"), "mine").unwrap();
    assert_eq!(buckets.create(&scope("1"), "mine"), Err(BucketError::AccessDenied));
    assert!(matches!(buckets.head("mine", "a"), Err(BucketError::Unreachable(_))));
    assert!(matches!(buckets.readable("mine"), Err(BucketError::NoSuchBucket)));
}

#[test]
fn a_bucket_without_objects_is_deleted() {
    let fixture = Fixture::new();
    let buckets = fixture.buckets(None);
    buckets.create(&scope("1"), "mine").unwrap();
    let mine = buckets.readable("mine").unwrap().0;
    buckets.put("mine", "a/b", b"body".to_vec().into()).unwrap();
    assert_eq!(buckets.delete(&mine), Ok(false));
    assert_eq!(buckets.get("mine", "a/b").unwrap().body, b"body");
    let late = buckets.readable("mine").unwrap().1;
    std::fs::remove_file(fixture.dir.path().join("own/mine/a/b")).unwrap();
    assert_eq!(buckets.delete(&mine), Ok(true));
    assert_eq!(buckets.delete(&mine), Err(BucketError::NoSuchBucket));
    assert!(!fixture.dir.path().join("own/mine").exists());
    assert_eq!(buckets.put("mine", "a", NewObject::default()), Err(BucketError::NoSuchBucket));
    // One that was on its way does not end up in the bucket of another account.
    buckets.create(&scope("2"), "mine").unwrap();
    assert_eq!(late.put("a", NewObject::default()), Err(BucketError::NoSuchBucket));
    // Nor does a deletion that was on its way take that bucket, which is empty, too.
    assert_eq!(buckets.delete(&mine), Err(BucketError::NoSuchBucket));
    assert_eq!(late.delete(|| Ok(())), Err(BucketError::NoSuchBucket));
    assert_eq!(buckets.put_policy(&mine, Some("{}")), Err(BucketError::NoSuchBucket));
    buckets.put("mine", "b", NewObject::default()).unwrap();
    assert_eq!(buckets.list("mine", "", "", 9).unwrap().len(), 1);
}

#[test]
fn names_of_buckets() {
    for good in ["abc", "my-logs.2026", "0-0"] {
        assert!(is_bucket_name(good), "{good}");
    }
    for bad in ["", "ab", "Abc", "-abc", "abc.", "a/b", "a_b", "a..b", "ä-ä", &"a".repeat(64)] {
        assert!(!is_bucket_name(bad), "{bad}");
    }
}
