//! What is plugged into the server, and what it was told there.

use alloc::sync::Arc;
use std::sync::{Mutex, MutexGuard};

use mqtt_broker_core::{
    AuthenticateRequest, ConnectRequest, DeliverRequest, Event, Policy, PublishRequest, Request,
    SubscribeRequest, UnsubscribeRequest, Verdict,
};
use mqtt_broker_tokio::Builder;
use tokio::sync::oneshot;

use crate::transcript::rules::{Rule, Rules};

type Asked = (Request, oneshot::Sender<Verdict>);

/// The test's side.
#[derive(Clone, Default)]
pub(crate) struct Hooks(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    rules: Rules,
    events: Vec<Event>,
    asked: Vec<Asked>,
}

impl Hooks {
    pub(crate) fn plug_into(&self, builder: Builder) -> Builder {
        let (heard, asked) = (self.clone(), self.clone());
        builder
            .policy(self.clone())
            .events(move |event| heard.lock().events.push(event.clone()))
            .decide(move |request| {
                let (answer, verdict) = oneshot::channel();
                asked.lock().asked.push((request, answer));
                async move { verdict.await.unwrap_or(Verdict::DENY) }
            })
    }

    pub(crate) fn rule(&self, rule: Option<Rule>) {
        self.lock().rules.add(rule);
    }

    /// What was told since the last time.
    pub(crate) fn take(&self) -> (Vec<Event>, Vec<Asked>) {
        let mut inner = self.lock();
        (core::mem::take(&mut inner.events), core::mem::take(&mut inner.asked))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl Policy for Hooks {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        self.lock().rules.connect(request)
    }

    fn authenticate(&mut self, request: &AuthenticateRequest<'_>) -> Verdict {
        self.lock().rules.authenticate(request)
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        self.lock().rules.publish(request)
    }

    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        self.lock().rules.subscribe(request)
    }

    fn unsubscribe(&mut self, request: &UnsubscribeRequest<'_>) -> Verdict {
        self.lock().rules.unsubscribe(request)
    }

    fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
        self.lock().rules.deliver(request)
    }
}
