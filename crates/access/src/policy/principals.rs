//! `Principal` and `NotPrincipal`: whom a statement is about.

use super::context::{Principal, PrincipalKind};
use model::arn::Arn;

/// The principals that a statement names, or all but them.
#[derive(Debug, Clone)]
pub(super) struct Principals {
    pub negated: bool,
    pub named: Vec<Named>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// `*`
    Everyone,
    /// An account: its id, or the ARN of its root.
    Account(String),
    /// A user, role or session, by ARN.
    Arn(String),
    /// An AWS service.
    Service(String),
    /// Those whom a provider of identities vouches for, by its ARN or name.
    Federated(String),
    /// A canonical user: of which there are none here.
    Other,
}

/// How a statement names a principal; what it grants by itself depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// Through its account, which must grant in turn.
    ByAccount,
    /// Its role, or everyone.
    ByRole,
    /// Itself.
    Itself,
}

impl Named {
    /// Reads an entry under `kind` (`AWS`, `Service`, `Federated`, `CanonicalUser`); `None` when it is no principal.
    pub fn parse(kind: &str, text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        match kind {
            "AWS" if text == "*" => Some(Self::Everyone),
            "AWS" if is_account(text) => Some(Self::Account(text.to_owned())),
            "AWS" => {
                let arn = Arn::parse(text)?;
                if !matches!(arn.service, "iam" | "sts") || !is_account(arn.account) || text.contains(['*', '?']) {
                    return None;
                }
                Some(match arn.resource {
                    "root" if arn.service == "iam" => Self::Account(arn.account.to_owned()),
                    _ => Self::Arn(text.to_owned()),
                })
            }
            "Service" if text == "*" => None,
            "Service" => Some(Self::Service(text.to_owned())),
            "Federated" => Some(Self::Federated(text.to_owned())),
            "CanonicalUser" => Some(Self::Other),
            _ => None,
        }
    }

    fn names(&self, principal: &Principal<'_>) -> Option<How> {
        let is_service = principal.kind == PrincipalKind::Service;
        match self {
            Self::Everyone if principal.kind == PrincipalKind::User => Some(How::Itself),
            Self::Everyone => Some(How::ByRole),
            // The root user is its account.
            Self::Account(account) if principal.kind == PrincipalKind::Root && account == principal.account => {
                Some(How::Itself)
            }
            Self::Account(account) => (!is_service && account == principal.account).then_some(How::ByAccount),
            Self::Arn(arn) if arn == principal.arn && principal.kind != PrincipalKind::Federated => Some(How::Itself),
            Self::Arn(arn) => (principal.role_arn == Some(arn.as_str())).then_some(How::ByRole),
            Self::Service(name) => (is_service && name == principal.arn).then_some(How::Itself),
            Self::Federated(provider) => {
                (principal.kind == PrincipalKind::Federated && provider == principal.arn).then_some(How::Itself)
            }
            Self::Other => None,
        }
    }
}

impl Principals {
    /// How the statement names `principal`; `None` when it is not about it.
    pub fn names(&self, principal: &Principal<'_>) -> Option<How> {
        let how = self.named.iter().filter_map(|named| named.names(principal)).max();
        match self.negated {
            false => how,
            true => how.is_none().then_some(How::Itself),
        }
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
