//! Page tokens: where a listing goes on, good for the same listing of the same account and region only.

use super::refuse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Scope;
use wire::ApiError;

/// The token of `listing` that goes on after `position`.
pub fn seal(listing: &str, scope: &Scope, position: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{listing}\n{}\n{}\n{position}", scope.account, scope.region))
}

/// The position in a token; empty without one.
pub fn open(listing: &str, scope: &Scope, token: Option<&str>) -> Result<String, ApiError> {
    let Some(token) = token else { return Ok(String::new()) };
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let parts: Vec<&str> = text.splitn(4, '\n').collect();
    match parts.as_slice() {
        [of, account, region, position] if *of == listing && *account == scope.account && *region == scope.region => {
            Ok((*position).to_owned())
        }
        _ => Err(refuse::parameter("The specified NextToken is invalid.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_for_the_listing_that_made_it() {
        let scope = |account: &str| Scope { account: account.into(), region: "us-east-1".into() };
        let token = seal("ListLinks", &scope("1"), "a");
        assert_eq!(open("ListLinks", &scope("1"), Some(&token)).unwrap(), "a");
        assert_eq!(open("ListLinks", &scope("1"), None).unwrap(), "");
        for (listing, account, token) in [
            ("ListSinks", "1", token.as_str()),
            ("ListLinks", "2", &token),
            ("ListLinks", "1", "x"),
            ("ListLinks", "1", "ä"),
        ] {
            let error = open(listing, &scope(account), Some(token)).unwrap_err();
            assert_eq!(error.code(), "InvalidParameterException");
        }
    }
}
