//! Activities of the classes, by what the records call them.

/// Number and name.
pub(super) type Activity = (u32, &'static str);

const CREATE: Activity = (1, "Create");
const READ: Activity = (2, "Read");
const UPDATE: Activity = (3, "Update");
const DELETE: Activity = (4, "Delete");

/// Verbs that API names begin with.
const API_VERBS: [(&str, Activity); 29] = [
    ("Create", CREATE),
    ("Run", CREATE),
    ("Generate", CREATE),
    ("Get", READ),
    ("BatchGet", READ),
    ("List", READ),
    ("Describe", READ),
    ("Search", READ),
    ("Lookup", READ),
    ("Head", READ),
    ("Update", UPDATE),
    ("Put", UPDATE),
    ("Modify", UPDATE),
    ("Add", UPDATE),
    ("Remove", UPDATE),
    ("Start", UPDATE),
    ("Stop", UPDATE),
    ("Attach", UPDATE),
    ("Detach", UPDATE),
    ("Associate", UPDATE),
    ("Disassociate", UPDATE),
    ("Tag", UPDATE),
    ("Untag", UPDATE),
    ("Enable", UPDATE),
    ("Disable", UPDATE),
    ("Register", UPDATE),
    ("Deregister", UPDATE),
    ("Delete", DELETE),
    ("Terminate", DELETE),
];

/// Activity of API Activity for a name such as `DescribeInstances`.
pub(super) fn of_api(name: &str) -> Option<Activity> {
    API_VERBS.iter().find(|(verb, _)| name.starts_with(verb)).map(|(_, activity)| *activity)
}

/// The same for a verb of Kubernetes.
pub(super) fn of_verb(verb: &str) -> Option<Activity> {
    match verb {
        "create" => Some(CREATE),
        "get" | "list" | "watch" => Some(READ),
        "update" | "patch" => Some(UPDATE),
        "delete" | "deletecollection" => Some(DELETE),
        _ => None,
    }
}

/// Activity of Account Change.
pub(super) fn of_account_change(name: &str) -> Option<Activity> {
    let begins = |verb| name.starts_with(verb);
    match name {
        "EnableMFADevice" | "ResyncMFADevice" | "FinalizeSmsMfaRegistration" => Some((10, "MFA Factor Enable")),
        "DeactivateMFADevice" => Some((11, "MFA Factor Disable")),
        "ChangePassword" | "PasswordUpdated" => Some((3, "Password Change")),
        "AddUserToGroup" => Some((7, "Attach Policy")),
        "DeleteAccountAlias" | "DeleteAccountPasswordPolicy" | "DeleteServiceLinkedRole" => None,
        _ if begins("Create") => Some(CREATE),
        _ if begins("Attach") || begins("Put") => Some((7, "Attach Policy")),
        _ if begins("Detach") || begins("Remove") => Some((8, "Detach Policy")),
        _ if begins("Delete") => Some((6, "Delete")),
        _ => None,
    }
}

/// Activity of Authentication.
pub(super) fn of_authentication(name: &str) -> Option<Activity> {
    let is_logon = matches!(name, "ConsoleLogin" | "ExternalIdPDirectoryLogin" | "UserAuthentication");
    (is_logon || name.starts_with("AssumeRole")).then_some((1, "Logon"))
}

/// Activity of HTTP Activity.
pub(super) fn of_method(method: &str) -> Option<Activity> {
    Some(match method {
        "CONNECT" => (1, "Connect"),
        "DELETE" => (2, "Delete"),
        "GET" => (3, "Get"),
        "HEAD" => (4, "Head"),
        "OPTIONS" => (5, "Options"),
        "POST" => (6, "Post"),
        "PUT" => (7, "Put"),
        "TRACE" => (8, "Trace"),
        _ => return None,
    })
}
