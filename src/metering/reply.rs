//! The answers of a commit, which go to each thread that waits for some of them together.
//!
//! Whoever is told wakes up, and where threads share a processor begins to work at once: told one by one, a thread would wake, answer one
//! request and fall asleep again, fifty times for one commit. So each thread has a task that takes all of its answers and hands them on
//! there, where nobody has to be woken any more.

use std::cell::RefCell;

use tokio::sync::{mpsc, oneshot};

use super::Outcome;

type Told = (oneshot::Sender<Vec<Outcome>>, Vec<Outcome>);
type Post = mpsc::UnboundedSender<Vec<Told>>;

thread_local! {
    static POST: RefCell<Option<Post>> = const { RefCell::new(None) };
}

/// Where the outcomes of one request go.
#[derive(Debug)]
pub(super) struct Reply {
    to: oneshot::Sender<Vec<Outcome>>,
    post: Post,
}

/// A way back to whoever runs on this thread; must be called within a runtime that goes on.
pub(super) fn reply() -> (Reply, oneshot::Receiver<Vec<Outcome>>) {
    let (to, replied) = oneshot::channel();
    let post = POST.with_borrow_mut(|kept| {
        // That of a runtime that has ended is closed.
        let is_open = kept.as_ref().is_some_and(|post| !post.is_closed());
        if !is_open {
            *kept = None;
        }
        kept.get_or_insert_with(open).clone()
    });
    (Reply { to, post }, replied)
}

fn open() -> Post {
    let (post, mut incoming) = mpsc::unbounded_channel::<Vec<Told>>();
    tokio::spawn(async move {
        while let Some(all) = incoming.recv().await {
            hand_on(all);
        }
    });
    post
}

fn hand_on(all: Vec<Told>) {
    for (to, outcomes) in all {
        let _ = to.send(outcomes); // whoever asked may have gone
    }
}

/// Answers that are gathered until all of them are known.
#[derive(Debug, Default)]
pub(super) struct Replies(Vec<(Post, Vec<Told>)>);

impl Replies {
    /// Adds the answer to one request.
    pub fn add(&mut self, reply: Reply, outcomes: Vec<Outcome>) {
        let told = (reply.to, outcomes);
        match self.0.iter_mut().find(|(post, _)| post.same_channel(&reply.post)) {
            Some((_, all)) => all.push(told),
            None => self.0.push((reply.post, vec![told])),
        }
    }
    /// Tells all of them.
    pub fn send(self) {
        for (post, all) in self.0 {
            // One alone needs nobody to hand it on, and those of a runtime that has ended find nobody who would.
            if all.len() == 1 {
                hand_on(all);
            } else if let Err(mpsc::error::SendError(all)) = post.send(all) {
                hand_on(all);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[actix_web::test]
    async fn each_request_is_told_its_own_whichever_thread_it_waits_on_and_one_that_has_gone_hinders_nobody() {
        let (mut replies, mut waiting) = (Replies::default(), Vec::new());
        let outcomes = |place: usize| vec![Outcome::Booked; place];
        for place in 0..8 {
            let (one, replied) = reply();
            replies.add(one, outcomes(place));
            if place != 3 {
                waiting.push((place, replied));
            }
        }
        // A thread of its own, with two requests, and one with a single one.
        let others = [2, 1].map(|count| {
            let (give, given) = std::sync::mpsc::channel();
            let thread = thread::spawn(move || {
                actix_web::rt::System::new().block_on(async move {
                    let mut told = Vec::new();
                    let all: Vec<_> = (0..count).map(|_| reply()).collect();
                    let mut waiting = Vec::new();
                    for (one, replied) in all {
                        give.send(one).unwrap();
                        waiting.push(replied);
                    }
                    drop(give);
                    for replied in waiting {
                        told.push(replied.await.unwrap().len());
                    }
                    told
                })
            });
            (thread, given)
        });
        let others = others.map(|(thread, given)| {
            for (place, one) in given.iter().enumerate() {
                replies.add(one, outcomes(10 + place));
            }
            thread
        });
        assert_eq!(replies.0.len(), 3, "one lot for each thread");
        replies.send();
        for (place, replied) in waiting {
            assert_eq!(replied.await.unwrap().len(), place);
        }
        let told = others.map(|thread| thread.join().unwrap());
        assert_eq!(told, [vec![10, 11], vec![10]]);
    }

    #[test]
    fn a_thread_whose_runtime_has_ended_gets_another_post() {
        for _ in 0..2 {
            let told = actix_web::rt::System::new().block_on(async {
                let ((one, first), (two, second)) = (reply(), reply());
                let mut replies = Replies::default();
                replies.add(one, vec![Outcome::Booked]);
                replies.add(two, vec![Outcome::Duplicate]);
                replies.send();
                (first.await.unwrap(), second.await.unwrap())
            });
            assert_eq!(told, (vec![Outcome::Booked], vec![Outcome::Duplicate]));
        }
    }

    #[test]
    fn answers_for_a_runtime_that_has_ended_do_not_get_lost() {
        let ended = actix_web::rt::System::new().block_on(async { [reply(), reply()] });
        let (mut replies, mut waiting) = (Replies::default(), Vec::new());
        for (one, replied) in ended {
            replies.add(one, vec![Outcome::Booked]);
            waiting.push(replied);
        }
        replies.send();
        for mut replied in waiting {
            assert_eq!(replied.try_recv().unwrap(), [Outcome::Booked]);
        }
    }
}
