//! Who really did it: role chains and temporary credentials traced back to the human or workload at their beginning.
//!
//! An **actor** is written so that no two kinds can be taken for each other:
//!
//! | text | who |
//! | --- | --- |
//! | `arn:aws:iam::ACCOUNT:user/NAME`, `arn:aws:iam::ACCOUNT:root` | an IAM user or root; so are federated users written, by whoever made them |
//! | `saml:PROVIDER/NAME`, `web:PROVIDER/SUBJECT` | who an identity provider vouched for |
//! | `identity-center:NAME` | a user of IAM Identity Center |
//! | `service:SERVICE/SESSION NAME` | a workload: an EC2 instance, a Lambda function, a task; `service:SERVICE` a service by itself |
//! | `account:ACCOUNT/PRINCIPAL ID` | somebody of another account, whose trail is not here |
//! | `source-identity:NAME` | a session whose beginning is not known, with the name that a chain keeps |
//! | `arn:aws:sts::ACCOUNT:assumed-role/ROLE/NAME` | a session of which no more is known |
//!
//! A **session** is what one login did, over all roles that were taken from it: it is named by the access key id at the chain's
//! beginning; for a sign-in to the console, where keys change, by the sign-in's event id; where that event is not here, by
//! `PRINCIPAL ID@CREATION DATE`. Calls with a key that does not expire have it as their session.
//!
//! The calls that give out credentials link a chain: `responseElements.credentials.accessKeyId` of one is `userIdentity.accessKeyId` of
//! the next. Where no key links (the console and some services get further keys for a session), the same principal id and a
//! `creationDate` within seconds do, unless two callers fit. Nothing depends on the order in which events came in: an answer is made of what
//! is stored when it is asked for, and an issuing event that comes late mends it.
//!
//! Sources: CloudTrail userIdentity element; Logging IAM and AWS STS API calls with CloudTrail; AWS Management Console sign-in events;
//! Monitor and control actions taken with assumed roles (source identity).

mod call;
mod held;
mod issuances;
mod resolve;
mod sessions;
#[cfg(test)]
mod tests;

pub use call::{Call, ISSUING, Identity, Issued, Means, Parts};
pub use held::{ActorError, Held};
pub use issuances::{Found, Issuances, NotHeld, SESSION_MS_MAX, SLOT_MS, Slot, slot};
pub use resolve::{Resolution, resolve};
pub use sessions::{Login, SessionEvent, SessionPage, Start, session};
