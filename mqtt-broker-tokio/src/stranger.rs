//! [`Protocol`]: what somebody speaks who is no MQTT client, as far as the first bytes show.

/// A protocol that is often spoken to the wrong port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// A TLS handshake.
    Tls,
    /// A request of HTTP, which a WebSocket begins with, too.
    Http,
}

/// How a request of HTTP/1 begins, or the preface of HTTP/2.
const METHODS: [&[u8]; 10] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"TRACE ",
    b"CONNECT ",
    b"PRI * HTTP/2",
];

impl Protocol {
    /// What begins with these bytes; `None` if it may be MQTT, or anything else.
    pub(crate) fn of(first: &[u8]) -> Option<Self> {
        // A record of a handshake, of SSL 3.0 or any TLS. As the beginning of a CONNECT it would have
        // flags that none has.
        if first.starts_with(&[0x16, 0x03]) {
            return Some(Self::Tls);
        }
        METHODS.iter().any(|method| first.starts_with(method)).then_some(Self::Http)
    }
}

#[cfg(test)]
mod tests;
