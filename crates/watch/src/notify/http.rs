//! POST to receivers: one attempt each, to public addresses only, without following redirects.
//!
//! The addresses that a name resolves to are judged where the connection takes them from, so a name that answers differently
//! the second time gains nothing. Proxies of the environment are not used: they would resolve names unjudged.

use super::guard::is_public;
use model::limits::DELIVERY_MS_MAX;
use std::time::Duration;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Why an attempt failed, and whether another may succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Another attempt may succeed.
    Passing(String),
    /// No attempt will.
    Lasting(String),
}

/// One POST.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Post {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// A name resolved to an address that is not public.
#[derive(Debug, thiserror::Error)]
#[error("its address {0} is not public, and notify.allow_private is off")]
struct NotPublic(std::net::IpAddr);

/// The system's resolver, without addresses that are not public.
#[derive(Debug)]
struct GuardedResolver {
    system: DefaultResolver,
    allow_private: bool,
}

impl Resolver for GuardedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.system.resolve(uri, config, timeout)?;
        match found.iter().find(|address| !self.allow_private && !is_public(address.ip())) {
            Some(refused) => Err(ureq::Error::Other(Box::new(NotPublic(refused.ip())))),
            None => Ok(found),
        }
    }
}

/// What makes the connections; blocking.
pub(super) fn agent(allow_private: bool) -> ureq::Agent {
    let config = Config::builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_millis(DELIVERY_MS_MAX)))
        // A kept connection would outlive the judgement of its address.
        .max_idle_connections(0)
        .user_agent("Amazon Simple Notification Service Agent")
        .build();
    guarded(config, allow_private)
}

/// What makes connections to public addresses alone, unless `allow_private`; blocking. `config` must follow no
/// redirects, use no proxy and keep no connections.
pub fn guarded(config: Config, allow_private: bool) -> ureq::Agent {
    let resolver = GuardedResolver { system: DefaultResolver::default(), allow_private };
    ureq::Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// Makes one attempt; blocks for at most 15 seconds. 2xx is success; 408, 429 and 5xx may pass; all else lasts.
pub(super) fn post(agent: &ureq::Agent, post: &Post) -> Result<(), Failure> {
    let mut request = agent.post(&post.url);
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    let status = match request.send(post.body.as_bytes()) {
        Ok(answer) => answer.status().as_u16(),
        Err(ureq::Error::Other(error)) if error.is::<NotPublic>() => return Err(Failure::Lasting(error.to_string())),
        Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => {
            return Err(Failure::Lasting(error.to_string()));
        }
        Err(error) => return Err(Failure::Passing(error.to_string())),
    };
    match status {
        200..=299 => Ok(()),
        408 | 429 | 500.. => Err(Failure::Passing(format!("the receiver answered {status}"))),
        _ => Err(Failure::Lasting(format!("the receiver answered {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and spellings of addresses that must not be reached; nothing needs to listen there.
    #[test]
    fn no_spelling_of_a_private_address_passes() {
        let agent = agent(false);
        for host in ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "169.254.169.254"]
        {
            let refused = post(&agent, &Post { url: format!("http://{host}:1/"), ..Post::default() });
            assert!(
                matches!(&refused, Err(Failure::Lasting(why)) if why.contains("not public")),
                "{host}: {refused:?}"
            );
        }
    }

    #[test]
    fn what_is_no_url_lasts_and_what_does_not_answer_passes() {
        let agent = agent(true);
        let refused = |url: &str| post(&agent, &Post { url: url.into(), ..Post::default() }).unwrap_err();
        assert!(matches!(refused("ftp://127.0.0.1/"), Failure::Lasting(_)));
        assert!(matches!(refused("http://"), Failure::Lasting(_)));
        // A port that nobody listens on: bound, then let go.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(matches!(refused(&format!("http://127.0.0.1:{port}/")), Failure::Passing(_)));
    }
}
