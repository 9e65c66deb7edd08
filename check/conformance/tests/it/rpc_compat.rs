//! The shapes of answers, by the files of execution-apis.

use opal_conformance::{fixtures, rpc_compat};

#[test]
fn answers_have_the_shape_that_execution_apis_wants() {
    let Some(base) = fixtures() else { return };
    let archive = base.join("ethereum/rpc-compat.tar.zst");
    let counts = rpc_compat::run(&archive).expect("archive");
    println!("{counts}");
    assert!(counts.failed.is_empty(), "{:#?}", counts.failed);
    assert_eq!((counts.passed, counts.left_out()), (223, 9));
}
