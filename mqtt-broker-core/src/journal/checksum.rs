//! CRC-32C (Castagnoli), four bytes at a step; on a small machine one.

/// The polynomial, its bits in reverse.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// How many bytes are a step. Each takes a table of 1 KiB.
const STEP: usize = if usize::BITS > 32 { 4 } else { 1 };

/// `TABLES[n][byte]`: what `byte` does to the checksum when `n` more bytes follow in the step.
static TABLES: [[u32; 256]; STEP] = tables();

/// The CRC-32C of `bytes`.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let of = |table: &[u32; 256], word: u32, place: u32| {
        // Eight bits: there is always an entry.
        table.get((word >> place & 0xff) as usize).copied().unwrap_or(0)
    };
    let mut crc = u32::MAX;
    let mut rest = bytes;
    if let [last, third, second, first] = TABLES.as_slice() {
        let (words, after) = bytes.split_at(bytes.len() & !3);
        rest = after;
        for word in words.chunks_exact(4) {
            let word = crc ^ word.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
            crc =
                of(first, word, 0) ^ of(second, word, 8) ^ of(third, word, 16) ^ of(last, word, 24);
        }
    }
    let [last, ..] = &TABLES;
    for byte in rest {
        crc = crc >> 8 ^ of(last, crc ^ u32::from(*byte), 0);
    }
    !crc
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which would refuse")]
#[allow(clippy::cast_possible_truncation, reason = "the index is below 256")]
const fn tables() -> [[u32; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ POLYNOMIAL };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < STEP {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests;
