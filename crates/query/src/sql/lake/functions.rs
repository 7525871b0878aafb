//! Functions of Trino that DataFusion does not have, or has with another meaning.

pub(super) mod aggregates;
mod collections;
mod dates;
mod formats;
pub(super) mod lambdas;
mod lists;
mod patterns;
mod strict;
mod strings;
mod urls;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use std::hash::{Hash, Hasher};

/// All of them.
pub(super) fn all() -> Vec<ScalarUDF> {
    let functions = collections::FUNCTIONS.iter().chain(&dates::FUNCTIONS).chain(&strings::FUNCTIONS);
    let functions = functions.chain(&formats::FUNCTIONS).chain(&lists::FUNCTIONS);
    let functions = functions.chain(&patterns::FUNCTIONS).chain(&urls::FUNCTIONS);
    functions.map(|function| ScalarUDF::new_from_impl(Trino::new(function))).chain(strict::all()).collect()
}

/// All aggregates.
pub(super) fn aggregates() -> Vec<datafusion::logical_expr::AggregateUDF> {
    aggregates::all()
}

/// A function: its name, how many arguments it takes, and what it makes of them. Arguments come as arrays of one length.
pub(super) struct Function {
    name: &'static str,
    arguments: &'static [usize],
    answers: fn(&[DataType]) -> Result<DataType>,
    apply: fn(&[ArrayRef]) -> Result<ArrayRef>,
}

struct Trino {
    function: &'static Function,
    signature: Signature,
}

impl Trino {
    fn new(function: &'static Function) -> Self {
        let counts = function.arguments.iter().map(|count| TypeSignature::Any(*count)).collect();
        Self { function, signature: Signature::one_of(counts, Volatility::Immutable) }
    }
}

impl std::fmt::Debug for Trino {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.function.name)
    }
}

impl PartialEq for Trino {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Trino {}

impl Hash for Trino {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for Trino {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        (self.function.answers)(arguments)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let answer = (self.function.apply)(&arrays)?;
        Ok(ColumnarValue::Array(cast(&answer, args.return_type())?))
    }
}

fn utf8(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Utf8)
}

fn int64(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Int64)
}
