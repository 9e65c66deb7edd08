//! Strict reading of TOML: whoever reads a table takes the keys it knows and at the end sees that
//! none is left.

use eyre::{OptionExt, Result, WrapErr, ensure, eyre};
use std::{collections::BTreeSet, fs, path::Path};
use toml_edit::{DocumentMut, Item, TableLike};

/// Parses a file.
pub(super) fn document(path: &Path) -> Result<DocumentMut> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path).wrap_err_with(name)?;
    text.parse().wrap_err_with(name)
}

/// A table with the keys that were read.
pub(super) struct Keys<'a> {
    /// Where the table stands, for errors.
    place: String,
    table: &'a dyn TableLike,
    read: BTreeSet<&'static str>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(place: impl Into<String>, table: &'a dyn TableLike) -> Self {
        Self {
            place: place.into(),
            table,
            read: BTreeSet::new(),
        }
    }

    /// The table below `key`, if there is one.
    pub(super) fn optional_section(&mut self, key: &'static str) -> Result<Option<Self>> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        let table = item.as_table_like().ok_or_else(|| self.odd(key))?;
        Ok(Some(Self::new(format!("{}: {key}", self.place), table)))
    }

    pub(super) fn section(&mut self, key: &'static str) -> Result<Self> {
        self.optional_section(key)?.ok_or_else(|| self.odd(key))
    }

    pub(super) fn optional_text(&mut self, key: &'static str) -> Result<Option<String>> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        let text = item.as_str().ok_or_else(|| self.odd(key))?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<String> {
        self.optional_text(key)?.ok_or_else(|| self.odd(key))
    }

    pub(super) fn optional_number(&mut self, key: &'static str) -> Result<Option<u64>> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        let number = item.as_integer().and_then(|n| u64::try_from(n).ok());
        number.map(Some).ok_or_else(|| self.odd(key))
    }

    pub(super) fn number(&mut self, key: &'static str) -> Result<u64> {
        self.optional_number(key)?.ok_or_else(|| self.odd(key))
    }

    /// A switch, off where it is not named.
    pub(super) fn switch(&mut self, key: &'static str) -> Result<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(item) => item.as_bool().ok_or_else(|| self.odd(key)),
        }
    }

    /// `0x` and the hex digits of `bytes` bytes, in lower case.
    pub(super) fn hex(&mut self, key: &'static str, bytes: usize) -> Result<String> {
        let text = self.text(key)?.to_ascii_lowercase();
        let digits = text.strip_prefix("0x").ok_or_else(|| self.odd(key))?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure!(is_hex && digits.len() == 2 * bytes, self.odd(key));
        Ok(text)
    }

    /// Says of keys that nodes need not know them.
    pub(super) fn ignore(&mut self, keys: &[&'static str]) {
        self.read.extend(keys);
    }

    /// Fails if a key was not read.
    pub(super) fn finish(self) -> Result<()> {
        let unknown = self.table.iter().find(|(key, _)| !self.read.contains(key));
        match unknown {
            None => Ok(()),
            Some((key, _)) => Err(eyre!(
                "{}: the key `{key}` is unknown; if nodes must follow it, teach it to \
                 core/protocol and xtask/src/networks, if not, ignore it by name",
                self.place
            )),
        }
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Item> {
        self.read.insert(key);
        self.table.get(key)
    }

    fn odd(&self, key: &str) -> eyre::Report {
        eyre!("{}: `{key}` is missing or of another form", self.place)
    }
}

/// The name of a file's folder.
pub(super) fn folder_name(folder: &Path) -> Result<String> {
    let name = folder.file_name().and_then(|name| name.to_str());
    Ok(name.ok_or_eyre("a folder's name is not text")?.to_owned())
}
