//! Merges templates that differ in one word, when what differs looks like a value.

use super::words::{ANY, Kind, WordId, Words, generalize};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// A sequence of words.
pub type Template = Vec<WordId>;

/// Different words in one place that make it vary, where three or more other words are constant.
const VALUES_MIN: usize = 3;
/// The same where two other words are constant.
const VALUES_MIN_OF_TWO: usize = 5;
/// The same where one other word is constant, or most of the different words look like words of messages.
const VALUES_MIN_OF_ONE: usize = 8;
/// Different words in each of several places that make all of them vary.
const VALUES_MIN_OF_SEVERAL: usize = 8;
/// Rounds: in each, another place of a template may come to vary.
const ROUNDS: usize = 8;

/// Merges templates. Gives of each, in order, the one that it became.
pub fn merge(words: &mut Words, templates: &[Template]) -> Vec<Template> {
    let mut became: Vec<Template> = templates.to_vec();
    let mut swept = false;
    for _ in 0..ROUNDS {
        let mut current = became.clone();
        current.sort_unstable();
        current.dedup();
        let mut moved = round(words, &current);
        if moved.is_empty() && !swept {
            swept = true;
            moved = sweep(words, &current);
        }
        if moved.is_empty() {
            break;
        }
        for template in &mut became {
            if let Some(next) = moved.get(template) {
                template.clone_from(next);
            }
        }
    }
    became
}

/// Which template becomes which.
type Moved = HashMap<Template, Template, FixedState>;

/// Templates that are the same but for one place.
struct Context {
    place: usize,
    members: Vec<usize>,
}

/// One round of merging templates that differ in one place.
fn round(words: &mut Words, templates: &[Template]) -> Moved {
    let mut moved = Moved::default();
    let mut is_moved = vec![false; templates.len()];
    for context in contexts(templates) {
        let Context { place, mut members } = context;
        members.retain(|&member| !is_moved[member]);
        let Some(&first) = members.first() else { continue };
        let is_same = |other: &Template| {
            other.len() == templates[first].len()
                && other.iter().zip(&templates[first]).enumerate().all(|(at, (a, b))| at == place || a == b)
        };
        members.retain(|&member| is_same(&templates[member]));
        let values: Vec<WordId> = members.iter().map(|&member| templates[member][place]).collect();
        if values.len() < 2 || !may_vary(words, &templates[first], place, &values) {
            continue;
        }
        let mut merged = templates[first].clone();
        merged[place] = generalized(words, &values);
        for member in members {
            is_moved[member] = true;
            moved.insert(templates[member].clone(), merged.clone());
        }
    }
    moved
}

/// What words in one place have in common.
fn generalized(words: &mut Words, values: &[WordId]) -> WordId {
    let text = generalize(values.iter().map(|&value| words.text(value)));
    let id = words.id(&text);
    if words.kind(id).varies { ANY } else { id }
}

/// Merges templates that differ in several places at once, as those of two or more free texts do: where a word is rare in its
/// place beside the most frequent word of its template, and what is left is most of the template and that of many.
fn sweep(words: &mut Words, templates: &[Template]) -> Moved {
    let is_constant = |words: &Words, word: WordId| words.kind(word).has_letters && !words.kind(word).varies;
    let occurrence = |template: &Template, place: usize| {
        (template.len() as u64) << 48 | (place as u64) << 32 | u64::from(template[place])
    };
    let mut occurrences: Vec<u64> =
        templates.iter().flat_map(|template| (0..template.len()).map(|place| occurrence(template, place))).collect();
    occurrences.sort_unstable();
    let mut groups: HashMap<Template, Vec<&Template>, FixedState> = HashMap::default();
    for template in templates {
        let frequency = |place: usize| {
            let wanted = occurrence(template, place);
            let begin = occurrences.partition_point(|&other| other < wanted);
            occurrences[begin..].partition_point(|&other| other == wanted)
        };
        let constants: Vec<usize> = (0..template.len()).filter(|&at| is_constant(words, template[at])).collect();
        let most = constants.iter().map(|&place| frequency(place)).max().unwrap_or_default();
        let rare: Vec<usize> = constants.iter().copied().filter(|&place| frequency(place) * 2 < most).collect();
        let left = constants.len() - rare.len();
        if rare.len() >= 2 && left >= rare.len().max(3) {
            let mut masked = template.clone();
            rare.iter().for_each(|&place| masked[place] = ANY);
            groups.entry(masked).or_default().push(template);
        }
    }
    let mut moved = Moved::default();
    for (masked, members) in groups {
        let mut merged = masked.clone();
        let mut fewest = usize::MAX;
        for place in (0..masked.len()).filter(|&place| masked[place] == ANY && members[0][place] != ANY) {
            let mut values: Vec<WordId> = members.iter().map(|member| member[place]).collect();
            values.sort_unstable();
            values.dedup();
            fewest = fewest.min(values.len());
            merged[place] = generalized(words, &values);
        }
        if fewest >= VALUES_MIN_OF_SEVERAL {
            moved.extend(members.into_iter().map(|member| (member.clone(), merged.clone())));
        }
    }
    moved
}

/// True when the words that templates have in a place are values of one thing.
fn may_vary(words: &Words, template: &Template, place: usize, values: &[WordId]) -> bool {
    let constant = |&(at, &word): &(usize, &WordId)| {
        let kind = words.kind(word);
        at != place && kind.has_letters && !kind.varies
    };
    let messages = values.iter().filter(|&&value| words.kind(value).is_message).count();
    let needed = match template.iter().enumerate().filter(constant).count() {
        0 => return false,
        1 => VALUES_MIN_OF_ONE,
        _ if messages * 2 >= values.len() => VALUES_MIN_OF_ONE,
        2 => VALUES_MIN_OF_TWO,
        _ => VALUES_MIN,
    };
    values.len() >= needed || has_variable(values.iter().map(|&value| words.kind(value)))
}

/// True when one of the words varies already and the others may be values of the same.
fn has_variable(kinds: impl Iterator<Item = Kind> + Clone) -> bool {
    kinds.clone().any(|kind| kind.varies)
        && kinds.filter(|kind| !kind.varies).all(|kind| kind.has_letters && (kind.has_slot || !kind.is_message))
}

/// The contexts with two members or more, largest first.
fn contexts(templates: &[Template]) -> Vec<Context> {
    // A template's hash is a sum over its words, so that the hash without one word is a subtraction.
    let mut places: Vec<(u64, u32, u32)> = Vec::new();
    for (index, template) in templates.iter().enumerate() {
        let whole = template
            .iter()
            .enumerate()
            .fold(mix(template.len() as u64), |sum, (at, &word)| sum.wrapping_add(word_hash(at, word)));
        let without = |(place, &word)| (whole.wrapping_sub(word_hash(place, word)), place as u32, index as u32);
        places.extend(template.iter().enumerate().map(without));
    }
    places.sort_unstable();
    let mut contexts: Vec<Context> = places
        .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
        .filter(|same| same.len() > 1)
        .map(|same| Context {
            place: same[0].1 as usize,
            members: same.iter().map(|&(_, _, index)| index as usize).collect(),
        })
        .collect();
    contexts.sort_by(|a, b| {
        b.members.len().cmp(&a.members.len()).then_with(|| (a.place, &a.members).cmp(&(b.place, &b.members)))
    });
    contexts
}

fn word_hash(place: usize, word: WordId) -> u64 {
    mix((place as u64) << 32 | u64::from(word))
}

/// The finalizer of splitmix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
