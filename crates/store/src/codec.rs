//! Little-endian primitives of our own binary formats: fixed integers, varints and length-prefixed text.

/// Why bytes could not be decoded: a bare phrase for the error that names the file.
pub(crate) type Damage = &'static str;

/// Appends primitives to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Encoder(pub Vec<u8>);

impl Encoder {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// The exact bits, so that every NaN and zero comes back as it was.
    pub(crate) fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// Seven bits a byte, low ones first; the high bit says that more follow.
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Number of bytes, then the bytes.
    pub(crate) fn text(&mut self, value: &str) {
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value.as_bytes());
    }
}

/// Takes primitives from the front of a buffer; never reads beyond it.
#[derive(Debug)]
pub(crate) struct Decoder<'a>(pub &'a [u8]);

impl<'a> Decoder<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (head, tail) = self.0.split_at_checked(count).ok_or("ends too early")?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or("ends too early")?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Damage> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Damage> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn f64(&mut self) -> Result<f64, Damage> {
        Ok(f64::from_bits(self.u64()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err("has a number beyond 64 bits");
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("has a number beyond 64 bits")
    }

    /// A count of items of at least `item_bytes_min` bytes each, so that no count leads to more memory than the input has.
    pub(crate) fn count(&mut self, item_bytes_min: usize) -> Result<usize, Damage> {
        let count = usize::try_from(self.varint()?).map_err(|_| "has a count beyond its length")?;
        if count > self.0.len() / item_bytes_min.max(1) {
            return Err("has a count beyond its length");
        }
        Ok(count)
    }

    /// Number of bytes, then the bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let count = self.count(1)?;
        self.take(count)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damage> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "has text that is not UTF-8")
    }

    pub(crate) fn string(&mut self) -> Result<String, Damage> {
        self.text().map(str::to_owned)
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), Damage> {
        if self.0.is_empty() { Ok(()) } else { Err("has bytes after its end") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_and_refuse_overflow() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut encoder = Encoder::default();
            encoder.varint(value);
            let mut decoder = Decoder(&encoder.0);
            assert_eq!(decoder.varint(), Ok(value));
            assert_eq!(decoder.end(), Ok(()));
        }
        assert!(Decoder(&[0xff; 10]).varint().is_err());
        assert!(Decoder(&[0x80]).varint().is_err());
    }

    #[test]
    fn counts_are_bounded_by_what_is_there() {
        let mut encoder = Encoder::default();
        encoder.varint(1 << 40);
        assert!(Decoder(&encoder.0).count(1).is_err());
        assert!(Decoder(&encoder.0).text().is_err());
    }
}
