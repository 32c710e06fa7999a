//! `broker has …`: any field of the broker's configuration, in kebab case.

use mqtt_broker_core::{Config, Overrate, QueueOverflow};
use mqtt_codec::QoS;

use super::token::{Token, Value, tokens};

/// Sets the fields that a line names.
pub(crate) fn apply(config: &mut Config, line: &str) -> Result<(), String> {
    for token in tokens(line)? {
        match token {
            Token::Word(word) if word == "journal" => config.journal = true,
            Token::Field(name, value) => {
                set(config, &name, &value).map_err(|e| format!("{name}: {e}"))?;
            }
            other => return Err(format!("{other:?} is no setting")),
        }
    }
    Ok(())
}

fn set(config: &mut Config, name: &str, value: &Value) -> Result<(), String> {
    match name {
        "seed" => config.seed = value.number()?,
        "receive-maximum" => config.receive_maximum = value.number()?,
        "maximum-packet-size" => config.maximum_packet_size = value.number()?,
        "topic-alias-maximum" => config.topic_alias_maximum = value.number()?,
        "topic-alias-outgoing" => config.topic_alias_outgoing = value.number()?,
        "maximum-qos" => {
            config.maximum_qos = QoS::from_u8(value.number()?).ok_or("0, 1 or 2")?;
        }
        "retain-available" => config.retain_available = value.boolean()?,
        "wildcard-subscriptions" => config.wildcard_subscriptions = value.boolean()?,
        "shared-subscriptions" => config.shared_subscriptions = value.boolean()?,
        "subscription-identifiers" => config.subscription_identifiers = value.boolean()?,
        "server-keep-alive" => config.server_keep_alive = value.number()?,
        "session-expiry-maximum" => config.session_expiry_maximum = value.number()?,
        "message-expiry-maximum" => config.message_expiry_maximum = value.number()?,
        "inflight-messages" => config.inflight_messages = value.number()?,
        "queue-messages" => config.queue_messages = value.number()?,
        "queue-bytes" => config.queue_bytes = value.number()?,
        "queue-overflow" => config.queue_overflow = overflow(value)?,
        "publish-overrate" => {
            config.publish_overrate = match value {
                Value::Word(word) if word == "wait" => Overrate::Wait,
                Value::Word(word) if word == "disconnect" => Overrate::Disconnect,
                _ => return Err("wait or disconnect".into()),
            };
        }
        "queue-qos0" => config.queue_qos0 = value.boolean()?,
        "allow-empty-client-id" => config.allow_empty_client_id = value.boolean()?,
        "connect-timeout" => config.connect_timeout = value.number()?,
        "decision-timeout" => config.decision_timeout = value.number()?,
        "ask-deliver" => config.ask_deliver = value.boolean()?,
        "reason-strings" => config.reason_strings = value.boolean()?,
        "response-information" => {
            config.response_information = Some(value.clone().text()?);
        }
        "validate-payload-format" => config.validate_payload_format = value.boolean()?,
        _ => return limit(config, name, value),
    }
    Ok(())
}

fn overflow(value: &Value) -> Result<QueueOverflow, String> {
    match value {
        Value::Word(word) if word == "drop-oldest" => Ok(QueueOverflow::DropOldest),
        Value::Word(word) if word == "drop-newest" => Ok(QueueOverflow::DropNewest),
        Value::Word(word) if word == "disconnect" => Ok(QueueOverflow::Disconnect),
        _ => Err("drop-oldest, drop-newest or disconnect".into()),
    }
}

fn limit(config: &mut Config, name: &str, value: &Value) -> Result<(), String> {
    let limits = &mut config.limits;
    match name {
        "memory" => limits.memory = value.number()?,
        "connections" => limits.connections = value.number()?,
        "connections-per-address" => limits.connections_per_address = value.number()?,
        "wills" => limits.wills = value.number()?,
        "retained-bytes" => limits.retained_bytes = value.number()?,
        "retained-message-size" => limits.retained_message_size = value.number()?,
        "offline-bytes" => limits.offline_bytes = value.number()?,
        "topic-bytes" => limits.topic_bytes = value.number()?,
        "user-property-bytes" => limits.user_property_bytes = value.number()?,
        "publish-rate" => limits.publish_rate = value.number()?,
        "deferred" => limits.deferred = value.number()?,
        "lasting-sessions" => limits.lasting_sessions = value.number()?,
        "sessions" => limits.sessions = value.number()?,
        "subscriptions" => limits.subscriptions = value.number()?,
        "subscriptions-per-client" => limits.subscriptions_per_client = value.number()?,
        "local-subscriptions" => limits.local_subscriptions = value.number()?,
        "retained" => limits.retained = value.number()?,
        "publications" => limits.publications = value.number()?,
        "publication-bytes" => limits.publication_bytes = value.number()?,
        "entries" => limits.entries = value.number()?,
        "connect-packet-size" => limits.connect_packet_size = value.number()?,
        "topic-levels" => limits.topic_levels = value.number()?,
        "outgoing" => limits.outgoing = value.number()?,
        "journal-bytes" => limits.journal_bytes = value.number()?,
        "outputs" => limits.outputs = value.number()?,
        _ => return Err("no field of the configuration has this name".into()),
    }
    Ok(())
}
