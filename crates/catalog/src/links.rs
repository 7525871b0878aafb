//! Links: what a source account shares with the sink of a monitoring account, in one region.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::Scope;
use sqlx::FromRow;
use std::collections::BTreeMap;

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The source account, and the region.
    pub scope: Scope,
    /// Unique among all links.
    pub id: String,
    /// The sink that it ends at.
    pub sink_id: String,
    /// The monitoring account, which the sink is of.
    pub monitoring_account: String,
    /// Its name in the monitoring account, maybe with variables.
    pub label_template: String,
    /// What is shared, such as `AWS::Logs::LogGroup`.
    pub resource_types: Vec<String>,
    /// Which log groups are shared; `None` for all.
    pub log_group_filter: Option<String>,
    /// Which namespaces are shared; `None` for all.
    pub metric_filter: Option<String>,
}

/// What became of a request to make a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkCreated {
    /// It is there.
    Created,
    /// The account is linked to the sink already.
    Exists,
    /// The sink is gone.
    NoSink,
    /// The source account has as many links as it may.
    TooMany,
}

const COLUMNS: &str = "links.account, links.region, links.id, links.sink_id, sinks.account AS monitoring_account, \
                       links.label_template, links.resource_types, links.log_group_filter, links.metric_filter";

#[derive(FromRow)]
struct Row {
    account: String,
    region: String,
    id: String,
    sink_id: String,
    monitoring_account: String,
    label_template: String,
    resource_types: String,
    log_group_filter: Option<String>,
    metric_filter: Option<String>,
}

impl Row {
    fn link(self) -> Result<Link> {
        Ok(Link {
            scope: Scope { account: self.account, region: self.region },
            id: self.id,
            sink_id: self.sink_id,
            monitoring_account: self.monitoring_account,
            label_template: self.label_template,
            resource_types: serde_json::from_str(&self.resource_types)?,
            log_group_filter: self.log_group_filter,
            metric_filter: self.metric_filter,
        })
    }
}

fn links(rows: Vec<Row>) -> Result<Vec<Link>> {
    rows.into_iter().map(Row::link).collect()
}

impl Catalog {
    /// Makes a link with its tags under `arn`, unless its account has `max` in the region already.
    pub async fn create_link(
        &self,
        link: &Link,
        max: usize,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<LinkCreated> {
        let types = serde_json::to_string(&link.resource_types)?;
        let mut transaction = self.pool.begin().await?;
        // A write first, so that no other writer can come between reading and writing.
        let made = sqlx::query(
            "INSERT INTO links (account, region, id, sink_id, label_template, resource_types, log_group_filter, metric_filter) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS (SELECT 1 FROM sinks WHERE id = $4) \
             ON CONFLICT (account, region, sink_id) DO NOTHING",
        )
        .bind(&link.scope.account)
        .bind(&link.scope.region)
        .bind(&link.id)
        .bind(&link.sink_id)
        .bind(&link.label_template)
        .bind(types)
        .bind(&link.log_group_filter)
        .bind(&link.metric_filter)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            let there: Option<(String,)> = sqlx::query_as("SELECT id FROM sinks WHERE id = $1")
                .bind(&link.sink_id)
                .fetch_optional(&mut *transaction)
                .await?;
            return Ok(if there.is_some() { LinkCreated::Exists } else { LinkCreated::NoSink });
        }
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM links WHERE account = $1 AND region = $2")
            .bind(&link.scope.account)
            .bind(&link.scope.region)
            .fetch_one(&mut *transaction)
            .await?;
        if usize::try_from(count).unwrap_or(usize::MAX) > max {
            return Ok(LinkCreated::TooMany);
        }
        insert_tags(&mut transaction, arn, tags).await?;
        transaction.commit().await?;
        Ok(LinkCreated::Created)
    }

    /// The link of this id that `scope` made.
    pub async fn link(&self, scope: &Scope, id: &str) -> Result<Option<Link>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM links JOIN sinks ON sinks.id = links.sink_id \
             WHERE links.account = $1 AND links.region = $2 AND links.id = $3"
        );
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.map(Row::link).transpose()
    }

    /// The links that `scope` made, by id: up to `limit` after `after`.
    pub async fn links_from(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<Link>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM links JOIN sinks ON sinks.id = links.sink_id \
             WHERE links.account = $1 AND links.region = $2 AND links.id > $3 ORDER BY links.id LIMIT $4"
        );
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?;
        links(rows)
    }

    /// The links to the sink of `monitoring`, by source account: up to `limit` after the account `after`.
    pub async fn links_to(&self, monitoring: &Scope, after: &str, limit: usize) -> Result<Vec<Link>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM links JOIN sinks ON sinks.id = links.sink_id \
             WHERE sinks.account = $1 AND sinks.region = $2 AND links.account > $3 ORDER BY links.account LIMIT $4"
        );
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&monitoring.account)
            .bind(&monitoring.region)
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?;
        links(rows)
    }

    /// The link of a source account to the sink of `monitoring`.
    pub async fn link_between(&self, source: &str, monitoring: &Scope) -> Result<Option<Link>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM links JOIN sinks ON sinks.id = links.sink_id \
             WHERE sinks.account = $1 AND sinks.region = $2 AND links.account = $3"
        );
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&monitoring.account)
            .bind(&monitoring.region)
            .bind(source)
            .fetch_optional(&self.pool)
            .await?;
        row.map(Row::link).transpose()
    }

    /// Sets what a link shares. False when it is gone.
    pub async fn update_link(&self, link: &Link) -> Result<bool> {
        let updated = sqlx::query(
            "UPDATE links SET resource_types = $4, log_group_filter = $5, metric_filter = $6 \
             WHERE account = $1 AND region = $2 AND id = $3",
        )
        .bind(&link.scope.account)
        .bind(&link.scope.region)
        .bind(&link.id)
        .bind(serde_json::to_string(&link.resource_types)?)
        .bind(&link.log_group_filter)
        .bind(&link.metric_filter)
        .execute(&self.pool)
        .await?;
        Ok(updated.rows_affected() > 0)
    }

    /// Deletes a link with its tags. False when it was gone.
    pub async fn delete_link(&self, scope: &Scope, id: &str, arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM links WHERE account = $1 AND region = $2 AND id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(gone.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sink, SinkDeletion};

    fn scope(account: &str) -> Scope {
        Scope { account: account.into(), region: "us-east-1".into() }
    }

    async fn sink(catalog: &Catalog, account: &str) -> String {
        let sink = Sink { scope: scope(account), id: format!("sink-{account}"), name: "s".into(), policy: None };
        assert!(catalog.create_sink(&sink, &sink.id, &BTreeMap::new()).await.unwrap());
        assert!(
            !catalog
                .create_sink(&Sink { id: "other".into(), ..sink.clone() }, "other", &BTreeMap::new())
                .await
                .unwrap()
        );
        sink.id
    }

    fn link(source: &str, sink_id: &str, monitoring: &str) -> Link {
        Link {
            scope: scope(source),
            id: format!("{source}-{sink_id}"),
            sink_id: sink_id.into(),
            monitoring_account: monitoring.into(),
            label_template: "$AccountName".into(),
            resource_types: vec!["AWS::Logs::LogGroup".into()],
            log_group_filter: Some("LogGroupName = 'a'".into()),
            metric_filter: None,
        }
    }

    #[tokio::test]
    async fn links_are_counted_found_from_both_ends_and_hold_their_sink() {
        let catalog = Catalog::in_memory().await.unwrap();
        let none = BTreeMap::new();
        let create = async |link: &Link| catalog.create_link(link, 2, &link.id, &none).await.unwrap();
        let (one, two, three) = (sink(&catalog, "1").await, sink(&catalog, "2").await, sink(&catalog, "3").await);
        let first = link("9", &one, "1");
        assert_eq!(create(&first).await, LinkCreated::Created);
        assert_eq!(create(&Link { id: "again".into(), ..first.clone() }).await, LinkCreated::Exists);
        assert_eq!(create(&link("9", "nowhere", "1")).await, LinkCreated::NoSink);
        assert_eq!(create(&link("9", &two, "2")).await, LinkCreated::Created);
        assert_eq!(create(&link("9", &three, "3")).await, LinkCreated::TooMany);
        assert_eq!(create(&link("8", &one, "1")).await, LinkCreated::Created);

        let sources = |links: Vec<Link>| links.into_iter().map(|link| link.scope.account).collect::<Vec<_>>();
        assert_eq!(sources(catalog.links_to(&scope("1"), "", 10).await.unwrap()), ["8", "9"]);
        assert_eq!(sources(catalog.links_to(&scope("1"), "8", 10).await.unwrap()), ["9"]);
        assert_eq!(catalog.links_from(&scope("9"), "", 10).await.unwrap().len(), 2);
        assert_eq!(catalog.link_between("9", &scope("1")).await.unwrap(), Some(first.clone()));
        assert_eq!(catalog.link_between("9", &scope("3")).await.unwrap(), None);
        assert_eq!(catalog.link(&scope("8"), &first.id).await.unwrap(), None);

        let changed = Link { metric_filter: Some("Namespace = 'b'".into()), log_group_filter: None, ..first.clone() };
        assert!(catalog.update_link(&changed).await.unwrap());
        assert_eq!(catalog.link(&scope("9"), &first.id).await.unwrap(), Some(changed));
        assert_eq!(catalog.delete_sink(&one, &one).await.unwrap(), SinkDeletion::Linked);
        for source in ["8", "9"] {
            let id = format!("{source}-{one}");
            assert!(catalog.delete_link(&scope(source), &id, &id).await.unwrap());
            assert!(!catalog.delete_link(&scope(source), &id, &id).await.unwrap());
        }
        assert_eq!(catalog.delete_sink(&one, &one).await.unwrap(), SinkDeletion::Deleted);
        assert_eq!(catalog.delete_sink(&one, &one).await.unwrap(), SinkDeletion::Absent);
    }
}
