//! Identities of IAM: users, groups, roles, policies and access keys, a document each. Who reads them keeps them all in memory.

use crate::{Catalog, Result};
use sqlx::FromRow;

/// One entity.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct IdentityRow {
    /// Account id.
    pub account: String,
    /// What it is, such as `user`.
    pub kind: String,
    /// Unique among the account's entities of its kind; never used again.
    pub id: String,
    /// JSON.
    pub document: String,
}

impl Catalog {
    /// Every entity of every account.
    pub async fn identities(&self) -> Result<Vec<IdentityRow>> {
        let query = sqlx::query_as("SELECT account, kind, id, document FROM identities ORDER BY account, kind, id");
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Writes some entities and deletes others, all or nothing.
    pub async fn change_identities(&self, put: &[IdentityRow], gone: &[IdentityRow]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for row in gone {
            sqlx::query("DELETE FROM identities WHERE account = $1 AND kind = $2 AND id = $3")
                .bind(&row.account)
                .bind(&row.kind)
                .bind(&row.id)
                .execute(&mut *transaction)
                .await?;
        }
        for row in put {
            sqlx::query(
                "INSERT INTO identities (account, kind, id, document) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (account, kind, id) DO UPDATE SET document = excluded.document",
            )
            .bind(&row.account)
            .bind(&row.kind)
            .bind(&row.id)
            .bind(&row.document)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn entities_are_written_replaced_and_deleted_together() {
        let catalog = Catalog::in_memory().await.unwrap();
        let row = |id: &str, document: &str| IdentityRow {
            account: "1".into(),
            kind: "user".into(),
            id: id.into(),
            document: document.into(),
        };
        catalog.change_identities(&[row("a", "{}"), row("b", "{}")], &[]).await.unwrap();
        catalog.change_identities(&[row("b", "[]")], &[row("a", "{}")]).await.unwrap();
        assert_eq!(catalog.identities().await.unwrap(), [row("b", "[]")]);
    }
}
