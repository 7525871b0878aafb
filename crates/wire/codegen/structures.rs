//! Structures: the Rust type of every structure shape, and its `Shape` implementation.

use super::model::{Member, Model, Shape};
use super::names;
use super::rules::rule;
use std::error::Error;
use std::fmt::Write;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Writes every structure of `model`.
pub fn emit(model: &Model, out: &mut String) -> Result<()> {
    let service = model.metadata.service_full_name.as_ref().unwrap_or(&model.metadata.service_id);
    for (name, shape) in model.shapes.iter().filter(|(_, shape)| shape.kind == "structure") {
        let members = shape.members()?;
        if members.len() > 64 {
            return Err(format!("{name} has more members than `Seen` can count").into());
        }
        writeln!(out, "/// `{name}` of {service}.\n#[derive(Debug, Clone, PartialEq, Default)]\npub struct {name} {{")?;
        for member in &members {
            let kind = rust_type(model, name, member)?;
            writeln!(out, "    pub {}: {kind},", names::field(&member.name))?;
        }
        writeln!(out, "}}\n\nimpl crate::shape::Shape for {name} {{")?;
        emit_read(model, name, &members, out)?;
        emit_write(model, name, &members, out)?;
        writeln!(out, "}}\n")?;
    }
    Ok(())
}

fn emit_read(model: &Model, name: &str, members: &[Member], out: &mut String) -> Result<()> {
    writeln!(
        out,
        "    fn read<R: crate::shape::Reader>(reader: &mut R, at: &crate::shape::Path<'_>, violations: &mut crate::shape::Violations) \
         -> Result<Self, crate::shape::DecodeError> {{"
    )?;
    let all: Vec<String> = members.iter().map(|member| format!("{:?}", member.name)).collect();
    let required: Vec<String> = (0..members.len()).filter(|&i| members[i].required).map(|i| i.to_string()).collect();
    writeln!(out, "        const MEMBERS: &[&str] = &[{}];", all.join(", "))?;
    let changed = if members.is_empty() { "" } else { "mut " };
    writeln!(out, "        let {changed}value = Self::default();")?;
    writeln!(out, "        let mut seen = crate::members::Seen::default();")?;
    writeln!(out, "        reader.begin_structure()?;")?;
    writeln!(out, "        while let Some(index) = seen.next(reader, MEMBERS)? {{")?;
    if members.is_empty() {
        writeln!(out, "            let _ = index;")?;
    } else {
        let arms = read_arms(model, name, members)?;
        if arms.contains("(reader, at,") {
            writeln!(out, "            let at = &at.field(MEMBERS[index]);")?;
        }
        writeln!(out, "            match index {{\n{arms}                _ => {{}}\n            }}")?;
    }
    writeln!(out, "        }}\n        seen.require(MEMBERS, &[{}], at, violations);", required.join(", "))?;
    writeln!(out, "        Ok(value)\n    }}\n")?;
    Ok(())
}

fn read_arms(model: &Model, owner: &str, members: &[Member]) -> Result<String> {
    let mut arms = String::new();
    for (index, member) in members.iter().enumerate() {
        let target = member.reference.shape();
        let mut read = format!("{}?", read_call(model, target)?);
        if boxed(model, owner, target)? {
            read = format!("Box::new({read})");
        }
        if !member.required {
            read = format!("Some({read})");
        }
        writeln!(arms, "                {index} => value.{} = {read},", names::field(&member.name))?;
    }
    Ok(arms)
}

fn emit_write(model: &Model, name: &str, members: &[Member], out: &mut String) -> Result<()> {
    let writer = if members.is_empty() { "_" } else { "writer" };
    writeln!(out, "    fn write_members<W: crate::shape::Writer>(&self, {writer}: &mut W) {{")?;
    for member in members {
        let target = member.reference.shape();
        let field = names::field(&member.name);
        if member.required {
            let value = format!("&self.{field}");
            writeln!(out, "        writer.field({:?});", member.name)?;
            writeln!(out, "        {};", write_call(model, target, &value)?)?;
        } else {
            let value = if boxed(model, name, target)? { "value.as_ref()" } else { "value" };
            writeln!(out, "        if let Some(value) = &self.{field} {{")?;
            writeln!(out, "            writer.field({:?});", member.name)?;
            writeln!(out, "            {};\n        }}", write_call(model, target, value)?)?;
        }
    }
    writeln!(out, "    }}")?;
    Ok(())
}

fn rust_type(model: &Model, owner: &str, member: &Member) -> Result<String> {
    let target = member.reference.shape();
    let mut kind = value_type(model, target)?;
    if boxed(model, owner, target)? {
        kind = format!("Box<{kind}>");
    }
    Ok(if member.required { kind } else { format!("Option<{kind}>") })
}

/// True when a member of `owner` of shape `target` would make `owner` contain itself.
fn boxed(model: &Model, owner: &str, target: &str) -> Result<bool> {
    model.holds(target, owner)
}

fn value_type(model: &Model, name: &str) -> Result<String> {
    let shape = model.shape(name)?;
    Ok(match shape.kind.as_str() {
        "structure" => name.to_owned(),
        "list" => format!("Vec<{}>", value_type(model, item(shape)?)?),
        "map" => format!("std::collections::BTreeMap<String, {}>", value_type(model, map_value(shape)?)?),
        "string" => "String".to_owned(),
        "integer" => "i32".to_owned(),
        "long" => "i64".to_owned(),
        "double" => "f64".to_owned(),
        "float" => "f32".to_owned(),
        "boolean" => "bool".to_owned(),
        "timestamp" => "model::Timestamp".to_owned(),
        "blob" => "Vec<u8>".to_owned(),
        other => return Err(format!("{name} has unknown type {other}").into()),
    })
}

/// An expression of type `Result<T, DecodeError>` over the variables `reader`, `at` and `violations`.
fn read_call(model: &Model, name: &str) -> Result<String> {
    let shape = model.shape(name)?;
    let rule = rule(name, shape);
    Ok(match shape.kind.as_str() {
        "structure" => format!("<{name} as crate::shape::Shape>::read(reader, at, violations)"),
        "string" => format!("crate::members::text(reader, at, violations, {rule})"),
        "integer" => format!("crate::members::integer(reader, at, violations, {rule})"),
        "long" => format!("crate::members::long(reader, at, violations, {rule})"),
        "float" => "crate::members::float(reader)".to_owned(),
        "list" => {
            let read = closure(&read_call(model, item(shape)?)?);
            format!("crate::members::list(reader, at, violations, {rule}, {read})")
        }
        "map" => {
            let key = shape.key.as_ref().ok_or("a map without key")?.shape();
            let keys = super::rules::rule(key, model.shape(key)?);
            let read = closure(&read_call(model, map_value(shape)?)?);
            format!("crate::members::map(reader, at, violations, ({rule}, {keys}), {read})")
        }
        other => format!("reader.{other}()"),
    })
}

/// A closure around a read, with `_` for the parameters that it does not use.
fn closure(read: &str) -> String {
    let (at, violations) = if read.contains("violations") { ("at", "violations") } else { ("_", "_") };
    format!("|reader: &mut R, {at}: &crate::shape::Path<'_>, {violations}: &mut crate::shape::Violations| {read}")
}

/// A statement that writes `value`, an expression of reference type.
fn write_call(model: &Model, name: &str, value: &str) -> Result<String> {
    let shape = model.shape(name)?;
    let by_value = match value.strip_prefix('&') {
        Some(place) => place.to_owned(),
        None => format!("*{value}"),
    };
    let write = match shape.kind.as_str() {
        "structure" => format!("crate::shape::Shape::write({value}, writer)"),
        "string" if shape.sensitive => format!("writer.sensitive({value})"),
        "string" => format!("writer.string({value})"),
        "blob" => format!("writer.blob({value})"),
        "integer" => format!("writer.integer(i64::from({by_value}))"),
        "float" => format!("writer.double(f64::from({by_value}))"),
        "long" => format!("writer.integer({by_value})"),
        "list" => {
            let write = write_call(model, item(shape)?, "item")?;
            format!("crate::members::write_list(writer, {value}, |writer, item| {write})")
        }
        "map" => {
            let write = write_call(model, map_value(shape)?, "entry")?;
            format!("crate::members::write_map(writer, {value}, |writer, entry| {write})")
        }
        other => format!("writer.{other}({by_value})"),
    };
    if shape.sensitive && shape.kind != "string" {
        return Ok(format!("crate::members::write_sensitive(writer, |writer| {write})"));
    }
    Ok(write)
}

fn item(shape: &Shape) -> Result<&str> {
    Ok(shape.member.as_ref().ok_or("a list without member")?.shape())
}

fn map_value(shape: &Shape) -> Result<&str> {
    Ok(shape.value.as_ref().ok_or("a map without value")?.shape())
}
