//! `GET /_trailwatch/cluster`: the nodes of a cluster and who leads, answered by the node that does.

use crate::own::{self, Endpoint, Refusal, check_reach};
use crate::server::Server;
use catalog::{Node, SERVER_LEASE};
use serde::{Deserialize, Serialize};
use wire::{Access, HttpRequest, Response};

/// Where it is.
pub const PATH: &str = "/_trailwatch/cluster";
const ENDPOINT: Endpoint = Endpoint::ours("GetCluster", Access::Read);

/// A cluster.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// Its nodes, by name.
    pub nodes: Vec<NodeStatus>,
    /// Who leads, or led last.
    pub lease: LeaseStatus,
}

/// A node.
#[derive(Debug, Serialize, Deserialize)]
pub struct NodeStatus {
    /// What its operator calls it.
    pub name: String,
    /// Where other nodes reach it.
    pub address: String,
    /// `leader` or `standby`.
    pub role: String,
    /// How long ago it said that it is there, milliseconds.
    pub seen_ago_ms: i64,
    /// Its version of Trailwatch.
    pub version: String,
    /// What it does, such as `ingest,query,tasks`.
    #[serde(default)]
    pub roles: String,
}

/// The right to lead.
#[derive(Debug, Serialize, Deserialize)]
pub struct LeaseStatus {
    /// Name of the node that has it; its identifier where it is not among the nodes.
    pub holder: String,
    /// Where that is reached.
    pub address: String,
    /// Rises each time the lease goes to a node.
    pub token: i64,
    /// How long it lasts unless renewed, milliseconds.
    pub left_ms: i64,
}

/// Answers for a caller of the server's own account.
pub async fn answer(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let run = async |caller: &model::Caller| {
        check_reach(server, caller)?;
        status(server).await
    };
    own::answered(ENDPOINT.call(server, (request, source_ip), None, run).await)
}

async fn status(server: &Server) -> Result<Status, Refusal> {
    let catalog = &server.trail.catalog;
    let alone = || Refusal::new(404, "ResourceNotFoundException", "This server is no node of a cluster.");
    if server.config.cluster.is_none() {
        return Err(alone());
    }
    let seen = catalog.lease(SERVER_LEASE).await?.ok_or_else(alone)?;
    let nodes = catalog.nodes().await?;
    let holder = nodes.iter().find(|node| node.id == seen.lease.holder);
    let lease = LeaseStatus {
        holder: holder.map_or_else(|| seen.lease.holder.clone(), |node| node.name.clone()),
        address: seen.lease.address,
        token: seen.lease.token,
        left_ms: seen.left_ms,
    };
    let role = |node: &Node| if node.id == seen.lease.holder { "leader" } else { "standby" };
    let told = |node: Node| NodeStatus {
        role: role(&node).to_owned(),
        name: node.name,
        address: node.address,
        seen_ago_ms: node.seen_ago_ms,
        version: node.version,
        roles: node.roles,
    };
    Ok(Status { nodes: nodes.into_iter().map(told).collect(), lease })
}
