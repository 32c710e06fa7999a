//! A web service that embeds the broker. Try it with `cargo run -p axum-service`, open
//! <http://127.0.0.1:8080>, and publish from there or with any MQTT client on port 1884.
//!
//! - `POST /publish?topic=a/b&retain=true` publishes its body;
//! - `GET /messages?filter=a/%23` streams what comes, as server-sent events.
//!
//! The broker runs on a thread of its own; handlers reach it through a cheap, cloned handle.

use core::convert::Infallible;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt as _};
use mqtt_broker_tokio::{Error, Handle, Message, QoS, Server};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Publish {
    topic: String,
    #[serde(default)]
    retain: bool,
}

#[derive(Deserialize)]
struct Subscribe {
    filter: String,
}

/// A message as the browser gets it.
#[derive(Serialize)]
struct Shown {
    topic: String,
    text: String,
    retain: bool,
}

/// What the broker said no to.
struct Refused(Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = if self.0.is_invalid() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, format!("{}\n", self.0)).into_response()
    }
}

async fn publish(
    State(broker): State<Handle>,
    Query(publish): Query<Publish>,
    payload: Bytes,
) -> Result<StatusCode, Refused> {
    let message = Message::new(publish.topic, payload).with_retain(publish.retain);
    broker.publish(message.with_qos(QoS::AtLeastOnce)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The stream ends when the browser goes, which unsubscribes, or when the broker does.
async fn messages(
    State(broker): State<Handle>,
    Query(Subscribe { filter }): Query<Subscribe>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let messages = broker.subscribe(filter).await?;
    let events = messages.map(|message| {
        let text = String::from_utf8_lossy(&message.payload).into_owned();
        let shown = Shown { topic: message.topic, text, retain: message.retain };
        Ok(Event::default().json_data(shown).unwrap_or_default())
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

fn app(broker: Handle) -> Router {
    Router::new()
        .route("/", get(|| async { Html(include_str!("page.html")) }))
        .route("/publish", post(publish))
        .route("/messages", get(messages))
        .with_state(broker)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let server = Server::builder().listen("127.0.0.1:1884").bind()?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}, and MQTT on {:?}", listener.local_addr()?, server.local_addrs());
    let (app, shutdown) = (app(server.handle()), server.shutdown_handle());
    let serving = server.serve();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            let _ = tokio::signal::ctrl_c().await;
            // Ends the streams to the browsers too, which the web server waits for.
            shutdown.shutdown();
        })
        .await?;
    serving.await?;
    Ok(())
}

#[cfg(test)]
mod tests;
