//! Buckets and topics of tests, which fail when they are told to.

use model::Scope;
use model::buckets::{BucketError, Buckets, Head, Listed, NewObject, Object};
use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::sync::Mutex;
use trail::delivery::{NotTold, Telling, Topics};

/// What becomes of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// The object is there, and the answer says so.
    Works,
    /// Nothing happens.
    FailsBefore,
    /// The object is there, and the answer is an error.
    FailsAfter,
}

/// Every bucket, but for `missing` and `closed`.
#[derive(Debug, Default)]
pub(crate) struct TestBuckets {
    objects: Mutex<BTreeMap<(String, String), Vec<u8>>>,
    next: Mutex<VecDeque<Put>>,
    down: Mutex<bool>,
}

impl TestBuckets {
    /// What becomes of the next puts; later ones work.
    pub(crate) fn expect(&self, puts: impl IntoIterator<Item = Put>) {
        *self.next.lock().unwrap() = puts.into_iter().collect();
    }

    /// Whether all puts fail.
    pub(crate) fn set_down(&self, down: bool) {
        *self.down.lock().unwrap() = down;
    }

    /// Keys of the files of a bucket.
    pub(crate) fn files(&self, bucket: &str) -> Vec<String> {
        let objects = self.objects.lock().unwrap();
        let keys = objects.keys().filter(|(of, key)| of == bucket && key.ends_with(".json.gz"));
        keys.map(|(_, key)| key.clone()).collect()
    }

    /// All keys of a bucket.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        self.objects.lock().unwrap().keys().filter(|(of, _)| of == bucket).map(|(_, key)| key.clone()).collect()
    }

    /// The bytes of a file, unpacked.
    pub(crate) fn unpacked(&self, bucket: &str, key: &str) -> Vec<u8> {
        let objects = self.objects.lock().unwrap();
        let mut unpacked = Vec::new();
        let packed = &objects[&(bucket.to_owned(), key.to_owned())];
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        unpacked
    }
}

impl Buckets for TestBuckets {
    fn check(&self, _: &Scope, bucket: &str) -> Result<(), BucketError> {
        match bucket {
            "missing" => Err(BucketError::NoSuchBucket),
            "closed" => Err(BucketError::AccessDenied),
            _ => Ok(()),
        }
    }

    fn put(&self, bucket: &str, key: &str, object: NewObject) -> Result<(), BucketError> {
        assert!(model::buckets::is_key(key), "{key}");
        let down = *self.down.lock().unwrap();
        let put = if down { Put::FailsBefore } else { self.next.lock().unwrap().pop_front().unwrap_or(Put::Works) };
        if put != Put::FailsBefore {
            self.objects.lock().unwrap().insert((bucket.to_owned(), key.to_owned()), object.body);
        }
        if put == Put::Works { Ok(()) } else { Err(BucketError::Unreachable("told to fail".into())) }
    }

    fn get(&self, _: &str, _: &str) -> Result<Object, BucketError> {
        unreachable!("deliveries only write")
    }

    fn head(&self, _: &str, _: &str) -> Result<Head, BucketError> {
        unreachable!("deliveries only write")
    }

    fn list(&self, _: &str, _: &str, _: &str, _: usize) -> Result<Vec<Listed>, BucketError> {
        unreachable!("deliveries only write")
    }
}

/// Notes what it is told, and answers as it should.
#[derive(Debug, Default)]
pub(crate) struct TestTopics {
    pub(crate) told: Mutex<Vec<(String, String)>>,
    pub(crate) refusal: Mutex<Option<NotTold>>,
}

impl Topics for TestTopics {
    fn check<'a>(&'a self, _: &'a str, topic_arn: &'a str) -> Telling<'a> {
        let is_there = !topic_arn.ends_with(":missing");
        Box::pin(async move { if is_there { Ok(()) } else { Err(NotTold::Refused("NotFound: no topic".into())) } })
    }

    fn tell<'a>(&'a self, account: &'a str, topic_arn: &'a str, message: String) -> Telling<'a> {
        assert_eq!(account, crate::ACCOUNT);
        let refusal = self.refusal.lock().unwrap().clone();
        if refusal.is_none() {
            self.told.lock().unwrap().push((topic_arn.to_owned(), message));
        }
        Box::pin(async move { refusal.map_or(Ok(()), Err) })
    }
}
