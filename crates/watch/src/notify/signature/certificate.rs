//! An X.509 certificate (RFC 5280) of an RSA key, signed by that key: a handful of values in DER, written out.
//!
//! It is valid from 2020 on and, as RFC 5280 writes it, without a well-defined end.

/// DER tags.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// `AlgorithmIdentifier` sha256WithRSAEncryption (1.2.840.113549.1.1.11) without parameters.
const SHA256_WITH_RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
/// `AlgorithmIdentifier` rsaEncryption (1.2.840.113549.1.1.1).
const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// commonName (2.5.4.3).
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
/// keyUsage (2.5.29.15), critical: digitalSignature.
const KEY_USAGE: &[u8] = b"\x06\x03\x55\x1d\x0f\x01\x01\xff";
const DIGITAL_SIGNATURE: &[u8] = b"\x03\x02\x07\x80";
/// Who signs.
const NAME: &str = "Trailwatch notifications";

/// The certificate of the key with this DER of PKCS#1's `RSAPublicKey`; `sign` signs by that key, with SHA-256.
pub(super) fn of<E>(public: &[u8], sign: impl Fn(&[u8]) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    let name =
        value(SEQUENCE, &[&value(SET, &[&value(SEQUENCE, &[COMMON_NAME, &value(UTF8_STRING, &[NAME.as_bytes()])])])]);
    let validity =
        value(SEQUENCE, &[&value(UTC_TIME, &[b"200101000000Z"]), &value(GENERALIZED_TIME, &[b"99991231235959Z"])]);
    let key = value(SEQUENCE, &[RSA, &bits(public)]);
    let usage = value(SEQUENCE, &[KEY_USAGE, &value(OCTET_STRING, &[DIGITAL_SIGNATURE])]);
    let to_sign = value(
        SEQUENCE,
        &[
            &value(VERSION, &[&value(INTEGER, &[&[2]])]),
            &value(INTEGER, &[&[1]]),
            SHA256_WITH_RSA,
            &name,
            &validity,
            &name,
            &key,
            &value(EXTENSIONS, &[&value(SEQUENCE, &[&usage])]),
        ],
    );
    let signature = sign(&to_sign)?;
    Ok(value(SEQUENCE, &[&to_sign, SHA256_WITH_RSA, &bits(&signature)]))
}

/// A whole number of bytes as bits.
fn bits(bytes: &[u8]) -> Vec<u8> {
    value(BIT_STRING, &[&[0], bytes])
}

/// A tag, the length of `parts` together, and the parts.
fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    let bytes = length.to_be_bytes();
    let significant = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1)..];
    match length {
        0..128 => out.extend(significant),
        _ => {
            out.push(0x80 | significant.len() as u8);
            out.extend(significant);
        }
    }
    parts.iter().for_each(|part| out.extend(*part));
    out
}
