//! The shared credentials file of AWS: sections of `key = value`, one for each profile.

use wire::sigv4::Credentials;

/// The keys of a profile; `None` when the file has no such profile, or it lacks one of the two keys.
pub fn of_profile(text: &str, profile: &str) -> Option<Credentials> {
    let mut in_profile = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            let name = section.0.trim();
            // The config file says "profile" before the name, the credentials file does not; people mix them up.
            in_profile = name.strip_prefix("profile ").unwrap_or(name).trim() == profile;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| in_profile) {
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match key.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    Some(Credentials { access_key_id: id?, secret_access_key: secret?, session_token: token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_profile_are_found() {
        let text = "# x\n[default]\naws_access_key_id = A\naws_secret_access_key=B=\n\n[ other ]\naws_access_key_id = C\n\
                    aws_secret_access_key = D\naws_session_token = E\nregion = r\n[half]\naws_access_key_id = F\n";
        let keys = |profile: &str| {
            of_profile(text, profile).map(|keys| (keys.access_key_id, keys.secret_access_key, keys.session_token))
        };
        assert_eq!(keys("default"), Some(("A".into(), "B=".into(), None)));
        assert_eq!(keys("other"), Some(("C".into(), "D".into(), Some("E".into()))));
        assert_eq!((keys("half"), keys("none")), (None, None));
    }
}
