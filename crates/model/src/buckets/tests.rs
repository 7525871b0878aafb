//! What is a key, what are metadata, and what buckets in memory do.

use super::*;

#[test]
fn a_key_leads_nowhere_else() {
    for good in ["a", "a/b.gz", "a/..b/c..", "ä/%2F \\", "a/.trailwatch/b", ".trailwatch2"] {
        assert!(is_key(good), "{good}");
    }
    let long = "a".repeat(1025);
    for bad in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\0", "a\n", &long] {
        assert!(!is_key(bad), "{bad}");
    }
    for kept in [".trailwatch", ".trailwatch/a", "a/.unfinished-b", ".unfinished-/a"] {
        assert!(!is_key(kept), "{kept}");
    }
}

#[test]
fn a_place_is_a_bucket_and_a_prefix_that_leads_nowhere_else() {
    for (path, bucket, prefix) in [("logs", "logs", ""), ("logs/", "logs", ""), ("logs/a/b/", "logs", "a/b")] {
        let place = Some(Place { bucket, prefix });
        assert_eq!(Place::of_arn(&format!("arn:aws:s3:::{path}")), place, "{path}");
        assert_eq!(Place::of_uri(&format!("s3://{path}")), place, "{path}");
    }
    for path in ["", "/x", "logs/../x", "logs//x", "logs//", "logs/x//", "logs/a\n"] {
        assert_eq!(Place::of_arn(&format!("arn:aws:s3:::{path}")), None, "{path}");
        assert_eq!(Place::of_uri(&format!("s3://{path}")), None, "{path}");
    }
    let point = "arn:aws:s3:us-east-1:123456789012:accesspoint/logs";
    for arn in [point, "arn:aws:s3::123456789012:logs", "arn:aws:s3:us-east-1::logs", "arn:aws:sqs:::logs", "s3://logs"]
    {
        assert_eq!(Place::of_arn(arn), None, "{arn}");
    }
    assert_eq!(Place::of_uri("http://logs"), None);
    let keys = ["", "a/b"].map(|prefix| Place { bucket: "logs", prefix }.key("c"));
    assert_eq!(keys, ["c", "a/b/c"]);
}

#[test]
fn metadata_are_headers() {
    let with =
        |name: &str, value: &str| NewObject { metadata: vec![(name.into(), value.into())], ..NewObject::default() };
    assert!(with("signature-algorithm", "SHA256withRSA").has_valid_metadata());
    assert!(with("a", &"v".repeat(2047)).has_valid_metadata());
    for (name, value) in [("", "v"), ("A", "v"), ("a b", "v"), ("a", "v\r\nx: y"), ("a", "ä"), ("a:", "v")] {
        assert!(!with(name, value).has_valid_metadata(), "{name}: {value}");
    }
    assert!(!with("a", &"v".repeat(2048)).has_valid_metadata());
    assert!(!NewObject { content_type: Some("a\r\nb".into()), ..NewObject::default() }.has_valid_metadata());
}

#[test]
fn memory_lists_in_order_and_closes() {
    let buckets = MemoryBuckets::default();
    buckets.set_time(Timestamp(7));
    for key in ["a/b", "a.txt", "a/c", "b"] {
        buckets.put("logs", key, key.as_bytes().to_vec().into()).unwrap();
    }
    let keys = |prefix, after, max| {
        let listed = buckets.list("logs", prefix, after, max).unwrap();
        listed.into_iter().map(|listed| listed.key).collect::<Vec<_>>()
    };
    assert_eq!(keys("", "", 9), ["a.txt", "a/b", "a/c", "b"]);
    assert_eq!(keys("a/", "", 9), ["a/b", "a/c"]);
    assert_eq!(keys("a", "a.txt", 1), ["a/b"]);
    assert_eq!(keys("a/", "b", 9), Vec::<String>::new());
    assert_eq!(buckets.get("logs", "b").unwrap().modified, Timestamp(7));
    assert_eq!(buckets.get("logs", "c"), Err(BucketError::NoSuchKey));
    assert_eq!(buckets.head("other", "c"), Err(BucketError::NoSuchBucket));
    buckets.tamper("b", |_| None);
    assert_eq!(buckets.head("logs", "b"), Err(BucketError::NoSuchKey));
    buckets.close_after(1);
    buckets.put("logs", "d", NewObject::default()).unwrap();
    assert!(matches!(buckets.put("logs", "e", NewObject::default()), Err(BucketError::Unreachable(_))));
    assert_eq!(buckets.put("closed", "e", NewObject::default()), Err(BucketError::AccessDenied));
}
