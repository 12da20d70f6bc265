use super::*;
use futures::FutureExt;
use uuid::Uuid;

fn owner(cell: i16, account: u128) -> Owner {
    let account = AccountId::from_uuid(Uuid::from_u128(account));
    Owner { cell: Cell::from_i16(cell).unwrap(), account }
}

fn queue(depth: usize) -> Arc<Queue<u32>> {
    Arc::new(Queue::new(depth))
}

async fn take(queue: &Arc<Queue<u32>>, max: usize) -> Batch<u32> {
    queue.take(max).await.unwrap()
}

/// What could be taken now, if anything could.
fn now(queue: &Arc<Queue<u32>>, max: usize) -> Option<Batch<u32>> {
    queue.take(max).now_or_never().flatten()
}

#[tokio::test]
async fn accounts_take_turns_and_each_keeps_its_order() {
    let queue = queue(80);
    for (who, what) in [(1, 11), (1, 12), (1, 13), (2, 21), (3, 31), (2, 22)] {
        queue.push(owner(0, who), what).unwrap();
    }
    assert_eq!(take(&queue, 4).await.items, [11, 21, 31, 12]);
    assert_eq!(take(&queue, 4).await.items, [22, 13]);
}

#[tokio::test]
async fn who_floods_one_cell_holds_up_nobody() {
    let queue = queue(800);
    for what in 0..50 {
        queue.push(owner(0, 1), what).unwrap();
    }
    queue.push(owner(0, 2), 98).unwrap();
    queue.push(owner(1, 3), 99).unwrap();
    let first = take(&queue, 5).await;
    assert_eq!(first.items, [0, 98, 1, 2, 3], "accounts of the same cell take turns");
    assert_eq!(now(&queue, 5).unwrap().items, [99], "another lane has the other cell");
}

#[tokio::test]
async fn cells_take_turns_and_are_in_one_hand_at_a_time() {
    let queue = queue(80);
    for (cell, what) in [(0, 1), (0, 2), (1, 3), (2, 4), (2, 5)] {
        queue.push(owner(cell, u128::from(what)), what).unwrap();
    }
    let first = take(&queue, 1).await;
    assert_eq!(first.items, [1]);
    // What is left of the cell waits until the first batch is done.
    let second = now(&queue, 8).unwrap();
    assert_eq!(second.items, [3, 4, 5]);
    queue.push(owner(1, 9), 9).unwrap();
    assert!(now(&queue, 1).is_none(), "both cells are in hand");
    drop(second);
    let third = now(&queue, 1).unwrap();
    assert_eq!(third.items, [9]);
    drop((first, third));
    assert_eq!(take(&queue, 8).await.items, [2]);
}

#[tokio::test]
async fn a_batch_takes_more_of_its_own_cells_and_gives_others_back() {
    let queue = queue(80);
    for (cell, what) in [(0, 1), (1, 2)] {
        queue.push(owner(cell, u128::from(what)), what).unwrap();
    }
    let mut batch = take(&queue, 8).await;
    for (cell, what) in [(0, 3), (0, 4), (0, 5), (1, 6), (2, 7)] {
        queue.push(owner(cell, u128::from(what)), what).unwrap();
    }
    assert_eq!((batch.top_up(5), batch.items.clone()), (3, vec![1, 2, 3, 4, 5]));
    batch.keep_only(&BTreeSet::from([Cell::from_i16(0).unwrap()]));
    queue.push(owner(0, 8), 8).unwrap();
    assert_eq!(now(&queue, 8).unwrap().items, [7, 6], "what is not in hand");
    assert_eq!((batch.top_up(9), batch.items.len()), (1, 6));
    drop(batch);
    assert!(now(&queue, 1).is_none(), "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn a_second_lane_begins_for_much_or_for_what_waited_long() {
    let queue = queue(800);
    queue.push(owner(0, 1), 1).unwrap();
    let first = take(&queue, 16).await;
    for n in 2..5 {
        queue.push(owner(1, u128::from(n)), n).unwrap();
    }
    assert!(now(&queue, 16).is_none(), "three are not worth it");
    queue.push(owner(2, 5), 5).unwrap();
    let second = now(&queue, 16).unwrap();
    assert_eq!(second.items, [2, 3, 4, 5]);
    queue.push(owner(3, 6), 6).unwrap();
    let began = Instant::now();
    assert_eq!(take(&queue, 16).await.items, [6], "it has waited for two that are held up");
    assert_eq!(began.elapsed(), PATIENCE);
    drop((first, second));
    queue.push(owner(4, 7), 7).unwrap();
    assert_eq!(now(&queue, 16).unwrap().items, [7], "nobody works");
}

#[tokio::test]
async fn it_is_bounded_as_a_whole_and_for_each_account() {
    let queue = queue(16);
    queue.push(owner(0, 1), 0).unwrap();
    queue.push(owner(0, 1), 1).unwrap();
    assert_eq!(queue.push(owner(0, 1), 2), Err((Refused::Full, 2)), "an eighth for one account");
    for n in 2..16 {
        queue.push(owner(i16::try_from(n).unwrap(), u128::from(n)), n).unwrap();
    }
    assert_eq!(queue.push(owner(0, 99), 99), Err((Refused::Full, 99)));
    assert_eq!(take(&queue, 1).await.items.len(), 1);
    queue.push(owner(0, 99), 99).unwrap();
}

#[tokio::test]
async fn who_waits_gets_in_when_there_is_room() {
    let queue = queue(1);
    queue.push(owner(0, 1), 1).unwrap();
    let mut waiting = Box::pin(queue.push_waiting(owner(0, 2), 2));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(take(&queue, 8).await.items, [1]);
    assert_eq!(waiting.await, Ok(()));
    assert_eq!(take(&queue, 8).await.items, [2]);
}

#[tokio::test]
async fn once_closed_it_empties_and_ends() {
    let queue = queue(8);
    queue.push(owner(0, 1), 1).unwrap();
    queue.push(owner(0, 2), 2).unwrap();
    queue.close();
    assert_eq!(queue.push(owner(1, 3), 3), Err((Refused::Closed, 3)));
    assert_eq!(queue.push_waiting(owner(1, 3), 3).await, Err(3));
    let first = take(&queue, 1).await;
    let mut second = Box::pin(queue.take(8));
    assert!(second.as_mut().now_or_never().is_none(), "its cell is in hand");
    drop(first);
    assert_eq!(second.await.unwrap().items, [2]);
    assert!(queue.take(8).await.is_none());
    assert!(queue.take(8).await.is_none(), "every lane is told");
}
