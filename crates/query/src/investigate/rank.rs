//! `rank`: changes to causes, best first.

use super::change::Change;
use super::history::{History, Matched};
use super::onset::Onset;
use super::overlap::{self, Frequencies};
use super::subject::Subject;
use super::{Factor, PRIOR, rarity, reach, time};
use std::collections::BTreeMap;

/// From which score on a cause is likely, and possible.
const LIKELY: f64 = 2.0;
/// Which share a likely cause has at least: all others and "none of these" together have less than half of it.
const LIKELY_SHARE: f64 = 0.7;
const POSSIBLE: f64 = 0.0;
/// A factor that says less is not among the reasons.
const SAID_MIN: f64 = 0.3;

/// How likely a cause is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Much more likely than not.
    Likely,
    /// About as likely as not.
    Possible,
    /// Less.
    Unlikely,
}

impl Verdict {
    /// The verdict of a score and a share.
    fn of(score: f64, share: f64) -> Self {
        match score {
            score if score >= LIKELY && share >= LIKELY_SHARE => Verdict::Likely,
            score if score >= POSSIBLE => Verdict::Possible,
            _ => Verdict::Unlikely,
        }
    }

    /// In the API.
    pub fn label(self) -> &'static str {
        match self {
            Verdict::Likely => "likely",
            Verdict::Possible => "possible",
            Verdict::Unlikely => "unlikely",
        }
    }
}

/// A change that may be the cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The change among those that were given: of several alike the last before the onset.
    pub change: usize,
    /// Those alike: same actor, action, resources and outcome. Latest first, with `change`.
    pub alike: Vec<usize>,
    /// The sum of its factors.
    pub score: f64,
    /// exp(score) over the sum of all and of 1 for "none of these".
    pub share: f64,
    /// In a word.
    pub verdict: Verdict,
    /// In a sentence.
    pub summary: String,
    /// Time, overlap, rarity, reach, outcome, precedent, prior.
    pub factors: [Factor; 7],
}

/// What `rank` answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranking {
    /// All causes, best first; those that are equal by time, latest first, then by event id.
    pub causes: Vec<Cause>,
    /// Changes after the onset, which explain nothing: those alike together, latest first.
    pub after: Vec<Vec<usize>>,
}

/// Ranks changes by how likely each explains the onset. The order of `changes` does not matter; each event id is taken once.
pub fn rank(subject: &Subject, onset: &Onset, history: &History, changes: &[Change]) -> Ranking {
    let groups = groups(onset, changes);
    let matched: Vec<Matched> = changes.iter().map(|change| Matched::of(subject, change)).collect();
    let window = groups.iter().map(|group| (matched[group[0]], changes[group[0]].themes));
    let frequencies = Frequencies::of(history, window);
    let mut ranking = Ranking::default();
    for group in groups {
        let change = &changes[group[0]];
        let Some(time) = time::factor(change.time, onset) else {
            ranking.after.push(group);
            continue;
        };
        let factors = [
            time,
            overlap::factor(change, subject, matched[group[0]], &frequencies),
            rarity::factor(change, history),
            reach::factor(change, subject, matched[group[0]]),
            reach::outcome(change),
            rarity::precedent(change, history),
            Factor::new("prior", PRIOR, ""),
        ];
        let score = factors.iter().map(|factor| factor.score).sum();
        let summary = summary(change, group.len(), &factors);
        let (verdict, share) = (Verdict::Unlikely, 0.0);
        ranking.causes.push(Cause { change: group[0], alike: group, score, share, verdict, summary, factors });
    }
    let order = |cause: &Cause| (&changes[cause.change].time, &changes[cause.change].event_id);
    ranking.causes.sort_by(|a, b| {
        let by_score = b.score.total_cmp(&a.score);
        by_score.then_with(|| order(b).0.cmp(order(a).0)).then_with(|| order(a).1.cmp(order(b).1))
    });
    give_shares(&mut ranking.causes);
    ranking
}

/// Changes that are alike, latest first; those after the onset apart from those before.
fn groups(onset: &Onset, changes: &[Change]) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..changes.len()).collect();
    let order = |at: &usize| (std::cmp::Reverse(changes[*at].time), &changes[*at].event_id);
    places.sort_by(|a, b| order(a).cmp(&order(b)));
    places.dedup_by(|a, b| changes[*a].event_id == changes[*b].event_id);
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for at in places {
        let Change { source, name, actor, error_code, resources, about, .. } = &changes[at];
        let mut names: Vec<&str> = resources.iter().map(|resource| resource.name.as_str()).collect();
        names.sort_unstable();
        let is_after = changes[at].time >= onset.to;
        groups.entry((is_after, source, name, actor, error_code, names, about)).or_default().push(at);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort_by(|a, b| order(&a[0]).cmp(&order(&b[0])));
    groups
}

fn give_shares(causes: &mut [Cause]) {
    let most = causes.iter().map(|cause| cause.score).fold(0.0, f64::max);
    let all: f64 = causes.iter().map(|cause| (cause.score - most).exp()).sum::<f64>() + (-most).exp();
    for cause in causes {
        cause.share = (cause.score - most).exp() / all;
        cause.verdict = Verdict::of(cause.score, cause.share);
    }
}

/// `DeleteBucketPolicy on shop-assets by alice, 4 min before the onset; …`
fn summary(change: &Change, count: usize, factors: &[Factor; 7]) -> String {
    let mut text = change.name.clone();
    if let Some(target) = change.target() {
        text += &format!(" on {target}");
    }
    text += &format!(" by {}", change.who());
    if count > 1 {
        text += &format!(", {count} times");
    }
    let [time, overlap, rarity, reach, outcome, precedent, _] = factors;
    text += &format!(", {}", time.reason);
    let mut said: Vec<&Factor> = [rarity, overlap, precedent, reach].into_iter().collect();
    said.retain(|factor| !factor.reason.is_empty() && factor.score.abs() >= SAID_MIN);
    said.sort_by(|a, b| b.score.abs().total_cmp(&a.score.abs()));
    if !outcome.reason.is_empty() {
        said.insert(0, outcome);
    }
    for factor in said {
        text += &format!("; {}", factor.reason);
    }
    text
}
