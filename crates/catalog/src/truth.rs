//! A truth in an answer: a column has 0 or 1, an expression is a boolean to PostgreSQL and a number to SQLite.

use sqlx::any::{AnyTypeInfo, AnyValueRef};
use sqlx::error::BoxDynError;
use sqlx::{Any, Decode, Type, ValueRef};

/// What a `bool` field is read through: `#[sqlx(try_from = "Truth")]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth(bool);

impl From<Truth> for bool {
    fn from(truth: Truth) -> Self {
        truth.0
    }
}

impl Type<Any> for Truth {
    fn type_info() -> AnyTypeInfo {
        <i64 as Type<Any>>::type_info()
    }

    fn compatible(info: &AnyTypeInfo) -> bool {
        <i64 as Type<Any>>::compatible(info) || <bool as Type<Any>>::compatible(info)
    }
}

impl<'r> Decode<'r, Any> for Truth {
    fn decode(value: AnyValueRef<'r>) -> Result<Self, BoxDynError> {
        if <bool as Type<Any>>::compatible(&value.type_info()) {
            return Ok(Self(<bool as Decode<Any>>::decode(value)?));
        }
        Ok(Self(<i64 as Decode<Any>>::decode(value)? != 0))
    }
}
