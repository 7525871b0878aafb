//! Texts: the `Texts` implementation of every input, which finds members by name.

use super::model::{Member, Model};
use super::names;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;

/// Writes it for the input of each operation of `model`.
pub fn emit(model: &Model, out: &mut String) -> Result<(), Box<dyn Error>> {
    let inputs: BTreeSet<&str> =
        model.operations.values().filter_map(|operation| operation.input.as_ref()).map(|input| input.shape()).collect();
    for name in inputs {
        let members = model.shape(name)?.members()?;
        let (mut arms, mut tags) = (String::new(), None);
        for member in &members {
            if let Some(arm) = arm(model, member)? {
                writeln!(arms, "            {:?} => {arm},", member.name)?;
            }
            if matches!(member.name.as_str(), "Tags" | "tags" | "TagsList") {
                tags = tags_of(model, member)?;
            }
        }
        let tags = tags.unwrap_or_else(|| "Vec::new()".to_owned());
        writeln!(
            out,
            "impl crate::shape::Texts for {name} {{\n    fn texts(&self, member: &str) -> Vec<&str> {{\n        match member \
             {{\n{arms}            _ => Vec::new(),\n        }}\n    }}\n\n    fn tags(&self) -> Vec<(&str, &str)> {{\n        \
             {tags}\n    }}\n}}\n"
        )?;
    }
    Ok(())
}

/// An expression for the texts of a member; `None` when it has none.
fn arm(model: &Model, member: &Member) -> Result<Option<String>, Box<dyn Error>> {
    let shape = model.shape(member.reference.shape())?;
    let field = names::field(&member.name);
    let is_text = |name: &str| Ok::<_, String>(model.shape(name)?.kind == "string");
    Ok(match (shape.kind.as_str(), &shape.member) {
        ("string", _) if member.required => Some(format!("vec![self.{field}.as_str()]")),
        ("string", _) => Some(format!("self.{field}.as_deref().into_iter().collect()")),
        ("list", Some(item)) if is_text(item.shape())? => Some(match member.required {
            true => format!("self.{field}.iter().map(String::as_str).collect()"),
            false => format!("self.{field}.iter().flatten().map(String::as_str).collect()"),
        }),
        _ => None,
    })
}

/// An expression for the tags of a member that holds some: a map of texts, or a list of keys with values.
fn tags_of(model: &Model, member: &Member) -> Result<Option<String>, Box<dyn Error>> {
    let shape = model.shape(member.reference.shape())?;
    let field = names::field(&member.name);
    let items = if member.required { format!("self.{field}.iter()") } else { format!("self.{field}.iter().flatten()") };
    if shape.kind == "map" {
        return Ok(Some(format!("{items}.map(|(key, value)| (key.as_str(), value.as_str())).collect()")));
    }
    let Some(item) = &shape.member else { return Ok(None) };
    let members = model.shape(item.shape())?.members()?;
    let text = |name: &str| {
        let member = members.iter().find(|member| member.name.eq_ignore_ascii_case(name))?;
        let field = names::field(&member.name);
        Some(match member.required {
            true => format!("tag.{field}.as_str()"),
            false => format!("tag.{field}.as_deref().unwrap_or_default()"),
        })
    };
    Ok(text("key").zip(text("value")).map(|(key, value)| format!("{items}.map(|tag| ({key}, {value})).collect()")))
}
