//! Marks of a catalog in PostgreSQL: which copy of the records a state of it fits. PostgreSQL's own recovery brings a state back, and the last
//! mark in that says which it is.

use crate::pool::Transaction;
use crate::{Catalog, Result};

/// The sequence that marks come from.
const SEQUENCE: &str = "backups";

/// A catalog that takes no writes for as long as this lives, for the state of which a mark was drawn.
pub struct Marking {
    transaction: Transaction,
    mark: Mark,
}

/// The mark of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Rises with each; the last one that is in a catalog is its own.
    pub number: i64,
    /// The transaction that PostgreSQL is to be recovered to, inclusively.
    pub transaction: Option<String>,
}

impl Catalog {
    /// Keeps everybody from writing, so that what is copied meanwhile fits the state that is marked.
    pub async fn begin_mark(&self) -> Result<Marking> {
        let mut transaction = self.pool.begin().await?;
        let number = Self::next_id(&mut transaction, SEQUENCE).await?;
        let id = match self.pool.is_postgres() {
            false => None,
            true => {
                let asked = sqlx::query_as("SELECT CAST(pg_current_xact_id() AS TEXT)");
                let (id,): (String,) = asked.fetch_one(&mut *transaction).await?;
                Some(id)
            }
        };
        Ok(Marking { transaction, mark: Mark { number, transaction: id } })
    }

    /// The number of the last mark; `None` when there was none.
    pub async fn last_mark(&self) -> Result<Option<i64>> {
        let found: Option<(i64,)> = sqlx::query_as("SELECT next_value FROM sequences WHERE name = $1")
            .bind(SEQUENCE)
            .fetch_optional(&self.pool)
            .await?;
        Ok(found.map(|(number,)| number))
    }
}

impl Marking {
    /// Marks the state, which may change again.
    pub async fn commit(self) -> Result<Mark> {
        self.transaction.commit().await?;
        Ok(self.mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mark_that_is_not_finished_is_none() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert_eq!(catalog.last_mark().await.unwrap(), None);
        for number in 1..=2 {
            let mark = catalog.begin_mark().await.unwrap().commit().await.unwrap();
            assert_eq!((mark.number, mark.transaction.is_some()), (number, catalog.pool.is_postgres()));
            drop(catalog.begin_mark().await.unwrap());
            assert_eq!(catalog.last_mark().await.unwrap(), Some(number));
        }
    }
}
