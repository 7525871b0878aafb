//! `greatest` and `least`, which are NULL where one of their arguments is.

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::functions::core;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use std::sync::Arc;

/// Both.
pub(super) fn all() -> Vec<ScalarUDF> {
    [("lake_greatest", core::greatest()), ("lake_least", core::least())]
        .map(|(name, inner)| ScalarUDF::from(Strict { name, inner }))
        .into()
}

/// A function of the engine that passes over NULLs.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Strict {
    name: &'static str,
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Strict {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args.args.iter().map(|value| value.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let has_null = |row: usize| arrays.iter().any(|array| array.is_null(row));
        let missing: BooleanArray = (0..rows).map(|row| Some(has_null(row))).collect();
        let best = self.inner.invoke_with_args(args)?.into_array(rows)?;
        Ok(ColumnarValue::Array(nullif(&best, &missing)?))
    }
}
