//! Metrics, health and the current audit over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::live::listen::{Counts, now_ns};

/// What is asked of the judge.
#[derive(Debug)]
pub enum Ask {
    Metrics(oneshot::Sender<String>),
    Audit(oneshot::Sender<String>),
}

/// Questions that wait for the judge; more are answered "busy".
pub const QUEUED_ASKS: usize = 16;

/// The judge answers between two batches, and during no interim audit.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A judge that was silent for longer is not healthy.
const SILENT_NS: u64 = 60_000_000_000;

/// What the pages know.
#[derive(Clone, Debug)]
pub struct Shared {
    pub asks: mpsc::Sender<Ask>,
    pub interfaces: Arc<Vec<(String, Arc<Counts>)>>,
    /// When the judge last went round.
    pub beat_ns: Arc<AtomicU64>,
    pub is_ending: Arc<AtomicBool>,
}

/// Serves until the process ends.
///
/// # Errors
/// One line: that the socket failed.
pub async fn serve(listener: TcpListener, shared: Shared) -> Result<(), String> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/audit.json", get(audit))
        .with_state(shared);
    axum::serve(listener, router).await.map_err(|error| format!("http: expected to serve, found `{error}`"))
}

async fn ask(
    shared: &Shared,
    ask: impl FnOnce(oneshot::Sender<String>) -> Ask,
    kind: &'static str,
) -> Response {
    let (answer, answered) = oneshot::channel();
    if shared.asks.try_send(ask(answer)).is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "busy\n").into_response();
    }
    match tokio::time::timeout(ANSWER_WITHIN, answered).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "busy\n").into_response(),
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    ask(&shared, Ask::Metrics, "text/plain; version=0.0.4; charset=utf-8").await
}

async fn audit(State(shared): State<Shared>) -> Response {
    ask(&shared, Ask::Audit, "application/json").await
}

async fn health(State(shared): State<Shared>) -> Response {
    let beat_ns = shared.beat_ns.load(Ordering::Relaxed);
    if now_ns().saturating_sub(beat_ns) > SILENT_NS {
        return (StatusCode::SERVICE_UNAVAILABLE, "the judge is silent\n").into_response();
    }
    "ok\n".into_response()
}

async fn ready(State(shared): State<Shared>) -> Response {
    if shared.is_ending.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "ending\n").into_response();
    }
    let down: Vec<&str> = shared
        .interfaces
        .iter()
        .filter(|(_, counts)| !counts.is_up.load(Ordering::Relaxed))
        .map(|(name, _)| name.as_str())
        .collect();
    if down.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("interfaces that are gone: {}\n", down.join(", ")))
        .into_response()
}
