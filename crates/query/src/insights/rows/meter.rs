//! `Meter`: what bounds the work on rows: the bytes that a command makes, and whether its answer is still wanted.

use super::super::plan::PlanError;
use super::super::value::Value;

/// Whether the answer is still wanted is asked so often, rows.
const ROWS_UNASKED: u32 = 1_024;

/// What bounds the work on rows.
#[derive(Clone, Copy)]
pub(in crate::insights) struct Bounds<'a> {
    /// Bytes that the rows of a command may take.
    pub memory_max: usize,
    /// False once nobody waits for the answer.
    pub is_wanted: &'a dyn Fn() -> bool,
}

impl<'a> Bounds<'a> {
    /// Fails when nobody waits for the answer.
    pub fn check(&self) -> Result<(), PlanError> {
        if (self.is_wanted)() { Ok(()) } else { Err(PlanError::Unwanted) }
    }

    /// Of a command that has taken so many bytes.
    pub fn meter(self, command: &'static str, bytes: usize) -> Meter<'a> {
        Meter { bounds: self, command, bytes, looked: 0 }
    }
}

/// What a command has taken.
pub(in crate::insights) struct Meter<'a> {
    bounds: Bounds<'a>,
    command: &'static str,
    bytes: usize,
    looked: u32,
}

impl Meter<'_> {
    /// A look at a row.
    pub fn look(&mut self) -> Result<(), PlanError> {
        self.looked += 1;
        if self.looked < ROWS_UNASKED {
            return Ok(());
        }
        self.looked = 0;
        self.bounds.check()
    }

    /// A look at a row that takes so many bytes.
    pub fn take(&mut self, bytes: usize) -> Result<(), PlanError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.bounds.memory_max {
            return Err(PlanError::Memory { command: self.command, max: self.bounds.memory_max });
        }
        self.look()
    }

    /// The same of a row that may give bytes back.
    pub fn grow(&mut self, by: isize) -> Result<(), PlanError> {
        self.bytes = self.bytes.saturating_add_signed(by);
        self.take(0)
    }

    /// So many bytes are taken no more.
    pub fn give_back(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Takes a value.
    pub fn value(&mut self, value: Value<'static>) -> Result<Value<'static>, PlanError> {
        self.take(size_of::<Value<'_>>() + value.heap_bytes())?;
        Ok(value)
    }
}
