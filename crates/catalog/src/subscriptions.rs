//! Subscriptions of topics: pending until someone who knows the token confirms them.

use crate::deliveries::{Publication, insert_publications};
use crate::topics::{count_deleted, with_attribute};
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Account and region of the topic.
    pub scope: Scope,
    /// Name of the topic.
    pub topic: String,
    /// Last part of the ARN.
    pub id: String,
    /// `http`, `https`, `email` or `email-json`.
    pub protocol: String,
    /// URL or address.
    pub endpoint: String,
    /// The attributes that were set.
    pub attributes: BTreeMap<String, String>,
    /// What confirms it.
    pub token: String,
    /// Until when the token does.
    pub token_expires: Timestamp,
    /// Whether it receives messages.
    pub confirmed: bool,
    /// Whether the confirmation was a signed call.
    pub confirmed_signed: bool,
    /// Whether only a signed call may unsubscribe.
    pub unsubscribe_signed: bool,
}

/// How many subscriptions a topic has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// Those that receive messages.
    pub confirmed: i64,
    /// Those that wait for their confirmation.
    pub pending: i64,
}

#[derive(sqlx::FromRow)]
struct SubscriptionRow {
    account: String,
    region: String,
    topic: String,
    id: String,
    protocol: String,
    endpoint: String,
    attributes: String,
    token: String,
    token_expires_ms: i64,
    confirmed: i64,
    confirmed_signed: i64,
    unsubscribe_signed: i64,
}

/// The columns of `SubscriptionRow`, as a literal for `concat!`.
macro_rules! columns {
    () => {
        "account, region, topic, id, protocol, endpoint, attributes, token, token_expires_ms, confirmed, \
         confirmed_signed, unsubscribe_signed"
    };
}

impl TryFrom<SubscriptionRow> for Subscription {
    type Error = crate::Error;

    fn try_from(row: SubscriptionRow) -> Result<Self> {
        Ok(Self {
            scope: Scope { account: row.account, region: row.region },
            topic: row.topic,
            id: row.id,
            protocol: row.protocol,
            endpoint: row.endpoint,
            attributes: serde_json::from_str(&row.attributes)?,
            token: row.token,
            token_expires: Timestamp(row.token_expires_ms),
            confirmed: row.confirmed != 0,
            confirmed_signed: row.confirmed_signed != 0,
            unsubscribe_signed: row.unsubscribe_signed != 0,
        })
    }
}

impl Catalog {
    /// Makes a pending subscription together with the message that asks for its confirmation. A pending one with the same
    /// endpoint gets the new token instead, and keeps its id. False when the topic is gone, or the subscription is confirmed.
    pub async fn subscribe(&self, new: &Subscription, confirmation: &Publication) -> Result<bool> {
        let attributes = serde_json::to_string(&new.attributes)?;
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO subscriptions (account, region, topic, id, protocol, endpoint, attributes, token, \
             token_expires_ms, confirmed, confirmed_signed, unsubscribe_signed) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0 FROM topics \
             WHERE account = $1 AND region = $2 AND name = $3 \
             ON CONFLICT (account, region, topic, protocol, endpoint) DO UPDATE SET attributes = excluded.attributes, \
             token = excluded.token, token_expires_ms = excluded.token_expires_ms \
             WHERE subscriptions.confirmed = 0 AND subscriptions.id = excluded.id",
        )
        .bind(&new.scope.account)
        .bind(&new.scope.region)
        .bind(&new.topic)
        .bind(&new.id)
        .bind(&new.protocol)
        .bind(&new.endpoint)
        .bind(attributes)
        .bind(&new.token)
        .bind(new.token_expires.0)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        insert_publications(&mut transaction, std::slice::from_ref(confirmation)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The subscription of this id.
    pub async fn subscription(&self, scope: &Scope, topic: &str, id: &str) -> Result<Option<Subscription>> {
        let row: Option<SubscriptionRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM subscriptions WHERE account = $1 AND region = $2 AND topic = $3 AND id = $4"
        ))
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        row.map(Subscription::try_from).transpose()
    }

    /// The subscription of this endpoint.
    pub async fn subscription_of_endpoint(
        &self,
        scope: &Scope,
        topic: &str,
        protocol: &str,
        endpoint: &str,
    ) -> Result<Option<Subscription>> {
        let row: Option<SubscriptionRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM subscriptions WHERE account = $1 AND region = $2 AND topic = $3 AND protocol = $4 AND endpoint = $5"
        ))
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .bind(protocol)
        .bind(endpoint)
        .fetch_optional(&self.pool)
        .await?;
        row.map(Subscription::try_from).transpose()
    }

    /// Up to `limit` subscriptions after (topic, id), of one topic or of all, in that order.
    pub async fn subscriptions(
        &self,
        scope: &Scope,
        topic: Option<&str>,
        after: (&str, &str),
        limit: usize,
    ) -> Result<Vec<Subscription>> {
        let rows: Vec<SubscriptionRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM subscriptions WHERE account = $1 AND region = $2 AND ($3 IS NULL OR topic = $3) \
             AND (topic, id) > ($4, $5) ORDER BY topic, id LIMIT $6"
        ))
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .bind(after.0)
        .bind(after.1)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Subscription::try_from).collect()
    }

    /// All confirmed subscriptions of a topic.
    pub async fn confirmed_subscriptions(&self, scope: &Scope, topic: &str) -> Result<Vec<Subscription>> {
        let rows: Vec<SubscriptionRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM subscriptions WHERE account = $1 AND region = $2 AND topic = $3 AND confirmed = 1 ORDER BY id"
        ))
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Subscription::try_from).collect()
    }

    /// How many subscriptions a topic has.
    pub async fn subscription_counts(&self, scope: &Scope, topic: &str) -> Result<SubscriptionCounts> {
        let (all, confirmed): (i64, i64) = sqlx::query_as(
            "SELECT COUNT(*), COUNT(CASE WHEN confirmed = 1 THEN 1 END) FROM subscriptions \
             WHERE account = $1 AND region = $2 AND topic = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .fetch_one(&self.pool)
        .await?;
        Ok(SubscriptionCounts { confirmed, pending: all - confirmed })
    }

    /// Confirms the subscription of a token that is still good at `now`; a confirmed one stays as it is. Answers its id.
    pub async fn confirm_subscription(
        &self,
        scope: &Scope,
        topic: &str,
        token: &str,
        now: Timestamp,
        signed: bool,
        unsubscribe_signed: bool,
    ) -> Result<Option<String>> {
        let row: Option<(String,)> = sqlx::query_as(
            "UPDATE subscriptions SET confirmed = 1, \
             confirmed_signed = CASE confirmed WHEN 1 THEN confirmed_signed ELSE $6 END, \
             unsubscribe_signed = CASE confirmed WHEN 1 THEN unsubscribe_signed ELSE $7 END \
             WHERE account = $1 AND region = $2 AND topic = $3 AND token = $4 AND token_expires_ms > $5 RETURNING id",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .bind(token)
        .bind(now.0)
        .bind(i64::from(signed))
        .bind(i64::from(unsubscribe_signed))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(id,)| id))
    }

    /// Sets one attribute of a subscription, or takes it away. False when the subscription is gone.
    pub async fn set_subscription_attribute(
        &self,
        subscription: &Subscription,
        attribute: &str,
        value: Option<&str>,
    ) -> Result<bool> {
        let Subscription { scope, topic, id, .. } = subscription;
        let mut transaction = self.pool.begin().await?;
        // A write first, so that no other writer can come between reading and writing.
        let row: Option<(String,)> = sqlx::query_as(
            "UPDATE subscriptions SET attributes = attributes \
             WHERE account = $1 AND region = $2 AND topic = $3 AND id = $4 RETURNING attributes",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((text,)) = row else { return Ok(false) };
        sqlx::query(
            "UPDATE subscriptions SET attributes = $5 WHERE account = $1 AND region = $2 AND topic = $3 AND id = $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .bind(id)
        .bind(with_attribute(&text, attribute, value)?)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes a subscription and counts that in its topic. False when it was gone.
    pub async fn unsubscribe(&self, scope: &Scope, topic: &str, id: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let gone =
            sqlx::query("DELETE FROM subscriptions WHERE account = $1 AND region = $2 AND topic = $3 AND id = $4")
                .bind(&scope.account)
                .bind(&scope.region)
                .bind(topic)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        count_deleted(&mut transaction, scope, topic, 1).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Makes a confirmed subscription pending again under its new token, together with its last message, and counts it as deleted in
    /// its topic. False when it is not confirmed any more.
    pub async fn suspend_subscription(&self, subscription: &Subscription, farewell: &Publication) -> Result<bool> {
        let Subscription { scope, topic, id, token, token_expires, .. } = subscription;
        let mut transaction = self.pool.begin().await?;
        let suspended = sqlx::query(
            "UPDATE subscriptions SET confirmed = 0, token = $5, token_expires_ms = $6 \
             WHERE account = $1 AND region = $2 AND topic = $3 AND id = $4 AND confirmed = 1",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(topic)
        .bind(id)
        .bind(token)
        .bind(token_expires.0)
        .execute(&mut *transaction)
        .await?;
        if suspended.rows_affected() == 0 {
            return Ok(false);
        }
        count_deleted(&mut transaction, scope, topic, 1).await?;
        insert_publications(&mut transaction, std::slice::from_ref(farewell)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets subscriptions that nobody confirmed in time; answers how many.
    pub async fn expire_pending_subscriptions(&self, now: Timestamp) -> Result<u64> {
        let gone = sqlx::query("DELETE FROM subscriptions WHERE confirmed = 0 AND token_expires_ms <= $1")
            .bind(now.0)
            .execute(&self.pool)
            .await?;
        Ok(gone.rows_affected())
    }
}
