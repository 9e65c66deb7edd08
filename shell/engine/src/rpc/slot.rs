//! Storage slots as clients write them: a number, or 32 bytes.

use alloy_primitives::{U256, hex};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

/// A slot, and how it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) key: U256,
    /// Whether all 32 bytes were written out.
    whole: bool,
}

impl Slot {
    /// The slot as it was asked for.
    pub(super) fn echo(&self) -> Value {
        if self.whole {
            json!(alloy_primitives::B256::from(self.key))
        } else {
            super::convert::quantity(self.key)
        }
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        let even = if digits.len().is_multiple_of(2) {
            digits.to_owned()
        } else {
            format!("0{digits}")
        };
        let shown = text.get(..80).unwrap_or(&text);
        let bytes = hex::decode(&even)
            .map_err(|_| D::Error::custom(format!("invalid hex in storage key: {shown:?}")))?;
        let key = U256::try_from_be_slice(&bytes).filter(|_| bytes.len() <= 32);
        let key = key.ok_or_else(|| {
            D::Error::custom(format!(
                "storage key too long (want at most 32 bytes): {shown:?}"
            ))
        })?;
        Ok(Self {
            key,
            whole: bytes.len() == 32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_numbers_or_words() {
        let read = |text: &str| serde_json::from_value::<Slot>(json!(text));
        let word = format!("0x{:064x}", 7);
        assert_eq!(read("0x7").unwrap().echo(), "0x7");
        assert_eq!(read("7").unwrap().key, U256::from(7));
        assert_eq!(read(&word).unwrap().echo(), json!(word));
        for bad in [
            "0xasdf",
            "latest",
            &format!("0x0{word}"),
            &format!("0x{:065}", 0),
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
