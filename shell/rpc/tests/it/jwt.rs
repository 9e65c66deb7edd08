use opal_rpc::{JwtError, JwtSecret};
use std::fs;

#[test]
fn a_secret_is_created_once_and_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/jwt.hex");
    let created = JwtSecret::load_or_create(&path).unwrap();
    assert_eq!(JwtSecret::load_or_create(&path).unwrap(), created);
    assert_eq!(fs::read_to_string(&path).unwrap().len(), 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert_ne!(JwtSecret::random(), created);
    assert!(!format!("{created:?}").contains(&created.to_hex()[..8]));
}

#[test]
fn secrets_are_read_as_others_write_them() {
    let digits = "aB".repeat(32);
    for text in [
        digits.clone(),
        format!("0x{digits}"),
        format!(" 0x{digits}\r\n"),
    ] {
        assert_eq!(
            JwtSecret::from_hex(&text).unwrap().to_hex(),
            digits.to_lowercase()
        );
    }
}

#[test]
fn broken_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwt.hex");
    let contents: [&[u8]; 5] = [b"", b"abc", &[b'z'; 64], &[0xff; 64], &[b'a'; 5000]];
    for content in contents {
        fs::write(&path, content).unwrap();
        let error = JwtSecret::load_or_create(&path).unwrap_err();
        assert!(matches!(error, JwtError::File { .. }), "{error}");
        assert!(error.to_string().contains("jwt.hex"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content, "the file is left alone");
    }
    let error = JwtSecret::load(&dir.path().join("none")).unwrap_err();
    assert!(matches!(error, JwtError::Read { .. }));
    assert!(
        JwtSecret::load_or_create(dir.path()).is_err(),
        "a directory is no file"
    );
}

#[test]
fn tokens_are_valid_for_a_minute_and_one_secret() {
    let secret = JwtSecret::random();
    let bearer = format!("Bearer {}", secret.token_at(1_000));
    for now in [940, 1_000, 1_060] {
        secret.verify_at(Some(&bearer), now).unwrap();
    }
    for now in [0, 939, 1_061, u64::MAX] {
        assert!(matches!(
            secret.verify_at(Some(&bearer), now),
            Err(JwtError::Stale { .. })
        ));
    }
    let other = JwtSecret::random().verify_at(Some(&bearer), 1_000);
    assert!(matches!(other, Err(JwtError::InvalidToken(_))));
    secret
        .verify(Some(&format!("bearer {}", secret.token())))
        .unwrap();
}

#[test]
fn requests_without_a_good_token_are_refused() {
    let secret = JwtSecret::random();
    for value in [None, Some(""), Some("Bearer"), Some("Basic abc")] {
        assert!(
            matches!(secret.verify_at(value, 0), Err(JwtError::MissingToken)),
            "{value:?}"
        );
    }
    // {"alg":"none"}.{"iat":0}. and friends
    let forged = "Bearer eyJhbGciOiJub25lIn0.eyJpYXQiOjB9.";
    for value in [forged, "Bearer ", "Bearer a.b.c", "Bearer ...."] {
        let outcome = secret.verify_at(Some(value), 0);
        assert!(
            matches!(outcome, Err(JwtError::InvalidToken(_))),
            "{value:?}"
        );
    }
}
