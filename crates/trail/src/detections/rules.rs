//! `Rules`: what the files of a folder hold, ready to be asked.

use model::limits::{SIGMA_FILES_MAX, SIGMA_REGEXES_MAX, SIGMA_RULES_MAX, SIGMA_TERMS_MAX};
use query::sigma::{Document, Problem, Rule, read};
use serde_json::Value;
use std::collections::HashMap;

/// A folder of rule files; its calls may block. Folders within it count too.
pub trait Folder: Send + Sync + 'static {
    /// Its files, sorted by name.
    fn files(&self) -> std::io::Result<Vec<RuleFile>>;
    /// The text of one.
    fn read(&self, name: &str) -> std::io::Result<String>;
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Its path within the folder.
    pub name: String,
    /// What changes when it does: the time of its last change, nanoseconds, and its size.
    pub stamp: (i128, u64),
}

/// A rule and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its file.
    pub file: String,
    /// The rule.
    pub rule: Rule,
}

/// What could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct Broken {
    /// The file.
    pub file: String,
    /// Where and why.
    pub problem: Problem,
}

/// The rules of a folder.
#[derive(Debug, Default)]
pub struct Rules {
    /// In the order of their files.
    pub loaded: Vec<Loaded>,
    /// What was passed over because something is wrong with it.
    pub broken: Vec<Broken>,
    /// How many documents are for other logs.
    pub elsewhere: usize,
    ids: HashMap<String, usize>,
    regexes: usize,
    terms: usize,
}

impl Rules {
    /// Reads these files of a folder.
    pub fn load(folder: &dyn Folder, files: &[RuleFile]) -> Self {
        let mut rules = Self::default();
        if let Some(first) = files.get(SIGMA_FILES_MAX) {
            rules.refuse(&first.name, 1, format!("of more than {SIGMA_FILES_MAX} files the others are passed over"));
        }
        for file in files.iter().take(SIGMA_FILES_MAX) {
            match folder.read(&file.name) {
                Ok(text) => rules.add(&file.name, &text),
                Err(error) => rules.refuse(&file.name, 1, error.to_string()),
            }
        }
        rules
    }

    /// Reads the text of one file.
    pub fn add(&mut self, file: &str, text: &str) {
        for document in read(text) {
            match document {
                Ok(Document::Rule(rule)) => self.add_rule(file, *rule),
                Ok(Document::Elsewhere(_)) => self.elsewhere += 1,
                Err(problem) => self.broken.push(Broken { file: file.to_owned(), problem }),
            }
        }
    }

    fn add_rule(&mut self, file: &str, rule: Rule) {
        if let Some(first) = self.ids.get(&rule.id).and_then(|at| self.loaded.get(*at)) {
            let reason = format!("the id {} is that of a rule in {}", rule.id, first.file);
            return self.refuse(file, 1, reason);
        }
        if self.loaded.len() >= SIGMA_RULES_MAX {
            return self.refuse(file, 1, format!("there are {SIGMA_RULES_MAX} rules already"));
        }
        let regexes = self.regexes + rule.regexes();
        if regexes > SIGMA_REGEXES_MAX {
            return self.refuse(file, 1, format!("all rules together have more than {SIGMA_REGEXES_MAX} expressions"));
        }
        let terms = self.terms + rule.terms();
        if terms > SIGMA_TERMS_MAX {
            let reason = format!("the conditions of all rules name selections more than {SIGMA_TERMS_MAX} times");
            return self.refuse(file, 1, reason);
        }
        self.regexes = regexes;
        self.terms = terms;
        self.ids.insert(rule.id.clone(), self.loaded.len());
        self.loaded.push(Loaded { file: file.to_owned(), rule });
    }

    fn refuse(&mut self, file: &str, line: usize, reason: String) {
        self.broken.push(Broken { file: file.to_owned(), problem: Problem { line, reason } });
    }

    /// The rules that match a record, given as its text; `None` when it cannot be read: nested deeper than 127 levels, or with a
    /// number that is larger than any.
    pub fn matches<'a>(&'a self, record: &str) -> Option<Vec<&'a Loaded>> {
        if self.loaded.is_empty() {
            return Some(Vec::new());
        }
        let record = serde_json::from_str::<Value>(record).ok()?;
        Some(self.loaded.iter().filter(|loaded| loaded.rule.is_match(&record)).collect())
    }
}
