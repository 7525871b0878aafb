//! What the bucket of `[store]` asks of its endpoint, and what it makes of the answers.

use super::*;
use model::Timestamp;
use model::clock::ManualClock;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use wire::sigv4::Credentials;

/// One request as it came: first line and headers in lower case, and the body.
type Seen = (String, Vec<u8>);

/// Answers one connection for each of `answers`; an empty answer closes it without one. Gives what was asked.
fn serve(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let answer = |answer: String| {
            let (mut connection, _) = listener.accept().unwrap();
            let seen = read(&mut connection);
            connection.write_all(answer.as_bytes()).unwrap();
            seen
        };
        answers.into_iter().map(answer).collect()
    });
    (url, serving)
}

fn read(connection: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    let mut part = [0; 1024];
    loop {
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8(bytes[..head].to_vec()).unwrap().to_lowercase();
            let length = text.split("\r\n").find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if bytes.len() >= head + 4 + length.parse::<usize>().unwrap() {
                return (text, bytes[head + 4..].to_vec());
            }
        }
        let count = connection.read(&mut part).unwrap();
        assert!(count > 0, "the connection ended early");
        bytes.extend_from_slice(&part[..count]);
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn bucket(endpoint: &str) -> StoreBucket {
    let credentials =
        Credentials { access_key_id: "KEY".into(), secret_access_key: "secret".into(), session_token: None };
    let settings = StoreSettings {
        url: "s3://records/a".into(),
        bucket: "records".into(),
        prefix: "a".into(),
        endpoint: endpoint.into(),
        keys: crate::config::S3 { region: "eu-west-1".into(), credentials },
        ca_file: None,
        durability: store::Durability::Object,
        abandon_journal: false,
    };
    let made = StoreBucket::new(&settings, Arc::new(ManualClock::at(Timestamp(0)))).unwrap();
    // Nothing waits.
    let inner = Arc::into_inner(made.0).unwrap();
    StoreBucket(Arc::new(Inner { pause: Duration::ZERO, ..inner }))
}

fn create() -> PutOptions {
    PutOptions { mode: PutMode::Create, ..PutOptions::default() }
}

#[tokio::test]
async fn puts_carry_their_condition_and_a_broken_one_is_told_apart() {
    let (url, serving) = serve(vec![
        answer("200 OK", "etag: \"abc\"\r\n", ""),
        answer("412 Precondition Failed", "", "no"),
        answer("412 Precondition Failed", "", "no"),
        answer("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>"),
        answer("403 Forbidden", "", "no"),
        answer("501 Not Implemented", "", "no"),
    ]);
    let (bucket, path) = (bucket(&url), Path::from("journal/1"));
    let update = || {
        let version = UpdateVersion { e_tag: Some("abc".into()), version: None };
        PutOptions { mode: PutMode::Update(version), ..PutOptions::default() }
    };
    let put = bucket.put_opts(&path, "body".into(), create()).await.unwrap();
    assert_eq!(put.e_tag.as_deref(), Some("abc"));
    let broken = bucket.put_opts(&path, "body".into(), create()).await;
    assert!(matches!(broken, Err(Error::AlreadyExists { .. })), "{broken:?}");
    for _ in 0..2 {
        let broken = bucket.put_opts(&path, "body".into(), update()).await;
        assert!(matches!(broken, Err(Error::Precondition { .. })), "{broken:?}");
    }
    let denied = bucket.put_opts(&path, "body".into(), PutOptions::default()).await;
    assert!(matches!(denied, Err(Error::PermissionDenied { .. })), "{denied:?}");
    let unknown = bucket.put_opts(&path, "body".into(), create()).await;
    assert!(matches!(unknown, Err(Error::NotSupported { .. })), "{unknown:?}");
    let seen = serving.join().unwrap();
    assert!(seen[0].0.starts_with("put /records/a/journal/1 http/1.1\r\n"), "{}", seen[0].0);
    assert!(seen[0].0.contains("\r\nif-none-match: *\r\n") && seen[0].1 == b"body");
    assert!(seen[2].0.contains("\r\nif-match: \"abc\"\r\n"));
    assert!(seen[0].0.contains("signedheaders=host;if-none-match;x-amz-content-sha256;x-amz-date"), "{}", seen[0].0);
    assert!(!seen[4].0.contains("if-"));
}

#[tokio::test]
async fn an_object_that_is_what_it_was_does_not_come_again() {
    let (url, serving) =
        serve(vec![answer("304 Not Modified", "etag: \"abc\"\r\n", ""), answer("200 OK", "etag: \"def\"\r\n", "new")]);
    let (bucket, path) = (bucket(&url), Path::from("manifest/current.json"));
    let unless = || GetOptions { if_none_match: Some("abc".into()), ..GetOptions::default() };
    let same = bucket.get_opts(&path, unless()).await;
    assert!(matches!(same, Err(Error::NotModified { .. })), "{same:?}");
    let other = bucket.get_opts(&path, unless()).await.unwrap();
    assert_eq!(other.meta.e_tag.as_deref(), Some("def"));
    assert_eq!(other.bytes().await.unwrap(), "new");
    for (head, _) in serving.join().unwrap() {
        assert!(head.contains("\r\nif-none-match: \"abc\"\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_recognised() {
    for (there, is_ours) in [("body", true), ("another", false)] {
        let (url, serving) = serve(vec![
            String::new(),
            answer("503 Slow Down", "", ""),
            answer("412 Precondition Failed", "", ""),
            answer("200 OK", "etag: \"abc\"\r\n", there),
        ]);
        let put = bucket(&url).put_opts(&"journal/1".into(), "body".into(), create()).await;
        match put {
            Ok(put) => assert!(is_ours && put.e_tag.as_deref() == Some("abc")),
            Err(error) => assert!(!is_ours && matches!(error, Error::AlreadyExists { .. }), "{error}"),
        }
        assert_eq!(serving.join().unwrap().len(), 4);
    }
}

#[tokio::test]
async fn parts_heads_lists_and_what_is_missing() {
    let page = |key: &str, more| {
        let contents = format!(
            "<Contents><Key>{key}</Key><LastModified>2026-03-01T00:00:01.000Z</LastModified><Size>7</Size></Contents>"
        );
        let body = format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{contents}</ListBucketResult>");
        answer("200 OK", "", &body)
    };
    let (url, serving) = serve(vec![
        answer("206 Partial Content", "content-range: bytes 2-4/10\r\n", "cde"),
        answer("200 OK", "", "abcdefghij"),
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: \"t\"\r\nconnection: close\r\n\r\n".into(),
        page("a/segments/1", true),
        page("a/segments/2", false),
        answer("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>"),
        answer("404 Not Found", "", "<Error><Code>NoSuchBucket</Code></Error>"),
        answer("204 No Content", "", ""),
    ]);
    let (bucket, path) = (bucket(&url), Path::from("segments/1"));
    assert_eq!(bucket.get_range(&path, 2..5).await.unwrap(), "cde");
    let ignored = bucket.get_range(&path, 2..5).await.unwrap_err().to_string();
    assert!(ignored.contains("ignores Range"), "{ignored}");
    let head = bucket.head(&path).await.unwrap();
    assert_eq!((head.size, head.e_tag.as_deref()), (10, Some("t")));
    let listed: Vec<ObjectMeta> = bucket.list(Some(&"segments".into())).try_collect().await.unwrap();
    let listed: Vec<(&str, u64)> = listed.iter().map(|object| (object.location.as_ref(), object.size)).collect();
    assert_eq!(listed, [("segments/1", 7), ("segments/2", 7)]);
    assert!(matches!(bucket.get(&path).await, Err(Error::NotFound { .. })));
    assert!(matches!(bucket.get(&path).await, Err(Error::Generic { .. })), "a bucket that is missing is no empty one");
    bucket.delete(&path).await.unwrap();
    let seen: Vec<String> = serving.join().unwrap().into_iter().map(|seen| seen.0).collect();
    assert!(seen[0].contains("\r\nrange: bytes=2-4\r\n"), "{}", seen[0]);
    assert!(seen[3].contains("prefix=a%2fsegments%2f "), "{}", seen[3]);
    assert!(seen[4].contains("start-after=a%2fsegments%2f1 "), "{}", seen[4]);
    assert!(seen[7].starts_with("delete /records/a/segments/1 "));
}

#[tokio::test]
async fn a_put_is_refused_for_good_only_when_no_attempt_before_may_have_its_effect() {
    for status in ["400 Bad Request", "411 Length Required", "413 Content Too Large", "301 Moved Permanently"] {
        let (url, serving) = serve(vec![answer(status, "", "no")]);
        let refused = bucket(&url).put_opts(&"segments/1".into(), "body".into(), create()).await;
        assert!(matches!(refused, Err(Error::NotSupported { .. })), "{status}: {refused:?}");
        serving.join().unwrap();
        let (url, serving) = serve(vec![answer("503 Slow Down", "", ""), answer(status, "", "no")]);
        let unknown = bucket(&url).put_opts(&"segments/1".into(), "body".into(), create()).await;
        assert!(matches!(unknown, Err(Error::Generic { .. })), "{status}: {unknown:?}");
        serving.join().unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let inner = Arc::into_inner(bucket(&url).0).unwrap();
    let journal = Limits { answer: Duration::from_millis(1), ..JOURNAL };
    let bucket = StoreBucket(Arc::new(Inner { journal, ..inner }));
    let put = bucket.put_opts(&"journal/1".into(), "body".into(), create()).await;
    assert!(matches!(put, Err(Error::Generic { .. })), "{put:?}");
}

#[tokio::test]
async fn an_endpoint_that_ignores_conditions_is_found_out() {
    let ok = || answer("200 OK", "etag: \"abc\"\r\n", "");
    let broken = || answer("412 Precondition Failed", "", "");
    let done = || answer("204 No Content", "", "");
    for (answers, wanted) in [
        (vec![ok(), broken(), broken(), done()], None),
        (vec![ok(), ok(), broken(), done()], Some("ignores If-None-Match")),
        (vec![ok(), broken(), ok(), done()], Some("ignores If-Match")),
    ] {
        let (url, serving) = serve(answers);
        let checked = bucket(&url).check_conditions(7).await;
        match wanted {
            None => checked.unwrap(),
            Some(wanted) => assert!(checked.unwrap_err().to_string().contains(wanted)),
        }
        serving.join().unwrap();
    }
    let error = format!("{:#}", bucket("http://127.0.0.1:1").check_conditions(7).await.unwrap_err());
    assert!(error.contains("127.0.0.1:1") && !error.contains("secret"), "{error}");
}

/// Removes objects below `journal/` and answers, for each, its number and whether it was removed.
async fn removed(bucket: &StoreBucket, numbers: std::ops::Range<u32>) -> Vec<(u32, bool)> {
    let paths = numbers.clone().map(|number| Ok(Path::from(format!("journal/{number}"))));
    let outcomes: Vec<Result<Path>> = bucket.delete_stream(futures::stream::iter(paths).boxed()).collect().await;
    for (number, outcome) in numbers.clone().zip(&outcomes) {
        assert!(
            outcome.as_ref().ok().is_none_or(|path| *path == Path::from(format!("journal/{number}"))),
            "{outcome:?}"
        );
    }
    numbers.zip(outcomes.iter().map(Result::is_ok)).collect()
}

#[tokio::test]
async fn objects_are_removed_a_thousand_at_a_time() {
    let nothing_stays = || answer("200 OK", "", "<DeleteResult/>");
    let one_stays = "<DeleteResult><Error><Key>a/journal/2</Key><Code>AccessDenied</Code><Message>no</Message></Error>\
        <Error><Key>a/journal/3</Key><Code>NoSuchKey</Code></Error></DeleteResult>";
    let (url, serving) = serve(vec![answer("503 Slow Down", "", ""), answer("200 OK", "", one_stays)]);
    let outcomes = removed(&bucket(&url), 0..5).await;
    assert_eq!(outcomes, [(0, true), (1, true), (2, false), (3, true), (4, true)]);
    let seen = serving.join().unwrap();
    assert_eq!(seen[0].1, seen[1].1, "asked again for a reason that passes");
    let (head, body) = &seen[1];
    assert!(head.starts_with("post /records?delete http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\ncontent-md5: {}\r\n", delete::content_md5(body).to_lowercase())), "{head}");
    assert!(head.contains("signedheaders=content-md5;content-type;host;x-amz-content-sha256;x-amz-date"), "{head}");
    let keys: Vec<String> = (0..5).map(|number| format!("a/journal/{number}")).collect();
    assert_eq!(*body, delete::body(&keys));

    // One answer that fits both kinds of requests: they may come in any order.
    let (url, serving) = serve(vec![nothing_stays(), nothing_stays(), nothing_stays()]);
    let outcomes = removed(&bucket(&url), 0..2001).await;
    assert!(outcomes.len() == 2001 && outcomes.iter().all(|(_, removed)| *removed));
    let lines: Vec<String> = serving.join().unwrap().into_iter().map(|(head, _)| head).collect();
    assert_eq!(lines.iter().filter(|head| head.starts_with("post /records?delete ")).count(), 2);
    assert_eq!(lines.iter().filter(|head| head.starts_with("delete /records/a/journal/2000 ")).count(), 1);
}

#[tokio::test]
async fn an_endpoint_without_delete_objects_is_asked_for_it_once() {
    let none = || answer("204 No Content", "", "");
    for refusal in [
        answer("501 Not Implemented", "", "no"),
        answer("405 Method Not Allowed", "", "no"),
        answer("400 Bad Request", "", "<Error><Code>NotImplemented</Code></Error>"),
    ] {
        let (url, serving) = serve(vec![refusal, none(), none(), none(), none()]);
        let bucket = bucket(&url);
        assert_eq!(removed(&bucket, 0..2).await, [(0, true), (1, true)]);
        assert_eq!(removed(&bucket, 2..4).await, [(2, true), (3, true)]);
        let mut lines: Vec<String> = serving.join().unwrap().into_iter().map(|(head, _)| head).collect();
        assert!(lines.remove(0).starts_with("post /records?delete "));
        assert!(lines.iter().all(|head| head.starts_with("delete /records/a/journal/")), "{lines:?}");
    }
    // What is refused for another reason, or is no answer, is told for each, and asked for so the next time.
    for wrong in [answer("403 Forbidden", "", "no"), answer("200 OK", "", "<Error><Code>InternalError</Code></Error>")]
    {
        let (url, serving) = serve(vec![wrong.clone(), wrong]);
        let bucket = bucket(&url);
        for _ in 0..2 {
            assert_eq!(removed(&bucket, 0..2).await, [(0, false), (1, false)]);
        }
        assert!(serving.join().unwrap().iter().all(|(head, _)| head.starts_with("post /records?delete ")));
    }
}
