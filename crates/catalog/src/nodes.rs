//! The nodes of a cluster: who is there, and the digest of the keys that all of them have. Nodes write here whether they lead or not.

use crate::{Catalog, Result};
use sqlx::{AssertSqlSafe, FromRow};

/// A node that was not seen for so long is forgotten: a day, milliseconds.
const FORGOTTEN_AFTER_MS: i64 = 24 * 60 * 60 * 1000;
/// The one row of digests.
const ALL_KEYS: &str = "all";

/// A node as it told of itself.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Node {
    /// The holder of its leases.
    pub id: String,
    /// What the operator calls it.
    pub name: String,
    /// Where other nodes reach it.
    pub address: String,
    /// Its version of Trailwatch.
    pub version: String,
    /// What it does, such as `ingest,query,tasks`.
    pub roles: String,
    /// How long ago it told so, milliseconds by the database's clock.
    pub seen_ago_ms: i64,
}

impl Catalog {
    /// Says that a node is there. Shows no token and waits for no writer: a node's row is its own, whoever leads.
    pub async fn node_is_there(&self, id: &str, name: &str, address: &str, version: &str, roles: &str) -> Result<()> {
        let now = self.now_ms();
        sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO nodes (id, name, address, version, roles, seen_ms) VALUES ($1, $2, $3, $4, $5, {now}) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, version = excluded.version, \
             roles = excluded.roles, seen_ms = excluded.seen_ms"
        )))
        .bind(id)
        .bind(name)
        .bind(address)
        .bind(version)
        .bind(roles)
        .execute(self.pool.connections())
        .await?;
        sqlx::query(AssertSqlSafe(format!("DELETE FROM nodes WHERE seen_ms < {now} - $1")))
            .bind(FORGOTTEN_AFTER_MS)
            .execute(self.pool.connections())
            .await?;
        Ok(())
    }

    /// Forgets a node that ends.
    pub async fn node_is_gone(&self, id: &str) -> Result<()> {
        sqlx::query("DELETE FROM nodes WHERE id = $1").bind(id).execute(self.pool.connections()).await?;
        Ok(())
    }

    /// All nodes that were seen within a day, by name.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        let nodes = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT id, name, address, version, roles, {} - seen_ms AS seen_ago_ms FROM nodes ORDER BY name, id",
            self.now_ms()
        )));
        Ok(nodes.fetch_all(&self.pool).await?)
    }

    /// The digest of the keys that the first node had; `None` before there was one.
    pub async fn keys_digest(&self) -> Result<Option<String>> {
        let found: Option<(String,)> = sqlx::query_as("SELECT digest FROM cluster_keys WHERE name = $1")
            .bind(ALL_KEYS)
            .fetch_optional(&self.pool)
            .await?;
        Ok(found.map(|(digest,)| digest))
    }

    /// Records the digest of a node's keys where none is there yet; answers the one that counts.
    pub async fn record_keys_digest(&self, digest: &str) -> Result<String> {
        sqlx::query("INSERT INTO cluster_keys (name, digest) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(ALL_KEYS)
            .bind(digest)
            .execute(self.pool.connections())
            .await?;
        Ok(self.keys_digest().await?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nodes_are_there_until_they_say_otherwise_and_a_reset_changes_none() {
        let catalog = Catalog::in_memory().await.unwrap();
        catalog.node_is_there("b", "two", "http://b", "1", "ingest").await.unwrap();
        catalog.node_is_there("a", "one", "http://old", "1", "ingest").await.unwrap();
        catalog.node_is_there("a", "one", "http://a", "2", "query,tasks").await.unwrap();
        catalog.reset().await.unwrap();
        let nodes = catalog.nodes().await.unwrap();
        let told: Vec<_> = nodes
            .iter()
            .map(|node| [&node.id, &node.address, &node.version, &node.roles].map(String::as_str))
            .collect();
        assert_eq!(
            told,
            [["a", "http://a", "2", "query,tasks"], ["b", "http://b", "1", "ingest"]],
            "by name: one, two"
        );
        assert!(nodes.iter().all(|node| (0..FORGOTTEN_AFTER_MS).contains(&node.seen_ago_ms)), "{nodes:?}");
        catalog.node_is_gone("a").await.unwrap();
        assert_eq!(catalog.nodes().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_first_digest_of_keys_counts() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert_eq!(catalog.keys_digest().await.unwrap(), None);
        assert_eq!(catalog.record_keys_digest("first").await.unwrap(), "first");
        assert_eq!(catalog.record_keys_digest("other").await.unwrap(), "first");
        catalog.reset().await.unwrap();
        assert_eq!(catalog.keys_digest().await.unwrap().as_deref(), Some("first"));
    }
}
