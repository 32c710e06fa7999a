//! The sensor on a PC: `cargo run -p sensor -- 127.0.0.1:1883 21.5`.

use std::io;
use std::net::TcpStream;
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:1883".to_owned());
    let celsius = arguments.next().unwrap_or_else(|| "21.5".to_owned());
    match sensor::report_over_tcp(&TcpStream::connect(&address)?, &celsius) {
        Ok(()) => {
            println!("{celsius} went to {address} and back");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{address}: {error:?}");
            Ok(ExitCode::FAILURE)
        }
    }
}
