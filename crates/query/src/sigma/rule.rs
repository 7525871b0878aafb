//! `Rule`: what a document of Sigma says, ready to be asked about records.

use super::Problem;
use super::condition::Conditions;
use super::item::Item;
use super::yaml::{self, Content, Node};
use model::limits::SIGMA_FILE_BYTES_MAX;
use serde_json::Value;

/// The levels of Sigma, least first.
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
/// Keys of `detection` that are no selections.
const CONDITION: &str = "condition";
const TIMEFRAME: &str = "timeframe";

/// A rule for CloudTrail.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `id`; of a rule that has none, its title.
    pub id: String,
    /// `title`.
    pub title: String,
    /// `level`, one of Sigma's five; `medium` where the rule has none.
    pub level: String,
    /// `description`; may be empty.
    pub description: String,
    /// `tags`, such as `attack.t1098`.
    pub tags: Vec<String>,
    selections: Vec<Selection>,
    conditions: Conditions,
}

/// A document that was read.
#[derive(Debug, Clone)]
pub enum Document {
    /// A rule for CloudTrail.
    Rule(Box<Rule>),
    /// A rule for other logs, or a correlation: its title.
    Elsewhere(String),
}

/// A named part of a detection.
#[derive(Debug, Clone)]
enum Selection {
    Item(Item),
    All(Vec<Selection>),
    Any(Vec<Selection>),
}

impl Selection {
    fn is_match(&self, record: &Value) -> bool {
        match self {
            Self::Item(item) => item.is_match(record),
            Self::All(parts) => parts.iter().all(|part| part.is_match(record)),
            Self::Any(parts) => parts.iter().any(|part| part.is_match(record)),
        }
    }

    fn regexes(&self) -> usize {
        match self {
            Self::Item(item) => item.regexes(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::regexes).sum(),
        }
    }

    /// A map is lines that must all hold, a list is parts of which one must, a text is a keyword.
    fn read(node: &Node) -> Result<Self, Problem> {
        match &node.content {
            Content::Map(lines) if lines.is_empty() => Err(Problem::new(node.line, "the selection is empty")),
            Content::Map(lines) => {
                let items = lines.iter().map(|(key, values)| Item::read(key, values).map(Self::Item));
                Ok(Self::All(items.collect::<Result<_, _>>()?))
            }
            Content::List(parts) if parts.is_empty() => Err(Problem::new(node.line, "the selection is empty")),
            Content::List(parts) => Ok(Self::Any(parts.iter().map(Self::read).collect::<Result<_, _>>()?)),
            Content::Text(_) => Item::keyword(node).map(Self::Item),
            Content::Null => Err(Problem::new(node.line, "the selection is empty")),
        }
    }
}

impl Rule {
    /// How many compiled regular expressions it holds.
    pub fn regexes(&self) -> usize {
        self.selections.iter().map(Selection::regexes).sum()
    }

    /// How often its conditions name a selection.
    pub fn terms(&self) -> usize {
        self.conditions.terms()
    }

    /// True when a record, as JSON, is what the rule describes. Takes time in proportion to the record.
    pub fn is_match(&self, record: &Value) -> bool {
        let holds = |number: usize| self.selections.get(number).is_some_and(|selection| selection.is_match(record));
        self.conditions.is_true(&holds)
    }
}

/// Reads the documents of a file, in order.
pub fn read(text: &str) -> Vec<Result<Document, Problem>> {
    if text.len() > SIGMA_FILE_BYTES_MAX {
        return vec![Err(Problem::new(1, format!("the file has more than {SIGMA_FILE_BYTES_MAX} bytes")))];
    }
    let (documents, broken) = yaml::documents(text);
    let with_content = documents.iter().filter(|node| node.content != Content::Null);
    let mut read: Vec<_> = with_content.map(document).collect();
    if read.is_empty() && broken.is_none() {
        read.push(Err(Problem::new(1, "the file holds no rule")));
    }
    read.extend(broken.map(Err));
    read
}

fn document(node: &Node) -> Result<Document, Problem> {
    if !matches!(node.content, Content::Map(_)) {
        return Err(Problem::new(node.line, "a rule is a map"));
    }
    let Some(title) = text(node, "title")? else { return Err(Problem::new(node.line, "title is missing")) };
    if node.get("correlation").is_some() {
        return Ok(Document::Elsewhere(title));
    }
    if let Some(action) = node.get("action") {
        return Err(Problem::new(action.line, "collections of rules (action) are not supported"));
    }
    let Some(source) = node.get("logsource") else { return Err(Problem::new(node.line, "logsource is missing")) };
    let (product, service) = (text(source, "product")?, text(source, "service")?);
    if product.as_deref() != Some("aws") || service.is_some_and(|service| service != "cloudtrail") {
        return Ok(Document::Elsewhere(title));
    }
    let level = match node.get("level") {
        None => "medium".to_owned(),
        Some(level) => {
            let name = level.text().unwrap_or_default().to_ascii_lowercase();
            if !LEVELS.contains(&name.as_str()) {
                return Err(Problem::new(level.line, format!("level is one of {}", LEVELS.join(", "))));
            }
            name
        }
    };
    let Some(detection) = node.get("detection") else { return Err(Problem::new(node.line, "detection is missing")) };
    let (selections, conditions) = read_detection(detection)?;
    Ok(Document::Rule(Box::new(Rule {
        id: text(node, "id")?.unwrap_or_else(|| title.clone()),
        title,
        level,
        description: text(node, "description")?.unwrap_or_default(),
        tags: tags(node),
        selections,
        conditions,
    })))
}

/// A member that is a text, if it is there and not empty.
fn text(node: &Node, key: &str) -> Result<Option<String>, Problem> {
    match node.get(key) {
        None => Ok(None),
        Some(Node { content: Content::Null, .. }) => Ok(None),
        Some(value) => match value.text() {
            Some(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            None => Err(Problem::new(value.line, format!("{key} must be a text"))),
        },
    }
}

fn tags(node: &Node) -> Vec<String> {
    match node.get("tags").map(|tags| &tags.content) {
        Some(Content::List(tags)) => tags.iter().filter_map(Node::text).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn read_detection(detection: &Node) -> Result<(Vec<Selection>, Conditions), Problem> {
    let Content::Map(members) = &detection.content else {
        return Err(Problem::new(detection.line, "detection is a map"));
    };
    let (mut names, mut selections) = (Vec::new(), Vec::new());
    for (key, value) in members {
        let name = key.text().unwrap_or_default();
        if name != CONDITION && name != TIMEFRAME {
            names.push(name.to_owned());
            selections.push(Selection::read(value)?);
        }
    }
    let Some(condition) = detection.get(CONDITION) else {
        return Err(Problem::new(detection.line, "condition is missing"));
    };
    let text = |node: &Node| match node.text() {
        Some(text) => Ok((text.to_owned(), node.line)),
        None => Err(Problem::new(node.line, "a condition is a text")),
    };
    let texts = match &condition.content {
        Content::List(conditions) => conditions.iter().map(text).collect::<Result<Vec<_>, _>>()?,
        _ => vec![text(condition)?],
    };
    if texts.is_empty() {
        return Err(Problem::new(condition.line, "condition is empty"));
    }
    let texts: Vec<(&str, usize)> = texts.iter().map(|(text, line)| (text.as_str(), *line)).collect();
    let conditions = Conditions::parse(&texts, &names)?;
    Ok((selections, conditions))
}
