//! Blob codec: batcher data in the 4096 field elements of a blob.
//!
//! spec: protocol/ecotone/derivation.md#blob-encoding

use alloc::boxed::Box;
use alloy_eips::eip4844::Blob;
use alloy_primitives::Bytes;

/// Most data bytes that one blob carries.
pub const MAX_BLOB_DATA_BYTES: usize = 130_044;
/// Version byte of the only encoding.
pub const BLOB_ENCODING_VERSION_0: u8 = 0;

/// Why a blob carries no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The version byte is not 0.
    #[error("blob has unknown encoding version {0}")]
    Version(u8),
    /// The length field exceeds [`MAX_BLOB_DATA_BYTES`].
    #[error("blob claims {0} bytes, more than {MAX_BLOB_DATA_BYTES}")]
    Length(u32),
    /// One of the two highest bits of a field element is set.
    #[error("field element {0} of the blob has a high bit set")]
    HighBits(usize),
    /// A byte behind the claimed length is not zero.
    #[error("blob has data behind its end")]
    Tail,
    /// Data to encode does not fit.
    #[error("{0} bytes do not fit into a blob, at most {MAX_BLOB_DATA_BYTES} do")]
    TooMuchData(usize),
}

/// The data that `blob` carries.
pub fn decode(blob: &Blob) -> Result<Bytes, BlobError> {
    unimplemented!("{blob:?}")
}

/// A blob that carries `data`.
pub fn encode(data: &[u8]) -> Result<Box<Blob>, BlobError> {
    unimplemented!("{data:?}")
}
