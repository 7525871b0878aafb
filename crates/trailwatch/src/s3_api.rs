//! The S3 API: buckets, made and deleted by the account that owns them, and their objects, which the planes wrote, read out to it.
//!
//! A request is for S3 when its signature says so (version 4 in a header or in the query, or version 2 in the query), or, in open
//! mode, when it is unsigned, only reads, and its path begins with the name of a bucket that is there. Buckets stand in the
//! path, not in the host. Whatever writes objects is refused; so is what reads things that are not kept, such as tags.
//!
//! Calls are audited as those of the planes are: what touches objects is a data event of `AWS::S3::Object`. Region and account
//! are the caller's. There are no versions, checksums, encryption or storage classes, so no header tells of any.

mod bucket_policy;
mod create_bucket;
mod error;
mod get_object;
mod list_buckets;
mod list_objects;
mod reply;
mod route;
#[cfg(test)]
mod tests;
mod xml;

use crate::buckets::ServerBuckets;
use crate::calls::CallFacts;
use crate::http::Unread;
use crate::remote;
use crate::server::Server;
use access::Asking;
use bucket_policy::POLICY_BYTES_MAX;
use bytes::Bytes;
use catalog::Bucket;
use error::S3Error;
use model::{Caller, EventResource, Timestamp, hex};
pub use reply::Reply;
use route::{Asked, Operation};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;
use trail::audit::OwnCall;
use wire::{Access, Audit, HttpRequest, sigv2, sigv4};

/// `eventSource` in CloudTrail records.
const EVENT_SOURCE: &str = "s3.amazonaws.com";
/// The resource type of data events.
const OBJECT: &str = "AWS::S3::Object";

/// True for a request whose signature is for S3.
pub fn is_signed(request: &HttpRequest) -> bool {
    // Every request is asked: most are told by one look.
    let may_be = match request.header("authorization") {
        Some(authorization) => authorization.contains("/s3/"),
        None => !request.query.is_empty(),
    };
    let is_claimed = || sigv4::claimed(request).is_some_and(|claim| claim.service == "s3");
    may_be && (is_claimed() || sigv2::claimed(request).is_some())
}

/// The document of a refusal that a node of a cluster makes before the call comes to a server.
pub fn refusal(status: u16, code: &'static str, message: &str, path: &str, request_id: &str) -> Vec<u8> {
    S3Error::new(status, code, message).to_xml(path, request_id)
}

/// True, in open mode, for an unsigned request that reads from a bucket of the server's account.
pub async fn is_open_read(server: &Server, request: &HttpRequest) -> bool {
    let may_be = server.auth.is_open()
        && matches!(request.method.as_str(), "GET" | "HEAD")
        && !request.path.starts_with(remote::OWN_PATHS)
        && request.path != "/health"
        && wire::routing::announced(request, b"").is_none();
    let Some(bucket) = Asked::read(request).ok().filter(|_| may_be).and_then(|asked| asked.bucket) else {
        return false;
    };
    let buckets = Arc::clone(&server.buckets);
    tokio::task::spawn_blocking(move || buckets.readable(&bucket).is_ok()).await.unwrap_or(false)
}

/// Answers a whole request.
pub async fn answer(server: &Server, request: &HttpRequest, source_ip: &str) -> Reply {
    let arrived = Arrived::of(server, request);
    let (caller, outcome) = match server.auth.s3_caller(request, source_ip, arrived.now) {
        Ok(caller) => {
            let outcome = match (server.throttle.enter(&caller, arrived.now), arrived.authorize(&caller)) {
                (Err(_), _) => Err(S3Error::slow_down()),
                (Ok(_), Err(refused)) => Err(refused),
                (Ok(_turn), Ok(())) => arrived.run(&caller).await,
            };
            (caller, outcome)
        }
        Err(refused) => {
            let is_presigned = request.header("authorization").is_none();
            let error = S3Error::of_signature(&refused, is_presigned);
            (server.auth.s3_claimed(request, source_ip), Err(error))
        }
    };
    arrived.finish(&caller, outcome).await
}

/// Refuses a request whose body was not read: whatever it asks for, it cannot be had.
pub async fn refuse(server: &Server, request: &HttpRequest, source_ip: &str, unread: Unread) -> Reply {
    let error = match unread {
        Unread::NoRoom => S3Error::slow_down(),
        Unread::TooLarge => read_only(),
        Unread::Broken => S3Error::new(400, "IncompleteBody", "The request body terminated unexpectedly"),
    };
    let mut caller = server.auth.s3_claimed(request, source_ip);
    caller.identity_type = "Unknown".into();
    Arrived::of(server, request).finish(&caller, Err(error)).await
}

fn read_only() -> S3Error {
    S3Error::new(403, "AccessDenied", "Access Denied: objects can only be read over the S3 API of Trailwatch")
}

/// A request on its way.
struct Arrived<'a> {
    server: &'a Server,
    request: &'a HttpRequest,
    asked: Result<Asked, S3Error>,
    request_id: String,
    now: Timestamp,
    began: Instant,
}

impl<'a> Arrived<'a> {
    fn of(server: &'a Server, request: &'a HttpRequest) -> Self {
        let (request_id, now) = (server.ids.uuid().to_string(), server.clock.now());
        Self { server, request, asked: Asked::read(request), request_id, now, began: Instant::now() }
    }

    /// Asks policies. What cannot be read is refused later, by what it lacks.
    fn authorize(&self, caller: &Caller) -> Result<(), S3Error> {
        let Ok(asked) = &self.asked else { return Ok(()) };
        let resource = match (&asked.bucket, &asked.key) {
            (None, _) => "*".to_owned(),
            (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
            (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{key}"),
        };
        let action = match asked.name {
            "ListBuckets" => "s3:ListAllMyBuckets".to_owned(),
            "HeadBucket" | "ListObjects" | "ListObjectsV2" => "s3:ListBucket".to_owned(),
            "HeadObject" => "s3:GetObject".to_owned(),
            name => format!("s3:{name}"),
        };
        let asking = Asking { caller, now: self.now };
        let decided = self.server.access.authorize(asking, None, &action, &resource);
        decided.map_err(|error| S3Error::new(403, "AccessDenied", error.message()))
    }

    async fn run(&self, caller: &Caller) -> Result<Reply, S3Error> {
        let asked = self.asked.clone()?;
        let (buckets, request) = (Arc::clone(&self.server.buckets), self.request.clone());
        let scope = caller.scope.clone();
        let account = scope.account.clone();
        let running = move || {
            let owner = canonical_user(&account);
            if asked.operation == Operation::ListBuckets {
                return list_buckets::list_buckets(&buckets.readable_of(&account)?, &asked, &owner);
            }
            let name = asked.bucket.as_deref().unwrap_or_default();
            if asked.operation == Operation::CreateBucket {
                return create_bucket::create_bucket(&buckets, &scope, name, &request.body);
            }
            let (bucket, folder) = buckets.readable(name)?;
            if bucket.account != account {
                return Err(S3Error::access_denied());
            }
            let key = asked.key.as_deref().unwrap_or_default();
            let mut reply = match asked.operation {
                Operation::ListBuckets | Operation::CreateBucket | Operation::Write => return Err(read_only()),
                Operation::DeleteBucket => return delete_bucket(&buckets, &bucket),
                Operation::GetBucketPolicy => bucket_policy::get_bucket_policy(&buckets, &bucket)?,
                Operation::PutBucketPolicy => bucket_policy::put_bucket_policy(&buckets, &bucket, &request.body)?,
                Operation::DeleteBucketPolicy => bucket_policy::delete_bucket_policy(&buckets, &bucket)?,
                Operation::OtherRead => {
                    let message = format!("Trailwatch does not serve {}", asked.name);
                    return Err(S3Error::new(501, "NotImplemented", message));
                }
                Operation::GetBucketLocation => location(&bucket.region),
                Operation::GetBucketVersioning => empty("VersioningConfiguration"),
                Operation::HeadBucket => Reply { status: 200, ..Reply::default() },
                Operation::ListObjects => list_objects::list_objects(&folder, &asked, name, &owner, false)?,
                Operation::ListObjectsV2 => list_objects::list_objects(&folder, &asked, name, &owner, true)?,
                Operation::GetObject | Operation::HeadObject => get_object::get_object(&folder, key, &request, &asked)?,
            };
            if asked.key.is_none() {
                reply.headers.push(("x-amz-bucket-region".into(), bucket.region));
            }
            Ok(reply)
        };
        tokio::task::spawn_blocking(running).await.unwrap_or_else(|error| {
            tracing::error!(%error, "answer a request to S3");
            Err(S3Error::internal())
        })
    }

    /// Records the call where that is due, and makes the answer.
    async fn finish(&self, caller: &Caller, outcome: Result<Reply, S3Error>) -> Reply {
        let outcome = match self.audit(caller, outcome.as_ref().err()).await {
            Ok(()) => outcome,
            // A call whose audit record is not durable is not answered as done.
            Err(error) => {
                tracing::error!(%error, "record a request to S3");
                Err(S3Error::new(503, "ServiceUnavailable", "Please reduce your request rate."))
            }
        };
        let mut reply = outcome.unwrap_or_else(|error| {
            tracing::debug!(request_id = self.request_id, code = error.code, "request to S3 refused");
            let mut reply = Reply::xml(error.to_xml(&self.request.path, &self.request_id));
            reply.status = error.status;
            reply
        });
        if self.request.method == "HEAD" {
            (reply.body, reply.rest) = (Bytes::new(), None);
        }
        reply.headers.push(("x-amz-request-id".into(), self.request_id.clone()));
        let length = reply.headers.iter().find(|(name, _)| name == "content-length");
        self.server.calls.count(CallFacts {
            service: "s3",
            operation: self.asked.as_ref().map_or("Unknown", |asked| asked.name),
            status: reply.status,
            latency: self.began.elapsed(),
            bytes_in: self.request.body.len(),
            bytes_out: length.and_then(|(_, bytes)| bytes.parse().ok()).unwrap_or(reply.body.len()),
        });
        reply
    }

    async fn audit(&self, caller: &Caller, error: Option<&S3Error>) -> Result<(), store::Error> {
        let (name, is_read, is_data) = match &self.asked {
            Ok(asked) => (asked.name, asked.operation.is_read(), asked.is_data()),
            Err(_) => ("UnknownOperation", false, false),
        };
        let parameters = self.parameters();
        let call = OwnCall {
            caller,
            source: EVENT_SOURCE,
            operation: name,
            access: if is_read { Access::Read } else { Access::Write },
            audit: if is_data { Audit::Data(OBJECT) } else { Audit::Management },
            time: self.now,
            request_id: &self.request_id,
            host: self.request.header("host"),
            request_parameters: Some(&parameters),
            response_elements: None,
            error: error.map(|error| (error.code, error.message.as_str())),
            resources: &self.resources(is_data),
        };
        if !self.server.trail.data_audit.should_record(&call) {
            return Ok(());
        }
        self.server.record(&call).await
    }

    /// `requestParameters`, as S3 writes them; never a part of a signature.
    fn parameters(&self) -> String {
        let mut members = serde_json::Map::new();
        if let Ok(asked) = &self.asked {
            let is_shown = |name: &str| !name.starts_with("X-Amz-") && !name.starts_with("x-amz-");
            let is_secret = |name: &str| matches!(name, "AWSAccessKeyId" | "Signature" | "Expires");
            for (name, value) in asked.parameters.iter().filter(|(name, _)| is_shown(name) && !is_secret(name)) {
                members.insert(name.clone(), value.as_str().into());
            }
            members.extend(asked.bucket.as_deref().map(|bucket| ("bucketName".to_owned(), bucket.into())));
            members.extend(asked.key.as_deref().map(|key| ("key".to_owned(), key.into())));
            if asked.operation == Operation::PutBucketPolicy && self.request.body.len() <= POLICY_BYTES_MAX {
                let policy = serde_json::from_slice::<serde_json::Value>(&self.request.body).ok();
                members.extend(policy.map(|policy| ("bucketPolicy".to_owned(), policy)));
            }
        }
        members.extend(self.request.header("host").map(|host| ("Host".to_owned(), host.into())));
        serde_json::Value::Object(members).to_string()
    }

    fn resources(&self, is_data: bool) -> Vec<EventResource> {
        let Some((asked, bucket)) = self.asked.as_ref().ok().and_then(|asked| Some((asked, asked.bucket.as_ref()?)))
        else {
            return Vec::new();
        };
        let resource = |kind: &str, name| EventResource { resource_type: kind.to_owned(), name };
        let mut resources = Vec::new();
        if is_data {
            let key = asked.key.as_deref().unwrap_or_default();
            resources.push(resource(OBJECT, format!("arn:aws:s3:::{bucket}/{key}")));
        }
        resources.push(resource("AWS::S3::Bucket", format!("arn:aws:s3:::{bucket}")));
        resources
    }
}

/// S3's name for an account: 64 hexadecimal digits.
fn canonical_user(account: &str) -> String {
    hex(&Sha256::digest(account))
}

fn delete_bucket(buckets: &ServerBuckets, bucket: &Bucket) -> Result<Reply, S3Error> {
    if !buckets.delete(bucket)? {
        return Err(S3Error::new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"));
    }
    Ok(Reply { status: 204, ..Reply::default() })
}

/// S3 leaves the first of its regions unsaid.
fn location(region: &str) -> Reply {
    if region == "us-east-1" {
        return empty("LocationConstraint");
    }
    let mut xml = xml::Xml::new();
    xml.root("LocationConstraint");
    let mut text = xml.finish();
    wire::xml::push_escaped(&mut text, region);
    text.extend_from_slice(b"</LocationConstraint>");
    Reply::xml(text)
}

fn empty(root: &str) -> Reply {
    let mut xml = xml::Xml::new();
    xml.root(root);
    xml.close(root);
    Reply::xml(xml.finish())
}
