//! What a change shares with its subject: names of resources, names in new log lines, the service, words, the theme.
//!
//! How much a term tells is how seldom changes have it: compared are the chance that a cause has it, which is an estimate for each kind
//! of term, and the share of kinds of changes (actor and action) that have it, in the history and in the window. So a word that
//! is everywhere tells nothing, without any list of such words.

use super::Factor;
use super::change::Change;
use super::history::{History, Matched};
use super::subject::{Subject, TERMS_MAX, Term, TermKind};
use super::theme::Themes;

/// What a change that shares nothing counts, where there was a name to share.
const NOTHING: f64 = -1.2;
/// What one counts that shares only what most share.
const COMMON: f64 = -0.6;
/// What another region, or account, counts.
const ELSEWHERE: f64 = -0.8;
/// How much of the second best term of another kind counts besides the best.
const SECOND: f64 = 0.35;
/// Most that terms say.
const MOST: f64 = 5.0;
/// Nothing is rarer.
const RAREST: f64 = 0.02;
/// Kinds of changes that are taken to be there besides those that are known, none of which has the term.
const UNKNOWN_KINDS: f64 = 10.0;
/// The chance that a cause has the theme of what is complained of.
const THEME_CHANCE: f64 = 0.4;
/// Sources whose changes are for every region.
const GLOBAL: [&str; 8] = [
    "cloudfront.amazonaws.com",
    "iam.amazonaws.com",
    "organizations.amazonaws.com",
    "route53.amazonaws.com",
    "route53domains.amazonaws.com",
    "signin.amazonaws.com",
    "sts.amazonaws.com",
    "waf.amazonaws.com",
];

/// How many kinds of changes have each term and each theme.
pub(super) struct Frequencies {
    kinds: f64,
    exact: [u32; TERMS_MAX],
    mention: [u32; TERMS_MAX],
    themes: [u32; Themes::COUNT],
}

impl Frequencies {
    /// Of the kinds of a history, and of `others`: those in the window.
    pub fn of(history: &History, others: impl Iterator<Item = (Matched, Themes)>) -> Self {
        let (exact, mention, themes) = ([0; TERMS_MAX], [0; TERMS_MAX], [0; Themes::COUNT]);
        let mut frequencies = Self { kinds: 0.0, exact, mention, themes };
        for (matched, themes) in history.touched().chain(others) {
            frequencies.kinds += 1.0;
            for (counts, bits) in [(&mut frequencies.exact, matched.exact), (&mut frequencies.mention, matched.mention)]
            {
                let set = counts.iter_mut().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
                set.for_each(|(_, count)| *count += 1);
            }
            themes.places().for_each(|at| frequencies.themes[at] += 1);
        }
        frequencies
    }

    /// The share of changes that have something which `count` of those that are known have, the one that is looked at left out.
    fn share(&self, count: u32) -> f64 {
        let others = (f64::from(count) - 1.0).max(0.0);
        ((others + 0.5) / (self.kinds + UNKNOWN_KINDS)).max(RAREST)
    }
}

/// A term that both have.
struct Shared<'a> {
    kind: Option<TermKind>,
    score: f64,
    reason: Reason<'a>,
}

enum Reason<'a> {
    Term(&'a Term, bool),
    Theme(usize),
}

/// How what they share speaks for a change.
pub(super) fn factor(change: &Change, subject: &Subject, matched: Matched, frequencies: &Frequencies) -> Factor {
    let mut shared = shared(subject, matched, frequencies);
    let another = subject.another(change);
    let themes = change.themes.and(subject.themes).places().map(|at| Shared {
        kind: None,
        score: 0.7 * (THEME_CHANCE / frequencies.share(frequencies.themes[at])).ln(),
        reason: Reason::Theme(at),
    });
    shared.extend(themes);
    if another.is_some() {
        // What it is done to is known, and is not what the alarm watches: that it is of the same kind tells nothing.
        shared.retain(|it| it.kind.is_some_and(|kind| kind != TermKind::Service));
    }
    shared.sort_by(|a, b| b.score.total_cmp(&a.score));
    let is_named = subject.terms().iter().any(|term| term.kind != TermKind::Word);
    let (mut score, mut reason) = match shared.first() {
        None if is_named => (NOTHING, String::new()),
        None => (0.0, String::new()),
        Some(best) if best.score <= 0.0 => (COMMON, String::new()),
        Some(best) => {
            let second = shared.iter().skip(1).find(|other| other.kind != best.kind && other.score > 0.0);
            let more = second.map_or(0.0, |second| SECOND * second.score);
            let reasons = std::iter::once(best).chain(second).map(|it| in_words(it, change));
            ((best.score + more).min(MOST), reasons.collect::<Vec<_>>().join(", and "))
        }
    };
    let is_same = shared
        .first()
        .is_some_and(|best| matches!(best.reason, Reason::Term(term, true) if term.kind == TermKind::Resource));
    for is_elsewhere in [
        (change.region != subject.region && !GLOBAL.contains(&change.source.as_str()), "it was in another region"),
        (change.account != subject.account, "it was in another account"),
    ] {
        if let ((true, told), false) = (is_elsewhere, is_same) {
            score += ELSEWHERE;
            reason += if reason.is_empty() { "" } else { "; " };
            reason += told;
        }
    }
    if let (Some(name), true) = (another, reason.is_empty()) {
        reason = format!("its {name} is another than the alarm's");
    }
    Factor::new("overlap", score, reason)
}

/// The terms that both have, with what they tell.
fn shared<'a>(subject: &'a Subject, matched: Matched, frequencies: &Frequencies) -> Vec<Shared<'a>> {
    let has = |bits: u64, at: usize| bits & (1 << at) != 0;
    let of_term = |(at, term): (usize, &'a Term)| {
        let is_exact = has(matched.exact, at);
        if !is_exact && !has(matched.mention, at) {
            return None;
        }
        let mentions = if is_exact { 0 } else { frequencies.mention[at] };
        let count = frequencies.exact[at] + mentions;
        let chance = match (term.kind, is_exact) {
            (TermKind::Resource, true) => 0.5,
            (TermKind::Service, _) => 0.35,
            (TermKind::Resource, false) | (TermKind::Log, _) => 0.3,
            (TermKind::Word, _) => 0.15,
        };
        let score = (chance / frequencies.share(count)).ln();
        Some(Shared { kind: Some(term.kind), score, reason: Reason::Term(term, is_exact) })
    };
    subject.terms().iter().enumerate().filter_map(of_term).collect()
}

fn in_words(shared: &Shared<'_>, change: &Change) -> String {
    match &shared.reason {
        Reason::Theme(at) => {
            let (changed, complained) = Themes::said(*at);
            format!("it changes {changed}, and there is word of {complained}")
        }
        Reason::Term(Term { text, kind, from, key, .. }, is_exact) => match (kind, is_exact) {
            (TermKind::Resource, true) => {
                let is_its =
                    change.resources.iter().any(|resource| resource.name.to_lowercase().ends_with(key.as_str()));
                let what = if is_its { "is its resource" } else { "is named by it" };
                match from.strip_prefix("dimension ") {
                    Some(dimension) => format!("the dimension {dimension}={text} {what}"),
                    None => format!("the {from} {text} {what}"),
                }
            }
            (TermKind::Resource, false) => format!("it mentions {text} ({from})"),
            (TermKind::Log, _) => format!("new log lines mention {text}, as it does"),
            (TermKind::Service, _) => format!("it is of the service {}", text.trim_end_matches(".amazonaws.com")),
            (TermKind::Word, _) => format!("it mentions '{text}' ({from})"),
        },
    }
}
