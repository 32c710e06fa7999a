//! The transcripts' language and its player; see `tests/transcripts/README.md`.

mod against_core;
mod client;
mod crash;
mod fields;
mod host;
mod matching;
mod mode;
mod own_tests;
mod packet;
mod play;
mod property;
mod publication;
mod reason_codes;
mod rules;
mod scene;
mod script;
mod settings;
mod subject;
mod token;
mod wishes;
mod world;

pub(crate) use against_core::play_all;
pub(crate) use own_tests::own_tests;
pub(crate) use reason_codes::ReasonCodes;
pub(crate) use script::Script;
