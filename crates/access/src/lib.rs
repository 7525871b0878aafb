//! Who may do what: identities, policies, sessions.

pub mod policy;
