//! The host's wishes, told to a broker.

use mqtt_broker_core::{Broker, Instant, LocalSubscription, Ticket};

use super::host::Wish;
use super::scene::Scene;

/// What a host with a broker of its own keeps.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) subscriptions: Vec<(String, LocalSubscription)>,
    /// Open questions and the clients that wait for the answers.
    pub(crate) questions: Vec<(String, Ticket)>,
}

impl Wishes {
    /// Tells the broker a wish. What it says to that is seen by the host.
    pub(crate) fn tell(
        &mut self,
        broker: &mut Broker,
        now: Instant,
        wish: &Wish,
        scene: &mut Scene,
    ) -> Result<(), String> {
        let outcome = match wish {
            Wish::Publish(message) => broker.publish(now, message),
            Wish::Subscribe(filter, options, identifier) => {
                let made = broker.subscribe(now, *filter, *options, *identifier);
                made.map(|made| self.subscriptions.push((filter.to_string(), made)))
            }
            Wish::SubscribeWithin(filter, options, identifier, window) => {
                let made = broker.subscribe_within(now, *filter, *options, *identifier, *window);
                made.map(|made| self.subscriptions.push((filter.to_string(), made)))
            }
            Wish::Take(messages, filter) => {
                let known = self.subscriptions.iter().find(|(known, _)| known == filter);
                let (_, made) = known.ok_or("of what?")?;
                broker.taken(now, *made, *messages);
                Ok(())
            }
            Wish::Unsubscribe(filter) => {
                let known = self.subscriptions.iter().position(|(known, _)| known == filter);
                let (_, made) = self.subscriptions.remove(known.ok_or("from what?")?);
                broker.unsubscribe(now, made);
                Ok(())
            }
            Wish::Kick(name, code) => return found(name, broker.kick(now, name, *code)),
            Wish::Redirect(name, server, permanently) => {
                return found(name, broker.redirect(now, name, server, *permanently));
            }
            Wish::RemoveSession(name) => return found(name, broker.remove_session(now, name)),
            Wish::RemoveWill(name) => return found(name, broker.remove_will(now, name)),
            Wish::RemoveSubscription(name, filter) => {
                return found(name, broker.remove_subscription(now, name, *filter));
            }
            Wish::ShutDown => {
                broker.shutdown(now);
                Ok(())
            }
            Wish::Resolve(name, verdict) => {
                let open = self.questions.iter().position(|(who, _)| who == name);
                let open = open.ok_or_else(|| format!("{name} waits for no answer"))?;
                let (_, ticket) = self.questions.remove(open);
                broker.resolve(now, ticket, verdict.clone());
                Ok(())
            }
        };
        if let Err(error) = outcome {
            scene.mistake(&error);
        }
        Ok(())
    }
}

/// Whether the broker knew the client that the host spoke of.
fn found(name: &str, known: bool) -> Result<(), String> {
    if known { Ok(()) } else { Err(format!("nothing of {name:?} is there")) }
}
