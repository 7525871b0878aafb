//! Seeded mutations of valid bytes: what the decoders must survive.

/// `count` variants of `seed`, always the same ones: bytes flipped, replaced, inserted, removed, repeated, cut off.
pub(crate) fn mutations(seed: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = XorShift(0x9E37_79B9_7F4A_7C15);
    let seed = seed.to_vec();
    (0..count).map(move |_| {
        let mut bytes = seed.clone();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        bytes
    })
}

fn mutate(bytes: &mut Vec<u8>, random: &mut XorShift) {
    /// Bytes that mean something in one of the formats.
    const TELLING: &[u8] = b"\"\\{}[],:u0-.eE%&=+\x00\x1F\x5F\x7F\x9F\xBF\xC1\xD8\xDF\xF6\xF9\xFB\xFF";
    let at = random.below(bytes.len() + 1);
    let byte = match random.below(2) {
        0 => TELLING[random.below(TELLING.len())],
        _ => random.next() as u8,
    };
    match random.below(6) {
        0 => bytes.insert(at, byte),
        1 => bytes.truncate(at),
        2 => {
            let end = (at + random.below(16)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        _ if at == bytes.len() => {}
        3 => bytes[at] ^= 1 << random.below(8),
        4 => bytes[at] = byte,
        _ => {
            let end = (at + random.below(8)).min(bytes.len());
            bytes.drain(at..end);
        }
    }
}

/// Marsaglia's xorshift64.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
