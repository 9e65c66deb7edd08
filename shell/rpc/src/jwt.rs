//! The secret that a rollup node and its engine share, and the tokens made from it.
//!
//! spec: execution-apis engine/authentication.md: HS256, claim `iat` within 60 seconds of now.

use alloy_primitives::hex;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Length of the secret in bytes.
pub const SECRET_BYTES: usize = 32;
/// Seconds by which the clocks of node and engine may differ.
pub const CLOCK_SKEW_MAX_SECONDS: u64 = 60;
/// A secret file longer than this is no secret file.
const FILE_BYTES_MAX: u64 = 1024;

/// A shared 32-byte secret. Shown nowhere: `Debug` prints no byte of it.
#[derive(Clone, PartialEq, Eq)]
pub struct JwtSecret([u8; SECRET_BYTES]);

/// Why there is no usable secret, or why a token was refused.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// The file cannot be read.
    #[error("cannot read the JWT secret {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot create the JWT secret {}: {source}", .path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{} holds no JWT secret ({problem}); expected 32 bytes as 64 hexadecimal digits, as `openssl rand -hex 32` prints",
        .path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        problem: String,
    },
    /// The text is no secret.
    #[error("not a JWT secret: {0}; expected 32 bytes as 64 hexadecimal digits")]
    Hex(String),
    /// A request came without a token.
    #[error("missing token; send `Authorization: Bearer TOKEN`")]
    MissingToken,
    /// The token was not made with this secret, or is malformed.
    #[error("invalid token: {0}")]
    InvalidToken(String),
    /// The token is too old or from the future.
    #[error(
        "token issued at {issued}, but it is {now} here; clocks differ or the token is stale (60 s allowed)"
    )]
    Stale {
        /// `iat` of the token, unix seconds.
        issued: u64,
        /// Our time, unix seconds.
        now: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iat: u64,
}

impl JwtSecret {
    /// A fresh secret from the system's randomness.
    pub fn random() -> Self {
        let mut bytes = [0; SECRET_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Parses 64 hexadecimal digits, with or without `0x`, blanks around them ignored.
    pub fn from_hex(text: &str) -> Result<Self, JwtError> {
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        if digits.len() != 2 * SECRET_BYTES {
            return Err(JwtError::Hex(format!("{} characters", digits.len())));
        }
        let mut bytes = [0; SECRET_BYTES];
        hex::decode_to_slice(digits, &mut bytes).map_err(|e| JwtError::Hex(e.to_string()))?;
        Ok(Self(bytes))
    }

    /// The secret as 64 hexadecimal digits, as its file holds it.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads the secret from a file.
    pub fn load(path: &Path) -> Result<Self, JwtError> {
        let read = |source| JwtError::Read {
            path: path.to_owned(),
            source,
        };
        let length = fs::metadata(path).map_err(read)?.len();
        if length > FILE_BYTES_MAX {
            let problem = format!("{length} bytes");
            return Err(JwtError::File {
                path: path.to_owned(),
                problem,
            });
        }
        let bytes = fs::read(path).map_err(read)?;
        let file = |problem| JwtError::File {
            path: path.to_owned(),
            problem,
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| file("not text".to_owned()))?;
        Self::from_hex(text).map_err(|e| match e {
            JwtError::Hex(problem) => file(problem),
            other => other,
        })
    }

    /// Reads the secret from a file, or creates the file with a fresh one. A new file can be read
    /// and written by its owner only; missing directories are created.
    pub fn load_or_create(path: &Path) -> Result<Self, JwtError> {
        let create = |source| JwtError::Create {
            path: path.to_owned(),
            source,
        };
        match Self::load(path) {
            Err(JwtError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            outcome => return outcome,
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(create)?;
        }
        let secret = Self::random();
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(mut file) => {
                file.write_all(secret.to_hex().as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(create)?;
                Ok(secret)
            }
            // Another process was faster: its secret is the one that counts.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Self::load(path),
            Err(e) => Err(create(e)),
        }
    }

    /// A token issued now. Make one per request: it is valid for a minute only.
    pub fn token(&self) -> String {
        self.token_at(unix_seconds())
    }

    /// A token issued at `iat`, unix seconds.
    pub fn token_at(&self, iat: u64) -> String {
        let key = EncodingKey::from_secret(&self.0);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &Claims { iat }, &key)
            .expect("two integers and an HMAC always encode")
    }

    /// Checks the value of an `Authorization` header against the clock.
    pub fn verify(&self, authorization: Option<&str>) -> Result<(), JwtError> {
        self.verify_at(authorization, unix_seconds())
    }

    /// Checks the value of an `Authorization` header at the time `now`, unix seconds.
    pub fn verify_at(&self, authorization: Option<&str>, now: u64) -> Result<(), JwtError> {
        let (scheme, token) = authorization
            .and_then(|v| v.split_once(' '))
            .ok_or(JwtError::MissingToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(JwtError::MissingToken);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(&self.0);
        let claims = jsonwebtoken::decode::<Claims>(token.trim(), &key, &validation)
            .map_err(|e| JwtError::InvalidToken(e.to_string()))?
            .claims;
        if claims.iat.abs_diff(now) > CLOCK_SKEW_MAX_SECONDS {
            return Err(JwtError::Stale {
                issued: claims.iat,
                now,
            });
        }
        Ok(())
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(..)")
    }
}

/// Unix time in seconds; a clock before 1970 reads as 0.
fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}
