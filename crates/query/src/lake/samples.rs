//! Sample queries for CloudTrail Lake: what is asked of audit events most.

/// A sample; `$EDS_ID` stands for the id of an event data store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// A few words.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// The statement.
    pub sql: &'static str,
}

/// All samples.
pub const SAMPLES: [Sample; 12] = [
    Sample {
        name: "Most frequent API calls",
        description: "Counts events by service and API call, the most frequent first.",
        sql: "SELECT eventSource, eventName, count(*) AS calls FROM $EDS_ID GROUP BY eventSource, eventName ORDER BY calls DESC LIMIT 50",
    },
    Sample {
        name: "Most frequent errors",
        description: "Counts failed calls by service, API call and error code.",
        sql: "SELECT eventSource, eventName, errorCode, count(*) AS failures FROM $EDS_ID WHERE errorCode IS NOT NULL GROUP BY eventSource, eventName, errorCode ORDER BY failures DESC LIMIT 50",
    },
    Sample {
        name: "Denied access by principal",
        description: "Shows who was denied access, how often, and to how many different API calls.",
        sql: "SELECT userIdentity.arn AS principal, count(*) AS denials, count(DISTINCT eventName) AS apiCalls, max(eventTime) AS latest FROM $EDS_ID WHERE errorCode IN ('AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation', 'Client.UnauthorizedOperation') GROUP BY userIdentity.arn ORDER BY denials DESC",
    },
    Sample {
        name: "Activity of the root user",
        description: "Lists what was done as the root user, the latest first.",
        sql: "SELECT eventTime, eventSource, eventName, awsRegion, sourceIPAddress, errorCode FROM $EDS_ID WHERE userIdentity.type = 'Root' ORDER BY eventTime DESC LIMIT 200",
    },
    Sample {
        name: "Console sign-ins without MFA",
        description: "Lists successful sign-ins to the console that used no multi-factor authentication.",
        sql: "SELECT eventTime, userIdentity.arn, sourceIPAddress FROM $EDS_ID WHERE eventName = 'ConsoleLogin' AND element_at(additionalEventData, 'MFAUsed') = 'No' AND element_at(responseElements, 'ConsoleLogin') = 'Success' ORDER BY eventTime DESC",
    },
    Sample {
        name: "Use of access keys by IP address",
        description: "Shows from which IP addresses each access key was used, and when first and last.",
        sql: "SELECT userIdentity.accessKeyId AS accessKey, sourceIPAddress, count(*) AS calls, min(eventTime) AS earliest, max(eventTime) AS latest FROM $EDS_ID WHERE userIdentity.accessKeyId IS NOT NULL GROUP BY userIdentity.accessKeyId, sourceIPAddress ORDER BY accessKey, calls DESC",
    },
    Sample {
        name: "Changes by principal and day",
        description: "Counts the calls that changed something, by day and by who made them.",
        sql: "SELECT date(eventTime) AS day, userIdentity.arn AS principal, count(*) AS changes FROM $EDS_ID WHERE readOnly = false GROUP BY date(eventTime), userIdentity.arn ORDER BY day DESC, changes DESC",
    },
    Sample {
        name: "Changes of trails and event data stores",
        description: "Lists calls that changed or stopped what CloudTrail records.",
        sql: "SELECT eventTime, eventName, userIdentity.arn, requestParameters, errorCode FROM $EDS_ID WHERE eventSource = 'cloudtrail.amazonaws.com' AND readOnly = false ORDER BY eventTime DESC",
    },
    Sample {
        name: "IAM users, roles and policies that were changed",
        description: "Lists changes of identities and permissions in IAM.",
        sql: "SELECT eventTime, eventName, userIdentity.arn AS principal, coalesce(element_at(requestParameters, 'userName'), element_at(requestParameters, 'roleName'), element_at(requestParameters, 'policyArn')) AS target FROM $EDS_ID WHERE eventSource = 'iam.amazonaws.com' AND readOnly = false ORDER BY eventTime DESC",
    },
    Sample {
        name: "Calls with an old TLS version",
        description: "Counts calls that were not made with TLS 1.3, by service, principal and version.",
        sql: "SELECT eventSource, userIdentity.arn AS principal, tlsDetails.tlsVersion AS version, count(*) AS calls FROM $EDS_ID WHERE tlsDetails.tlsVersion IS NOT NULL AND tlsDetails.tlsVersion <> 'TLSv1.3' GROUP BY eventSource, userIdentity.arn, tlsDetails.tlsVersion ORDER BY calls DESC",
    },
    Sample {
        name: "Latest call of each principal",
        description: "Shows the latest event of each principal.",
        sql: "SELECT principal, eventTime, eventName, sourceIPAddress FROM (SELECT userIdentity.arn AS principal, eventTime, eventName, sourceIPAddress, row_number() OVER (PARTITION BY userIdentity.arn ORDER BY eventTime DESC) AS place FROM $EDS_ID) AS ranked WHERE place = 1 ORDER BY eventTime DESC",
    },
    Sample {
        name: "Events by hour of the day",
        description: "Counts events by the hour of the day, in UTC, to see what is unusual.",
        sql: "SELECT hour(eventTime) AS hour, count(*) AS events, count_if(errorCode IS NOT NULL) AS failures FROM $EDS_ID GROUP BY hour(eventTime) ORDER BY hour",
    },
];

/// How well a sample answers a phrase, from 0 to 1: the share of the phrase's words that it has.
pub fn relevance(sample: &Sample, phrase: &str) -> f32 {
    let text = format!("{} {} {}", sample.name, sample.description, sample.sql).to_lowercase();
    let phrase = phrase.to_lowercase();
    let words = phrase.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2);
    let (all, found) = words.fold((0_u16, 0_u16), |(all, found), word| {
        // A plural asks for the same.
        let stem = word.strip_suffix('s').unwrap_or(word);
        (all.saturating_add(1), found.saturating_add(u16::from(text.contains(stem))))
    });
    if all == 0 { 0.0 } else { f32::from(found) / f32::from(all) }
}

/// Words of a prompt that say nothing of what is asked for.
const FILLERS: [&str; 40] = [
    "all",
    "and",
    "any",
    "are",
    "cloudtrail",
    "count",
    "did",
    "does",
    "event",
    "events",
    "find",
    "for",
    "from",
    "get",
    "give",
    "had",
    "has",
    "have",
    "how",
    "last",
    "list",
    "many",
    "me",
    "past",
    "query",
    "see",
    "select",
    "show",
    "tell",
    "that",
    "the",
    "their",
    "there",
    "want",
    "was",
    "were",
    "what",
    "which",
    "who",
    "with",
];

/// The sample that is nearest to a prompt, if it has at least half of the words that say something.
pub fn nearest(prompt: &str) -> Option<&'static Sample> {
    let prompt = prompt.to_lowercase();
    let words: Vec<&str> =
        prompt.split(|c: char| !c.is_alphanumeric()).filter(|word| !FILLERS.contains(word)).collect();
    let phrase = words.join(" ");
    let scored = SAMPLES.iter().map(|sample| (relevance(sample, &phrase), sample));
    // Of those that are as near, the first.
    let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(relevance, _)| *relevance >= 0.5).map(|(_, sample)| sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_find_samples() {
        let best = |phrase: &str| {
            let best = SAMPLES.iter().max_by(|a, b| relevance(a, phrase).total_cmp(&relevance(b, phrase)));
            best.map(|sample| sample.name).unwrap_or_default()
        };
        assert_eq!(best("console sign-in without MFA"), "Console sign-ins without MFA");
        assert_eq!(best("what did the root user do"), "Activity of the root user");
        assert_eq!(relevance(&SAMPLES[0], "zebra"), 0.0);
        assert_eq!(relevance(&SAMPLES[0], "!!"), 0.0);
    }

    #[test]
    fn a_prompt_has_its_nearest_sample_or_none() {
        for (prompt, name) in [
            ("Show me the activity of the root user for the past week", Some("Activity of the root user")),
            ("Which console logins were without MFA?", Some("Console sign-ins without MFA")),
            ("What are the most frequent errors?", Some("Most frequent errors")),
            ("List all denied access by principal", Some("Denied access by principal")),
            ("Which TLS versions are old?", Some("Calls with an old TLS version")),
            ("How do I bake bread?", None),
            ("Show me all the events", None),
            ("", None),
        ] {
            assert_eq!(nearest(prompt).map(|sample| sample.name), name, "{prompt}");
        }
    }
}
