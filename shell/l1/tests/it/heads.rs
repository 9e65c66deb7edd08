use crate::world::{World, options};
use opal_protocol::L1Ref;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(5);

#[tokio::test]
async fn heads_are_followed() {
    let world = World::new(3).await;
    let source = world.source(options());
    let mut heads = source.watch();
    assert_eq!(heads.borrow().head, L1Ref::default());
    timeout(LONG, heads.changed()).await.unwrap().unwrap();
    let seen = *heads.borrow_and_update();
    assert_eq!(
        (seen.head, seen.safe, seen.finalized),
        (world.block(2).id(), None, None)
    );

    world.edit(|chain| {
        chain.grow(1, 0);
        chain.safe = Some(1);
    });
    timeout(LONG, heads.changed()).await.unwrap().unwrap();
    let seen = *heads.borrow_and_update();
    let safe = Some(world.block(1).id());
    assert_eq!(
        (seen.head, seen.safe, seen.finalized),
        (world.block(3).id(), safe, safe)
    );
    // A second receiver shares the task and knows what the first one knows.
    assert_eq!(*source.watch().borrow(), seen);
}

#[tokio::test]
async fn what_is_not_there_or_not_true_is_no_head() {
    let world = World::new(3).await;
    let source = world.source(options());
    assert_eq!(source.head().await.unwrap(), world.block(2).id());
    assert_eq!(source.safe().await.unwrap(), None);
    world.edit(|chain| chain.safe = Some(0));
    assert_eq!(source.finalized().await.unwrap(), Some(world.block(0).id()));

    let mut forged = world.block(2).json(false);
    forged["timestamp"] = json!("0x1");
    world.lie(move |method, _| (method == "eth_getBlockByNumber").then(|| Ok(forged.clone())));
    assert!(
        source
            .head()
            .await
            .unwrap_err()
            .to_string()
            .contains("header hashes")
    );
    world.lie(|_, _| Some(Ok(serde_json::Value::Null)));
    assert!(
        source
            .head()
            .await
            .unwrap_err()
            .to_string()
            .contains("no newest block")
    );
}

#[tokio::test]
async fn trouble_passes() {
    let world = World::new(2).await;
    let source = world.source(options());
    world.lie(|_, _| Some(Err(json!({"code": -32000, "message": "starting up"}))));
    let mut heads = source.watch();
    assert!(
        timeout(Duration::from_millis(200), heads.changed())
            .await
            .is_err()
    );
    world.edit(|chain| chain.lie = None);
    timeout(LONG, heads.changed()).await.unwrap().unwrap();
    assert_eq!(heads.borrow().head, world.block(1).id());
}

#[tokio::test]
async fn following_ends_with_the_source() {
    let world = World::new(2).await;
    let source = world.source(options());
    let mut heads = source.watch();
    timeout(LONG, heads.changed()).await.unwrap().unwrap();
    drop(source);
    assert!(
        timeout(LONG, heads.changed()).await.unwrap().is_err(),
        "the sender is gone"
    );
}
