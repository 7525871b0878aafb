use super::*;
use rsa::PublicKey;
use rsa::pkcs1::DecodeRsaPublicKey as _;

fn message(kind: Kind, version: Option<&str>) -> Message {
    Message {
        kind,
        id: "id".into(),
        topic_arn: "arn:t".into(),
        subject: Some("s".into()),
        text: "text".into(),
        structured: false,
        attributes: Default::default(),
        token: (kind == Kind::SubscriptionConfirmation).then(|| "tok".into()),
        display_name: None,
        signature_version: version.map(str::to_owned),
        timestamp: "2026-03-01T00:00:00.000Z".into(),
    }
}

#[test]
fn what_is_signed_is_as_aws_writes_it() {
    assert_eq!(
        string_to_sign(&message(Kind::Notification, None), "http", "http://h"),
        "Message\ntext\nMessageId\nid\nSubject\ns\nTimestamp\n2026-03-01T00:00:00.000Z\nTopicArn\narn:t\nType\nNotification\n"
    );
    assert_eq!(
        string_to_sign(&Message { subject: None, ..message(Kind::Notification, None) }, "http", "http://h"),
        "Message\ntext\nMessageId\nid\nTimestamp\n2026-03-01T00:00:00.000Z\nTopicArn\narn:t\nType\nNotification\n"
    );
    assert_eq!(
        string_to_sign(&message(Kind::SubscriptionConfirmation, None), "http", "http://h"),
        "Message\ntext\nMessageId\nid\nSubscribeURL\nhttp://h/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn=arn:t&\
         Token=tok\nTimestamp\n2026-03-01T00:00:00.000Z\nToken\ntok\nTopicArn\narn:t\nType\nSubscriptionConfirmation\n"
    );
}

/// The public key of a certificate: the bit string behind the one `AlgorithmIdentifier` of a key.
fn public_key(der: &[u8]) -> PublicKey {
    let key = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let at = der.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    // Tag, length in two bytes, and no unused bits.
    assert_eq!(der[at..at + 2], [0x03, 0x82]);
    let length = usize::from(u16::from_be_bytes([der[at + 2], der[at + 3]]));
    PublicKey::from_pkcs1_der(&der[at + 5..at + 4 + length]).unwrap()
}

#[test]
fn signatures_verify_by_the_certificate() {
    let signer = Signer::new([7; 32]);
    let sent = message(Kind::Notification, None);
    let signed = signer.sign(&sent, "http", "http://h").unwrap();
    assert_eq!(signer.certificate("/SimpleNotificationService-0.pem"), None);
    let pem = signer.certificate(&signed.certificate_path).unwrap();
    let lines: Vec<&str> = pem.lines().collect();
    let der = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
    let key = public_key(&der);
    let text = string_to_sign(&sent, "http", "http://h");
    let signature = STANDARD.decode(&signed.signature).unwrap();
    key.verify(Pkcs1v15Sign::new::<Sha1>(), &Sha1::digest(text.as_bytes()), &signature).unwrap();
    let other = Sha1::digest(text.replace("text", "test").as_bytes());
    assert!(key.verify(Pkcs1v15Sign::new::<Sha1>(), &other, &signature).is_err());
    let second = signer.sign(&message(Kind::Notification, Some("2")), "http", "http://h").unwrap();
    let signature = STANDARD.decode(&second.signature).unwrap();
    key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text.as_bytes()), &signature).unwrap();
    // The certificate is signed by its own key: what is signed is its first member, the signature its last 256 bytes.
    let length = 4 + usize::from(u16::from_be_bytes([der[6], der[7]]));
    let (signed, signature) = (&der[4..4 + length], &der[der.len() - 256..]);
    key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed), signature).unwrap();
    assert_eq!(Signer::new([7; 32]).certificate(&second.certificate_path), Some(pem), "the seed makes the key");
    assert!(!format!("{signer:?}").contains('7'), "{signer:?}");
}
