use proptest::prelude::*;

use super::*;

fn roomy() -> JobQueue {
    JobQueue::new(100, 100)
}

/// Pops everything and returns it as (job, picture).
fn drain(queue: &mut JobQueue) -> Vec<(JobId, u8)> {
    std::iter::from_fn(|| queue.pop())
        .map(|ticket| (ticket.id, ticket.picture))
        .collect()
}

#[test]
fn users_take_turns_and_each_keeps_their_own_order() {
    let mut queue = roomy();
    for (id, user) in [(1, 10), (2, 10), (3, 10), (4, 20), (5, 30)] {
        queue.push(id, user, 1).unwrap();
    }
    assert_eq!(drain(&mut queue), [(1, 0), (4, 0), (5, 0), (2, 0), (3, 0)]);
}

#[test]
fn a_batch_of_four_does_not_hold_up_the_next_person() {
    let mut queue = roomy();
    queue.push(1, 10, 4).unwrap();
    queue.push(2, 20, 1).unwrap();
    assert_eq!(drain(&mut queue), [(1, 0), (2, 0), (1, 1), (1, 2), (1, 3)]);
}

#[test]
fn who_comes_again_queues_behind_those_who_wait() {
    let mut queue = roomy();
    queue.push(1, 10, 1).unwrap();
    queue.push(2, 20, 1).unwrap();
    queue.pop();
    queue.push(3, 10, 1).unwrap();
    assert_eq!(drain(&mut queue), [(2, 0), (3, 0)]);
}

#[test]
fn a_full_queue_refuses_with_its_capacity() {
    let mut queue = JobQueue::new(2, 2);
    queue.push(1, 10, 1).unwrap();
    queue.push(2, 20, 1).unwrap();
    assert_eq!(queue.push(3, 30, 1), Err(Refusal::QueueFull { capacity: 2 }));
    queue.pop();
    assert_eq!(queue.push(3, 30, 1), Ok(()));
}

#[test]
fn one_person_cannot_fill_the_queue() {
    let mut queue = JobQueue::new(10, 2);
    queue.push(1, 10, 1).unwrap();
    queue.push(2, 10, 1).unwrap();
    assert_eq!(queue.push(3, 10, 1), Err(Refusal::TooManyWaiting { limit: 2 }));
    assert_eq!(queue.push(3, 20, 1), Ok(()));
}

#[test]
fn the_same_job_is_not_taken_twice() {
    let mut queue = roomy();
    queue.push(1, 10, 1).unwrap();
    assert_eq!(queue.push(1, 10, 1), Err(Refusal::AlreadyKnown { id: 1 }));
}

#[test]
fn a_job_counts_until_its_last_picture_is_handed_out() {
    let mut queue = JobQueue::new(1, 1);
    queue.push(1, 10, 2).unwrap();
    queue.pop();
    assert_eq!(queue.push(2, 20, 1), Err(Refusal::QueueFull { capacity: 1 }));
    assert_eq!(queue.position(1), None, "it has begun");
    queue.pop();
    assert_eq!(queue.push(2, 20, 1), Ok(()));
}

#[test]
fn what_is_put_back_comes_first_and_in_order() {
    let mut queue = roomy();
    queue.push(1, 10, 3).unwrap();
    queue.push(2, 20, 1).unwrap();
    let taken: Vec<_> = (0..4).filter_map(|_| queue.pop()).collect();
    assert_eq!(taken.len(), 4);
    queue.put_back(1, 10, 2);
    queue.put_back(1, 10, 0);
    queue.put_back(2, 20, 0);
    assert_eq!(drain(&mut queue), [(2, 0), (1, 0), (1, 2)]);
    assert!(queue.is_empty());
}

#[test]
fn a_removed_job_leaves_no_trace() {
    let mut queue = roomy();
    queue.push(1, 10, 2).unwrap();
    queue.push(2, 20, 1).unwrap();
    assert!(queue.remove(1));
    assert!(!queue.remove(1));
    assert_eq!(queue.len(), 1);
    assert_eq!(drain(&mut queue), [(2, 0)]);
    assert_eq!(queue.push(1, 10, 1), Ok(()));
}

#[test]
fn jobs_that_have_begun_stay_when_the_others_are_removed() {
    let mut queue = roomy();
    queue.push(1, 10, 2).unwrap();
    queue.push(2, 20, 2).unwrap();
    queue.push(3, 10, 1).unwrap();
    queue.pop();
    assert_eq!(queue.remove_unbegun(), [2, 3]);
    assert_eq!(drain(&mut queue), [(1, 1)]);
}

#[derive(Debug, Clone)]
enum Act {
    Push {
        user: UserId,
        pictures: u8,
    },
    Pop,
    /// Cancels one of the jobs pushed so far.
    Remove(prop::sample::Index),
    /// Puts back one of the pictures popped so far.
    PutBack(prop::sample::Index),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..5_u64, 1..=4_u8).prop_map(|(user, pictures)| Act::Push { user, pictures }),
        3 => Just(Act::Pop),
        1 => any::<prop::sample::Index>().prop_map(Act::Remove),
        1 => any::<prop::sample::Index>().prop_map(Act::PutBack),
    ]
}

/// Brings a queue into any state that calls can bring it into.
fn played(acts: &[Act], capacity: usize, per_user: usize) -> (JobQueue, Vec<(JobId, UserId)>) {
    let mut queue = JobQueue::new(capacity, per_user);
    let mut pushed = Vec::new();
    let mut popped = Vec::new();
    for (id, act) in (1..).zip(acts) {
        match act {
            Act::Push { user, pictures } => {
                if queue.push(id, *user, *pictures).is_ok() {
                    pushed.push((id, *user));
                }
            }
            Act::Pop => popped.extend(queue.pop()),
            Act::Remove(index) if !pushed.is_empty() => {
                let (id, _) = *index.get(&pushed);
                queue.remove(id);
                popped.retain(|ticket: &Ticket| ticket.id != id);
            }
            Act::PutBack(index) if !popped.is_empty() => {
                let ticket = popped.swap_remove(index.index(popped.len()));
                let user = pushed
                    .iter()
                    .find(|(id, _)| *id == ticket.id)
                    .map(|(_, user)| *user);
                queue.put_back(ticket.id, user.unwrap(), ticket.picture);
            }
            Act::Remove(_) | Act::PutBack(_) => {}
        }
    }
    (queue, pushed)
}

proptest! {
    #[test]
    fn positions_and_order_are_what_then_happens(acts in prop::collection::vec(act(), 0..60)) {
        let (mut queue, _) = played(&acts, 1000, 1000);
        let promised: Vec<Ticket> = queue.order().collect();
        let positions: Vec<_> = queue.positions().collect();
        let served: Vec<Ticket> = std::iter::from_fn(|| queue.pop()).collect();
        prop_assert_eq!(&served, &promised);
        let begun: Vec<_> = served.iter().filter(|ticket| ticket.first).map(|ticket| ticket.id).zip(1..).collect();
        prop_assert_eq!(begun, positions);
        prop_assert!(queue.is_empty());
    }

    #[test]
    fn no_picture_is_lost_or_handed_out_twice(acts in prop::collection::vec(act(), 0..60)) {
        let (mut queue, _) = played(&acts, 1000, 1000);
        let jobs = queue.len();
        let served = drain(&mut queue);
        let distinct: std::collections::HashSet<_> = served.iter().collect();
        prop_assert_eq!(distinct.len(), served.len());
        let ids: std::collections::HashSet<_> = served.iter().map(|(id, _)| id).collect();
        prop_assert_eq!(ids.len(), jobs);
    }

    #[test]
    fn nobody_is_served_twice_while_another_waits_for_a_turn(
        jobs in prop::collection::vec((0..5_u64, 1..=4_u8), 1..40),
    ) {
        let mut queue = JobQueue::new(1000, 1000);
        let mut user_of = HashMap::new();
        let mut left: HashMap<UserId, usize> = HashMap::new();
        for (id, (user, pictures)) in (1..).zip(&jobs) {
            queue.push(id, *user, *pictures).unwrap();
            user_of.insert(id, *user);
            *left.entry(*user).or_default() += usize::from(*pictures);
        }
        let mut served: HashMap<UserId, usize> = HashMap::new();
        while let Some(ticket) = queue.pop() {
            let user = user_of[&ticket.id];
            *served.entry(user).or_default() += 1;
            *left.get_mut(&user).unwrap() -= 1;
            for (other, open) in &left {
                let theirs = served.get(other).copied().unwrap_or(0);
                prop_assert!(*open == 0 || served[&user] <= theirs + 1, "{user} is ahead of {other}");
            }
        }
    }

    #[test]
    fn the_bounds_hold(acts in prop::collection::vec(act(), 0..80), capacity in 0..6_usize, per_user in 0..4_usize) {
        let acts: Vec<_> = acts.into_iter().filter(|act| !matches!(act, Act::PutBack(_))).collect();
        let (queue, pushed) = played(&acts, capacity, per_user);
        prop_assert!(queue.len() <= capacity);
        for user in 0..5 {
            let waiting: std::collections::HashSet<_> =
                queue.order().filter(|ticket| pushed.contains(&(ticket.id, user))).map(|ticket| ticket.id).collect();
            prop_assert!(waiting.len() <= per_user);
        }
    }
}
