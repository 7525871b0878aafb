//! Who calls: verifies the signature against the root key or the keys of users and sessions, or, in open mode, takes the claimed
//! key at its word, unless a page of another site may be asking.

use crate::browsers::check_open;
use crate::config::{Config, is_account_id, is_region};
use crate::keys::AccessKey;
use crate::tokens::{BearerToken, same_secret};
use access::{Access, Identified};
use model::limits::CLOCK_SKEW_MS_MAX;
use model::{Caller, Scope, Timestamp};
use wire::request::HttpRequest;
use wire::sigv2;
use wire::sigv4::{self, SignatureError};

/// Decides who the caller is.
#[derive(Debug)]
pub struct Auth {
    root: AccessKey,
    account_id: String,
    region: String,
    open: bool,
    tokens: Vec<BearerToken>,
    access: Access,
}

impl Auth {
    /// The rules of this server.
    pub fn new(config: &Config, root: AccessKey, access: Access) -> Self {
        Self {
            root,
            account_id: config.account_id.clone(),
            region: config.region.clone(),
            open: config.open,
            tokens: config.bearer_tokens.clone(),
            access,
        }
    }

    /// The caller of `request` as its signature proves it. What the signature was made for is for `check_service` to say.
    pub fn caller(&self, request: &HttpRequest, source_ip: &str, now: Timestamp) -> Result<Caller, SignatureError> {
        if self.open {
            return check_open(request).map(|()| self.claimed(request, source_ip));
        }
        let mut found = None;
        let verified = sigv4::verify_session(request, now, CLOCK_SKEW_MS_MAX, |key, token| {
            let (secret, whose) = self.secret(key, token, now)?;
            found = whose;
            Ok(secret)
        })?;
        let caller = self.whose(found, verified.access_key_id, Some(&verified.region));
        self.access.note_use(&caller, &verified.service, now);
        Ok(self.describe(caller, request, source_ip))
    }

    /// The secret of a key, and whose it is; nobody's for the root key.
    fn secret(
        &self,
        key: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<(String, Option<Identified>), SignatureError> {
        if key == self.root.access_key_id && token.is_none() {
            return Ok((self.root.secret_access_key.clone(), None));
        }
        let found = self.access.identify(key, token, now)?;
        Ok((found.secret.clone(), Some(found)))
    }

    /// The caller with a verified key.
    fn whose(&self, found: Option<Identified>, key: String, region: Option<&str>) -> Caller {
        match found {
            None => Caller::root(self.scope(&self.account_id, region), key),
            Some(found) => {
                let region = self.scope("", region).region;
                found.into_caller(region, key)
            }
        }
    }

    /// Refuses a signature that was made for another service than `signing_name`, except in open mode.
    pub fn check_service(&self, request: &HttpRequest, signing_name: &str) -> Result<(), SignatureError> {
        match sigv4::claimed(request) {
            Some(claim) if !self.open => claim.check_service(signing_name),
            _ => Ok(()),
        }
    }

    /// The caller of a request to S3, which may be presigned by version 2 as well.
    pub fn s3_caller(&self, request: &HttpRequest, source_ip: &str, now: Timestamp) -> Result<Caller, SignatureError> {
        let Some(key) = sigv2::claimed(request) else {
            let caller = self.caller(request, source_ip, now)?;
            return self.check_service(request, "s3").map(|()| caller);
        };
        if self.open {
            return check_open(request).map(|()| self.s3_claimed(request, source_ip));
        }
        // Sessions presign by version 4.
        let (secret, found) = self.secret(&key, None, now)?;
        sigv2::verify(request, now, |_| Some(secret))?;
        let caller = self.whose(found, key, None);
        self.access.note_use(&caller, "s3", now);
        Ok(self.describe(caller, request, source_ip))
    }

    /// The caller who shows an access key as user and password (HTTP basic authentication); `None` when it is not one.
    pub fn password_caller(
        &self,
        user: &str,
        password: &str,
        request: &HttpRequest,
        source_ip: &str,
        now: Timestamp,
    ) -> Option<Caller> {
        let known = self.secret(user, None, now).ok();
        // Compared with nothing for a key that is not known: the time must not tell which keys there are.
        let is_same = same_secret(password, known.as_ref().map_or("", |(secret, _)| secret));
        let (_, found) = known.filter(|_| is_same)?;
        Some(self.describe(self.whose(found, user.to_owned(), None), request, source_ip))
    }

    /// The caller who signs in to the console with an access key; `None` when it is not the key. In open mode any key will do, and
    /// none: that is the server's account.
    pub fn console_caller(
        &self,
        key: &str,
        secret: &str,
        request: &HttpRequest,
        source_ip: &str,
        now: Timestamp,
    ) -> Option<Caller> {
        if !self.open {
            return self.password_caller(key, secret, request, source_ip, now);
        }
        let key = if key.is_empty() { self.account_id.as_str() } else { key };
        Some(self.claimant(key, None, request, source_ip))
    }

    /// A caller of the console as they are now; `None` when the access key that they signed in with is gone, inactive
    /// or, where it is a temporary one with a session `token`, at its end.
    pub fn still(&self, caller: Caller, token: Option<&str>, now: Timestamp) -> Option<Caller> {
        if self.open {
            return Some(caller);
        }
        let (_, found) = self.secret(&caller.access_key_id, token, now).ok()?;
        let Caller { access_key_id, scope, source_ip, user_agent, tls, from_console, .. } = caller;
        let now = self.whose(found, access_key_id, Some(&scope.region));
        Some(Caller { source_ip, user_agent, tls, from_console, ..now })
    }

    /// The caller who shows a bearer token, and the token; `None` when there is no such token.
    pub fn bearer_caller(&self, shown: &str, request: &HttpRequest, source_ip: &str) -> Option<(Caller, &BearerToken)> {
        let token = BearerToken::find(&self.tokens, shown)?;
        let mut caller = Caller::root(self.scope(&self.account_id, None), "");
        // AWS's tokens are credentials of users; a token of the configuration is one of a user of its name.
        caller.identity_type = "IAMUser".into();
        caller.arn = format!("arn:aws:iam::{}:user/{}", self.account_id, token.name);
        caller.principal_id = format!("{}:{}", self.account_id, token.name);
        caller.user_name = Some(token.name.clone());
        Some((self.describe(caller, request, source_ip), token))
    }

    /// True in open mode.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The caller as the request claims it: the truth in open mode, and a lead in the audit record of a refused call.
    pub fn claimed(&self, request: &HttpRequest, source_ip: &str) -> Caller {
        let claimed = sigv4::claimed(request);
        let key = claimed.as_ref().map_or("", |c| c.access_key_id.as_str());
        self.claimant(key, claimed.as_ref().map(|c| c.region.as_str()), request, source_ip)
    }

    /// As [`Self::claimed`], of a request to S3, which may be presigned by version 2 as well.
    pub fn s3_claimed(&self, request: &HttpRequest, source_ip: &str) -> Caller {
        match sigv2::claimed(request) {
            Some(key) => self.claimant(&key, None, request, source_ip),
            None => self.claimed(request, source_ip),
        }
    }

    fn claimant(&self, key: &str, region: Option<&str>, request: &HttpRequest, source_ip: &str) -> Caller {
        let account = if self.open && is_account_id(key) { key } else { &self.account_id };
        let scope = self.scope(account, region);
        let mut caller = Caller::root(scope, key);
        if !self.open {
            caller.identity_type = "Unknown".into();
            caller.arn.clear();
            caller.principal_id.clear();
        }
        self.describe(caller, request, source_ip)
    }

    /// The key id and secret to paste: the root key, or in open mode any words.
    pub fn credentials(&self) -> (&str, &str) {
        if self.open {
            (&self.account_id, "any-secret-works")
        } else {
            (&self.root.access_key_id, &self.root.secret_access_key)
        }
    }

    fn scope(&self, account: &str, region: Option<&str>) -> Scope {
        let region = region.filter(|r| is_region(r)).unwrap_or(&self.region);
        Scope { account: account.to_owned(), region: region.to_owned() }
    }

    fn describe(&self, mut caller: Caller, request: &HttpRequest, source_ip: &str) -> Caller {
        caller.source_ip = source_ip.to_owned();
        caller.user_agent = request.header("user-agent").unwrap_or_default().to_owned();
        caller.tls = request.tls;
        caller
    }
}
