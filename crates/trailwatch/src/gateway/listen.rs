//! The gateway's listener: accepts connections, with TLS or without, shared out by address, watches them for silence, and lets calls
//! finish when it stops.

#[cfg(test)]
mod tests;

use crate::http::Watched;
use crate::tls::Acceptor;
use ::gateway::Gateway;
use ::gateway::call::Tls;
use ::gateway::connection::connection;
use ::gateway::proxy::Client;
use ::gateway::shares::{Holder, Shares};
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Open connections; of one address as many as are free ([`::gateway::shares`]).
const CONNECTIONS_MAX: usize = 8192;
/// How long a connection may be without a byte either way: longer than any call takes (Lambda's Invoke: 15 minutes).
const SILENCE_MAX: Duration = Duration::from_secs(17 * 60);
/// How long running calls may take to finish after a stop was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Takes connections until `stop` resolves; when this returns, every call has its event on the way.
pub async fn listen(
    listener: TcpListener,
    tls: Option<Acceptor>,
    gateway: Arc<Gateway>,
    stop: impl Future<Output = ()>,
) {
    serve(listener, tls, gateway, Shares::new(CONNECTIONS_MAX), stop).await;
}

async fn serve(
    listener: TcpListener,
    tls: Option<Acceptor>,
    gateway: Arc<Gateway>,
    places: Shares,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(());
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a client that left early: wait a moment instead of spinning.
                tracing::debug!(%error, "accept connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        // Closed, so that its client knows: in the queue of the kernel it would be in the way of others.
        let Some(place) = places.take(Holder::at(peer.ip()), 1) else {
            tracing::debug!(%peer, "this address has its share of connections");
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (tls, mut stopped, watcher, gateway) =
            (tls.clone(), stopped.clone(), graceful.watcher(), Arc::clone(&gateway));
        // A task of its own, handshake and all: who connects and is silent holds up nobody.
        connections.spawn(async move {
            let wrapped = |stream| Watched::new(stream, SILENCE_MAX);
            let ended = match tls {
                None => {
                    let client = Client { address: peer, tls: None };
                    watcher.watch(connection(wrapped(stream), client, gateway)).await
                }
                Some(acceptor) => {
                    let shaken = tokio::select! {
                        shaken = acceptor.accept(stream, wrapped) => shaken,
                        _ = stopped.changed() => Err(io::ErrorKind::ConnectionAborted.into()),
                    };
                    match shaken {
                        Ok((stream, agreed)) => {
                            let (version, cipher_suite) = (agreed.version.into(), agreed.cipher_suite.into());
                            let client = Client { address: peer, tls: Some(Tls { version, cipher_suite }) };
                            watcher.watch(connection(stream, client, gateway)).await
                        }
                        Err(error) => Err(error.into()),
                    }
                }
            };
            // A client that hangs up or sends nonsense ends its own connection and nothing else.
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "connection ended");
            }
            drop(place);
        });
    }
    drop((listener, stopping));
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::info!("some calls did not finish in time and were cut off");
    }
    // Those that were cut off become events as they are dropped.
    connections.shutdown().await;
}
