//! The transcripts' language and its player; see `tests/transcripts/README.md`.

mod client;
mod fields;
mod host;
mod matching;
mod mode;
mod own_tests;
mod packet;
mod play;
mod property;
mod rules;
mod script;
mod settings;
mod token;
mod world;

pub(crate) use own_tests::own_tests;
pub(crate) use play::play_all;
pub(crate) use script::Script;
