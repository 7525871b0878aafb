//! ID tokens: read and verified by OpenID Connect Core 1.0, 3.1.3.7. Pure: keys and time come in.
//!
//! RS256 and ES256 alone are taken. `none`, which proves nothing, and HS256, by which whoever has a public key could
//! sign with it, are refused before a key is looked for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How far the provider's clock may be off, milliseconds.
const SKEW_MS: i64 = 60 * 1000;
/// How old a token may be, which was made as the code was redeemed, milliseconds.
const AGE_MS_MAX: i64 = 10 * 60 * 1000;
/// Longest token, bytes.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Most keys of a provider.
const KEYS_MAX: usize = 64;
/// OpenID Connect Core, 2: longest `sub`, characters.
const SUBJECT_CHARS_MAX: usize = 255;

/// A public key of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    /// Modulus and exponent, big-endian.
    Rsa(Vec<u8>, Vec<u8>),
    /// An uncompressed point of P-256.
    P256(Vec<u8>),
}

/// What a token must be for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub client_id: &'a str,
    /// `nonce` of a token that was asked for here, which must be new as well; `None` for one that somebody brings.
    pub nonce: Option<&'a str>,
    /// The present.
    pub now: Timestamp,
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// `sub`.
    pub subject: String,
    /// All claims.
    pub all: Map<String, Value>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// None of the keys is the one that it names.
    #[error("it is signed with a key that the provider does not publish")]
    UnknownKey,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// What is wrong with it.
    #[error("{0}")]
    Invalid(&'static str),
}

use Refused::Invalid;

/// The keys of a key set (RFC 7517) that can sign ID tokens; others are passed over.
///
/// # Errors
/// When it is no key set.
pub fn keys(jwks: &[u8]) -> Result<Vec<Key>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(jwks)?;
    Ok(set.keys.iter().filter_map(key).take(KEYS_MAX).collect())
}

fn key(jwk: &Value) -> Option<Key> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let fits = |name: &str, value: &str| text(name).is_none_or(|said| said == value);
    let material = match text("kty")? {
        "RSA" if fits("alg", "RS256") => Material::Rsa(number(bytes("n")?), number(bytes("e")?)),
        "EC" if fits("alg", "ES256") && text("crv") == Some("P-256") => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            Material::P256([&[4], &x[..], &y[..]].concat())
        }
        _ => return None,
    };
    fits("use", "sig").then(|| Key { id: text("kid").map(str::to_owned), material })
}

/// Without leading zeros, which some providers write.
fn number(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// Verifies a token.
///
/// # Errors
/// Why it is not taken.
pub fn verify(token: &str, keys: &[Key], expected: &Expected<'_>) -> Result<Claims, Refused> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Invalid("it is too long"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Invalid("it has no signature"))?;
    let (header, payload) = signed.split_once('.').ok_or(Invalid("it has no payload"))?;
    let object = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Map<String, Value>>(&bytes).ok()
    };
    let header = object(header).ok_or(Invalid("its header cannot be read"))?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Invalid("its signature cannot be read"))?;
    check_signature(&header, keys, signed.as_bytes(), &signature)?;
    let claims = object(payload).ok_or(Invalid("its claims cannot be read"))?;
    check_claims(claims, expected)
}

/// The `iss` that a token claims, before anything of it is verified; `None` where it is no token.
pub fn claimed_issuer(token: &str) -> Option<String> {
    let (_, payload) = token.get(..TOKEN_BYTES_MAX.min(token.len()))?.rsplit_once('.')?.0.split_once('.')?;
    let claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

fn check_signature(header: &Map<String, Value>, keys: &[Key], signed: &[u8], signature: &[u8]) -> Result<(), Refused> {
    // RFC 7515, 4.1.11: who does not know what is critical must refuse it.
    if header.contains_key("crit") {
        return Err(Invalid("it has critical headers"));
    }
    let is_rsa = match header.get("alg").and_then(Value::as_str) {
        Some("RS256") => true,
        Some("ES256") => false,
        _ => return Err(Invalid("it must be signed with RS256 or ES256")),
    };
    let id = header.get("kid").and_then(Value::as_str);
    let fits = |key: &&Key| {
        matches!(key.material, Material::Rsa(..)) == is_rsa && id.is_none_or(|id| key.id.as_deref() == Some(id))
    };
    let mut candidates = keys.iter().filter(fits).peekable();
    if candidates.peek().is_none() {
        return Err(Refused::UnknownKey);
    }
    if candidates.any(|key| key.has_signed(signed, signature)) {
        return Ok(());
    }
    // A token that names no key may be of one that is new.
    Err(if id.is_some() { Invalid("its signature is not the provider's") } else { Refused::UnknownKey })
}

impl Key {
    fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            // Of 2048 to 8192 bits; others are refused.
            Material::Rsa(n, e) => RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, signed, signature)
                .is_ok(),
            Material::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
        }
    }
}

/// The numbered steps are those of OpenID Connect Core, 3.1.3.7.
fn check_claims(claims: Map<String, Value>, expected: &Expected<'_>) -> Result<Claims, Refused> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // 2.
    if text("iss") != Some(expected.issuer) {
        return Err(Invalid("it is of another issuer"));
    }
    // 3.
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audiences.contains(&expected.client_id) {
        return Err(Invalid("it is for another client"));
    }
    // 4 and 5.
    let azp = text("azp");
    if azp.is_some_and(|azp| azp != expected.client_id) || (audiences.len() > 1 && azp.is_none()) {
        return Err(Invalid("it was given to another client"));
    }
    // 9 and 10.
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|seconds| (seconds * 1000.0) as i64);
    let now = expected.now.millis();
    if time("exp").is_none_or(|exp| exp.saturating_add(SKEW_MS) <= now) {
        return Err(Refused::Expired);
    }
    let made = time("iat").ok_or(Invalid("it does not say when it was made"))?;
    if made > now + SKEW_MS || time("nbf").is_some_and(|from| from > now + SKEW_MS) {
        return Err(Invalid("it is of the future"));
    }
    if expected.nonce.is_some() && made < now - AGE_MS_MAX {
        return Err(Invalid("it is too old"));
    }
    // 11.
    if expected.nonce.is_some_and(|nonce| text("nonce") != Some(nonce)) {
        return Err(Invalid("it is of another attempt"));
    }
    let is_subject =
        |sub: &&str| (1..=SUBJECT_CHARS_MAX).contains(&sub.chars().count()) && !sub.contains(char::is_control);
    let subject = text("sub").filter(is_subject).ok_or(Invalid("it says nobody's name"))?.to_owned();
    Ok(Claims { subject, all: claims })
}
