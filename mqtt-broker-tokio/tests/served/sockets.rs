//! What the kernel knows of the server's sockets.

/// Established, and ended by the peer.
const STATES: [&str; 2] = ["01", "08"];

/// Whether a connection to this port has bytes, or an end, that the server has not read; or has not
/// been accepted.
pub(crate) fn has_unread(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!("0100007F:{port:04X}");
    table.lines().filter(|line| line.contains(&local)).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, address, _, state, queues, _, _, _, _, inode, ..] = fields[..] else {
            return false;
        };
        let is_ours = address == local && STATES.contains(&state);
        let is_read = queues.ends_with(":00000000");
        is_ours && (!is_read || inode == "0")
    })
}
