//! The program as its users meet it: started as a process, spoken to over TCP, ended by signals.

#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

mod checking;
mod choices;
mod client;
#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(unix)]
mod ending;
#[cfg(target_os = "linux")]
mod full_disk;
mod hostile;
mod journal;
mod killed;
mod limits;
mod losses;
mod recording;
mod running;
mod sensor;
mod serving;
