//! Expressions of Trino in DataFusion's words.

use super::functions::aggregates;
use super::names::{self, Meaning};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, LambdaFunction, LambdaFunctionParameter,
    LambdaSyntax, ObjectName, ObjectNamePart, OneOrManyWithParens, OrderByExpr, OrderByOptions, Spanned, Subscript,
    TimezoneInfo, Value, helpers::attached_token::AttachedToken, visit_expressions_mut,
};
use datafusion::sql::sqlparser::tokenizer::Location;
use model::Timestamp;
use std::ops::ControlFlow;

/// Something that has no meaning here.
pub(super) struct Refused {
    pub at: Option<Location>,
    pub message: String,
}

type Result<T> = std::result::Result<T, Refused>;

fn refuse<T>(expr: &Expr, message: impl Into<String>) -> Result<T> {
    Err(Refused { at: Some(expr.span().start), message: message.into() })
}

/// The name that Trino gives an expression of a SELECT list; `None` for a number.
pub(super) fn name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::CompoundIdentifier(idents) => Some(idents.last()?.value.to_lowercase()),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last()? {
            AccessExpr::Dot(Expr::Identifier(ident)) => Some(ident.value.to_lowercase()),
            _ => None,
        },
        _ => None,
    }
}

/// Translates one expression; those within it are translated already.
pub(super) fn translate(expr: &mut Expr, now: Timestamp) -> Result<()> {
    match expr {
        // Trino does not tell names apart by case, quoted ones neither.
        Expr::Identifier(ident) => lower(ident),
        Expr::CompoundIdentifier(idents) => idents.iter_mut().for_each(lower),
        Expr::CompoundFieldAccess { .. } => *expr = accessed(take(expr))?,
        Expr::Function(_) => *expr = called(take(expr), now)?,
        Expr::Cast { .. } => *expr = cast(take(expr))?,
        Expr::Substring { .. } => *expr = substring(take(expr))?,
        Expr::Extract { field, .. } => {
            let field = field.to_string().to_ascii_lowercase();
            if !names::PARTS.contains(&field.as_str()) {
                return refuse(expr, format!("'{field}' cannot be extracted from a time"));
            }
            let Expr::Extract { expr: time, .. } = take(expr) else { return Ok(()) };
            *expr = call(&field, vec![*time]);
        }
        // Trino has no escape character unless one is given; DataFusion has the backslash.
        Expr::Like { pattern, escape_char: None, .. } => {
            if let Expr::Value(value) = pattern.as_mut()
                && let Value::SingleQuotedString(text) = &mut value.value
            {
                *text = text.replace('\\', "\\\\");
            }
        }
        Expr::Lambda(lambda) => {
            let body = take(lambda.body.as_mut());
            *lambda.body = of_parameters(body, lambda);
        }
        Expr::ILike { .. } | Expr::RLike { .. } | Expr::SimilarTo { .. } => {
            return refuse(expr, "only LIKE and regexp_like compare with patterns");
        }
        _ => {}
    }
    Ok(())
}

/// Lowers a name in quotes; others are lowered when they are planned.
pub(super) fn lower(ident: &mut Ident) {
    if ident.quote_style.is_some() {
        ident.value = ident.value.to_lowercase();
    }
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(Value::Null.into()))
}

/// A call of a function by name, with plain arguments.
fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect();
    Expr::Function(Function {
        name: object(name),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn object(name: &str) -> ObjectName {
    ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))])
}

fn text(value: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.into()).into())
}

/// `map['x']` and `list[1]` as `element_at`, and members of what they answer. Trino fails where there is no such element; here it
/// is NULL.
fn accessed(expr: Expr) -> Result<Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return Ok(expr) };
    let mut of = *root;
    for access in access_chain {
        of = match (access, of) {
            (AccessExpr::Dot(Expr::Identifier(ident)), Expr::Identifier(first)) => {
                Expr::CompoundIdentifier(vec![first, ident])
            }
            (AccessExpr::Dot(Expr::Identifier(ident)), Expr::CompoundIdentifier(mut idents)) => {
                idents.push(ident);
                Expr::CompoundIdentifier(idents)
            }
            (AccessExpr::Dot(Expr::Identifier(ident)), of) => Expr::CompoundFieldAccess {
                root: Box::new(of),
                access_chain: vec![AccessExpr::Dot(text(ident.value.to_lowercase()))],
            },
            (AccessExpr::Subscript(Subscript::Index { index }), of) => call("element_at", vec![of, index]),
            (_, of) => return refuse(&of, "slices and expressions after a dot are not supported"),
        };
    }
    Ok(of)
}

/// Members of a lambda's parameters, which the engine takes for columns of tables.
fn of_parameters(mut body: Expr, lambda: &LambdaFunction) -> Expr {
    let is_parameter =
        |ident: &Ident| lambda.params.iter().any(|one| one.name.value.eq_ignore_ascii_case(&ident.value));
    let _ = visit_expressions_mut(&mut body, |expr| {
        if let Expr::CompoundIdentifier(idents) = expr
            && let [first, members @ ..] = idents.as_slice()
            && is_parameter(first)
        {
            let members = members.iter().map(|ident| AccessExpr::Dot(text(ident.value.to_lowercase())));
            let root = Box::new(Expr::Identifier(first.clone()));
            *expr = Expr::CompoundFieldAccess { root, access_chain: members.collect() };
        }
        ControlFlow::<()>::Continue(())
    });
    body
}

fn substring(expr: Expr) -> Result<Expr> {
    match expr {
        Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
            Ok(call("lake_substr", [*expr, *from].into_iter().chain(substring_for.map(|length| *length)).collect()))
        }
        other => refuse(&other, "substring needs a place to begin at"),
    }
}

fn cast(expr: Expr) -> Result<Expr> {
    let Expr::Cast { kind, expr: of, data_type, array, format } = expr else { return Ok(expr) };
    // JSON is text here: a JSON string becomes the text in it, as Trino casts it.
    let of = match *of {
        Expr::Function(mut function) if is_named(&function, "json_extract") => {
            function.name = object("json_extract_scalar");
            Expr::Function(function)
        }
        of => of,
    };
    let is_text = matches!(
        data_type,
        DataType::Varchar(None) | DataType::Text | DataType::String(None) | DataType::CharacterVarying(None)
    );
    match data_type {
        _ if is_text => Ok(call("lake_varchar", vec![of])),
        DataType::JSON | DataType::JSONB => refuse(&of, "CAST to JSON is not supported: JSON is text here"),
        // Trino rounds where other engines cut off.
        DataType::BigInt(_)
        | DataType::Int(_)
        | DataType::Integer(_)
        | DataType::SmallInt(_)
        | DataType::TinyInt(_) => {
            Ok(Expr::Cast { kind, expr: Box::new(call("lake_whole", vec![of])), data_type, array, format })
        }
        data_type => Ok(Expr::Cast { kind, expr: Box::new(of), data_type, array, format }),
    }
}

fn is_named(function: &Function, name: &str) -> bool {
    matches!(function.name.0.as_slice(), [ObjectNamePart::Identifier(ident)] if ident.value.eq_ignore_ascii_case(name))
}

fn called(expr: Expr, now: Timestamp) -> Result<Expr> {
    let at = expr.span().start;
    let Expr::Function(mut function) = expr else { return Ok(expr) };
    let refused = |message: String| Err(Refused { at: Some(at), message });
    let name = match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => ident.value.to_lowercase(),
        _ => return refused(format!("Function '{}' not registered", function.name)),
    };
    let Some(meaning) = names::meaning(&name) else {
        return refused(format!("Function '{name}' not registered"));
    };
    if let Meaning::Same(same) = meaning {
        if aggregates::NAMES.contains(&same) && !(function.over.is_none() && is_plain(&function)) {
            return refused(format!("Function '{name}' takes plain arguments, and no window"));
        }
        function.name = object(same);
        return Ok(Expr::Function(function));
    }
    if meaning == Meaning::Listagg {
        return match listed(function) {
            Some(call) => Ok(call),
            None => refused("listagg takes a text, a separator and WITHIN GROUP (ORDER BY …), nothing else".into()),
        };
    }
    let is_plain = function.filter.is_none() && function.over.is_none() && function.within_group.is_empty();
    let Some(arguments) = plain(&mut function).filter(|_| is_plain || meaning.is_aggregate()) else {
        return refused(format!("Function '{name}' takes plain arguments"));
    };
    let counted = arguments.len();
    match meaning.apply(arguments, now) {
        Some(Expr::Function(mut inner)) if meaning.is_aggregate() => {
            if inner.filter.is_some() && function.filter.is_some() {
                return refused(format!("Function '{name}' cannot have a FILTER here"));
            }
            inner.filter = inner.filter.or(function.filter);
            inner.over = function.over;
            Ok(Expr::Function(inner))
        }
        Some(translated) => Ok(translated),
        None => refused(format!("Function '{name}' does not take {counted} arguments here")),
    }
}

/// True for a call that has nothing but arguments, and a FILTER perhaps.
fn is_plain(function: &Function) -> bool {
    match &function.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_none() && list.clauses.is_empty(),
        _ => false,
    }
}

/// `string_agg` for a `listagg`.
fn listed(mut function: Function) -> Option<Expr> {
    let order = std::mem::take(&mut function.within_group);
    let mut arguments = plain(&mut function)?;
    if arguments.len() == 1 {
        arguments.push(text(""));
    }
    if arguments.len() != 2 || order.is_empty() || function.over.is_some() {
        return None;
    }
    let Expr::Function(mut call) = call("string_agg", arguments) else { return None };
    if let FunctionArguments::List(list) = &mut call.args {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    call.filter = function.filter;
    Some(Expr::Function(call))
}

/// The arguments of a call that has nothing but arguments.
fn plain(function: &mut Function) -> Option<Vec<Expr>> {
    match std::mem::replace(&mut function.args, FunctionArguments::None) {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses })
            if clauses.is_empty() =>
        {
            let argument = |arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            };
            args.into_iter().map(argument).collect()
        }
        _ => None,
    }
}

impl Meaning {
    fn is_aggregate(self) -> bool {
        matches!(self, Meaning::CountIf | Meaning::MaxBy | Meaning::MinBy)
    }

    /// What the call of such a function is here; `None` when it has not the arguments for it.
    fn apply(self, arguments: Vec<Expr>, now: Timestamp) -> Option<Expr> {
        let mut arguments = arguments.into_iter();
        let (first, second, third) = (arguments.next(), arguments.next(), arguments.next());
        let rest: Vec<Expr> = arguments.collect();
        match self {
            Meaning::Same(name) => Some(call(name, first.into_iter().chain(second).chain(third).chain(rest).collect())),
            Meaning::Concat => {
                let all: Vec<Expr> = first.into_iter().chain(second).chain(third).chain(rest).collect();
                joined(all)
            }
            _ if !rest.is_empty() => None,
            Meaning::Now | Meaning::Today => {
                let millis = now.iso_millis().replace('T', " ").replace('Z', "");
                let timestamp = DataType::Timestamp(None, TimezoneInfo::None);
                let data_type = if matches!(self, Meaning::Now) { timestamp } else { DataType::Date };
                let begin = if matches!(self, Meaning::Now) { millis.as_str() } else { millis.get(..10)? };
                first.is_none().then(|| Expr::Cast {
                    kind: CastKind::Cast,
                    expr: Box::new(text(begin)),
                    data_type,
                    array: false,
                    format: None,
                })
            }
            Meaning::If => Some(Expr::Case {
                case_token: AttachedToken::empty(),
                end_token: AttachedToken::empty(),
                operand: None,
                conditions: vec![CaseWhen { condition: first?, result: second? }],
                else_result: third.map(Box::new),
            }),
            Meaning::CountIf if second.is_none() => {
                let Expr::Function(mut function) =
                    call("count", vec![Expr::Value(Value::Number("1".into(), false).into())])
                else {
                    return None;
                };
                function.filter = Some(Box::new(first?));
                Some(Expr::Function(function))
            }
            Meaning::MaxBy | Meaning::MinBy if third.is_none() => {
                let options = OrderByOptions { asc: Some(matches!(self, Meaning::MinBy)), nulls_first: Some(false) };
                let order =
                    FunctionArgumentClause::OrderBy(vec![OrderByExpr { expr: second?, options, with_fill: None }]);
                let Expr::Function(mut function) = call("first_value", vec![first?]) else { return None };
                if let FunctionArguments::List(list) = &mut function.args {
                    list.clauses.push(order);
                }
                Some(Expr::Function(function))
            }
            Meaning::Mod if third.is_none() => {
                Some(Expr::Nested(Box::new(binary(first?, BinaryOperator::Modulo, second?))))
            }
            Meaning::Replace => Some(call("replace", vec![first?, second?, third.unwrap_or_else(|| text(""))])),
            Meaning::RegexpReplace => {
                Some(call("lake_regexp_replace", vec![first?, second?, third.unwrap_or_else(|| text(""))]))
            }
            Meaning::ArraySort if second.is_none() => {
                Some(call("array_sort", vec![first?, text("ASC"), text("NULLS LAST")]))
            }
            Meaning::JsonSize if third.is_none() => {
                Some(call("lake_json_size", vec![call("json_extract", vec![first?, second?])]))
            }
            Meaning::Try if second.is_none() => {
                let parameter = LambdaFunctionParameter { name: Ident::new("lake_nothing"), data_type: None };
                let lambda = LambdaFunction {
                    params: OneOrManyWithParens::One(parameter),
                    body: Box::new(first?),
                    syntax: LambdaSyntax::Arrow,
                };
                Some(call("lake_try", vec![Expr::Value(Value::Boolean(true).into()), Expr::Lambda(lambda)]))
            }
            Meaning::CountIf | Meaning::MaxBy | Meaning::MinBy | Meaning::Mod | Meaning::ArraySort => None,
            Meaning::JsonSize | Meaning::Listagg | Meaning::Try => None,
        }
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// `a || b || c`, which is NULL where one of them is; as flat as can be.
fn joined(mut all: Vec<Expr>) -> Option<Expr> {
    if all.len() < 2 {
        return None;
    }
    while all.len() > 1 {
        let mut pairs = Vec::with_capacity(all.len().div_ceil(2));
        let mut rest = all.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => Expr::Nested(Box::new(binary(left, BinaryOperator::StringConcat, right))),
                None => left,
            });
        }
        all = pairs;
    }
    all.pop()
}
