//! How far live detections have looked at audit events.

use crate::{Catalog, Result};

impl Catalog {
    /// The sequence of the first audit event that was not looked at; `None` when none ever was.
    pub async fn detection_position(&self) -> Result<Option<i64>> {
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT next_sequence FROM detection_position").fetch_optional(&self.pool).await?;
        Ok(row.map(|(next,)| next))
    }

    /// Notes that every audit event below `next` was looked at.
    pub async fn set_detection_position(&self, next: i64) -> Result<()> {
        sqlx::query(
            "INSERT INTO detection_position (id, next_sequence) VALUES (1, $1) \
             ON CONFLICT (id) DO UPDATE SET next_sequence = excluded.next_sequence",
        )
        .bind(next)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_position_is_kept() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert_eq!(catalog.detection_position().await.unwrap(), None);
        catalog.set_detection_position(7).await.unwrap();
        catalog.set_detection_position(9).await.unwrap();
        assert_eq!(catalog.detection_position().await.unwrap(), Some(9));
    }
}
