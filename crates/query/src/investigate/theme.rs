//! `Themes`: what an action changes and what a log line or a metric complains of, in a few words that both have.

/// A set of themes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Themes(u8);

/// A theme: how actions name it, how complaints name it, and both for people.
struct Theme {
    actions: &'static [&'static str],
    complaints: &'static [&'static str],
    changed: &'static str,
    complained: &'static str,
}

/// Parts of names in lower case.
const THEMES: [Theme; 6] = [
    Theme {
        actions: &[
            "policy",
            "permission",
            "attachrole",
            "detachrole",
            "assumerole",
            "accesskey",
            "publicaccess",
            "acl",
            "grant",
            "keypolicy",
            "disablekey",
            "scheduledeletion",
            "removeuserfromgroup",
            "instanceprofile",
            "ownershipcontrols",
        ],
        complaints: &[
            "accessdenied",
            "access denied",
            "not authorized",
            "unauthorized",
            "forbidden",
            "permission denied",
            "status 403",
            "403 ",
            "invalidclienttokenid",
            "expiredtoken",
            "4xx",
        ],
        changed: "permissions",
        complained: "denied access",
    },
    Theme {
        actions: &[
            "securitygroup",
            "route",
            "networkacl",
            "subnet",
            "vpc",
            "resourcerecordsets",
            "loadbalancer",
            "targetgroup",
            "targets",
            "listener",
            "natgateway",
            "internetgateway",
            "networkinterface",
            "dhcp",
            "firewall",
            "webacl",
        ],
        complaints: &[
            "timeout",
            "timed out",
            "connection refused",
            "connection reset",
            "unreachable",
            "no route",
            "could not resolve",
            "unknownhost",
            "dns",
            "connect failed",
            "unhealthy",
            "502 ",
            "504 ",
        ],
        changed: "the network",
        complained: "connections that fail",
    },
    Theme {
        actions: &[
            "concurrency",
            "capacity",
            "scaling",
            "updatetable",
            "desiredcount",
            "modifydbinstance",
            "modifycachecluster",
            "quota",
            "throttl",
            "shardcount",
            "autoscalinggroup",
            "terminateinstances",
            "stopinstances",
            "modifyinstance",
            "usageplan",
        ],
        complaints: &[
            "throttl",
            "rate exceeded",
            "toomanyrequests",
            "capacity",
            "quota",
            "limit exceeded",
            "status 429",
            "429 ",
            "cpuutilization",
            "queue full",
            "latency",
            "backlog",
            "age of oldest",
            "ageofoldest",
        ],
        changed: "capacity",
        complained: "too little capacity",
    },
    Theme {
        actions: &[
            "updatefunctioncode",
            "publishversion",
            "updatealias",
            "updateservice",
            "registertaskdefinition",
            "createdeployment",
            "updatestack",
            "executechangeset",
            "createapplicationversion",
            "updateenvironment",
            "functionconfiguration",
            "putimage",
            "sendcommand",
            "startpipelineexecution",
            "updatestage",
        ],
        complaints: &[
            "exception",
            "traceback",
            "panic",
            "undefined",
            "nullpointer",
            "typeerror",
            "syntaxerror",
            "module",
            "out of memory",
            "oom",
            "crash",
            "exit code",
            "exited",
            "segfault",
            "5xx",
            "internal server error",
            "500 ",
            "memoryutilization",
        ],
        changed: "what runs",
        complained: "code that fails",
    },
    Theme {
        actions: &[
            "deletetable",
            "deletebucket",
            "deleteobject",
            "deletequeue",
            "deletetopic",
            "deletedb",
            "deletesecret",
            "putsecretvalue",
            "updatesecret",
            "rotatesecret",
            "putparameter",
            "deleteparameter",
            "modifydbparameter",
            "deletefunction",
            "deletestream",
            "lifecycle",
            "purgequeue",
        ],
        complaints: &[
            "not found",
            "notfound",
            "nosuch",
            "does not exist",
            "doesnotexist",
            "missing",
            "unknown table",
            "relation",
            "404 ",
            "authentication failed",
            "password",
            "decrypt",
        ],
        changed: "data or settings that others need",
        complained: "things that are not there",
    },
    Theme {
        actions: &["certificate", "tlspolicy", "listener", "viewer", "distribution"],
        complaints: &["certificate", "x509", "tls", "ssl", "handshake"],
        changed: "certificates",
        complained: "certificates",
    },
];

impl Themes {
    /// What an action changes.
    pub fn of_action(name: &str) -> Self {
        let name = name.to_lowercase();
        Self::of(|theme| theme.actions.iter().any(|part| name.contains(part)))
    }

    /// What a text complains of.
    pub fn of_complaint(text: &str) -> Self {
        let text = text.to_lowercase();
        Self::of(|theme| theme.complaints.iter().any(|part| text.contains(part)))
    }

    fn of(has: impl Fn(&Theme) -> bool) -> Self {
        let bits = THEMES.iter().enumerate().filter(|(_, theme)| has(theme)).map(|(at, _)| 1 << at);
        Self(bits.fold(0, |all, bit: u8| all | bit))
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each by its place.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..THEMES.len()).filter(move |at| self.0 & (1 << at) != 0)
    }

    /// What is said of one: what changed, and what was complained of.
    pub fn said(place: usize) -> (&'static str, &'static str) {
        THEMES.get(place).map_or(("", ""), |theme| (theme.changed, theme.complained))
    }

    /// How many there are.
    pub const COUNT: usize = THEMES.len();
}
