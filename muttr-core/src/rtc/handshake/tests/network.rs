//! Alice and bob with a browser each, and a relay that carries their streams in pieces. Whatever
//! may happen next does, in an order that dice choose.

use super::*;

/// What lies in one direction of a signalling stream.
#[derive(Default)]
struct Pipe {
    bytes: Vec<u8>,
    ended: bool,
    reset: bool,
    /// The far end was told so.
    told: bool,
}

/// One of the two, for one attempt.
struct Side {
    machine: Handshake,
    /// What her browser will report, in any order.
    pending: Vec<Event>,
    described: bool,
    applied: bool,
    connected: bool,
    init_opened: bool,
    added: Vec<String>,
    byte: u8,
    done: Option<Result<(), Failure>>,
}

impl Side {
    fn new(machine: Handshake, byte: u8) -> Self {
        Self {
            machine,
            pending: Vec::new(),
            described: false,
            applied: false,
            connected: false,
            init_opened: false,
            added: Vec::new(),
            byte,
            done: None,
        }
    }

    /// Does what the machine wants done.
    fn work(&mut self, out: &mut Pipe) {
        while let Some(action) = self.machine.poll() {
            assert_eq!(self.done, None, "{action:?} after the end");
            match action {
                Action::Describe => {
                    self.pending.push(Event::Described(chromium(self.byte)));
                    let first = usize::from(self.byte) * 100;
                    let found =
                        (first..first + 5).map(|number| Event::Candidate(candidate(number)));
                    self.pending.extend(found);
                }
                Action::Apply(sdp) => {
                    assert!(sdp::check_description(&sdp).is_ok());
                    self.pending.push(Event::Applied);
                }
                Action::Add(json) => {
                    assert!(self.applied, "a candidate before the description");
                    self.added.push(json);
                }
                Action::Send(bytes) => {
                    assert!(!out.ended && !out.reset);
                    out.bytes.extend(bytes);
                }
                Action::CloseInit => self.pending.push(Event::InitClosed),
                Action::Close => out.ended = true,
                Action::Reset => out.reset = true,
                Action::Done(result) => self.done = Some(result),
            }
        }
    }
}

/// One attempt: whoever offers, whoever answers, and the pipe that each of them fills.
struct Attempt {
    sides: [Side; 2],
    pipes: [Pipe; 2],
}

impl Attempt {
    fn new(offerer: u8, answerer: u8) -> Self {
        let sides = [
            Side::new(Handshake::offer(0), offerer),
            Side::new(Handshake::answer(0), answerer),
        ];
        let mut attempt = Self {
            sides,
            pipes: [Pipe::default(), Pipe::default()],
        };
        attempt.work();
        attempt
    }

    fn work(&mut self) {
        for (side, pipe) in self.sides.iter_mut().zip(&mut self.pipes) {
            side.work(pipe);
        }
    }

    /// What may happen: 0, 1 a browser reports; 2, 3 bytes arrive; 4, 5 a connection is seen.
    fn possible(&self) -> Vec<usize> {
        let may = |what: &usize| {
            let (side, pipe) = (&self.sides[what % 2], &self.pipes[1 - what % 2]);
            let both = self.sides.iter().all(|side| side.described && side.applied);
            match what / 2 {
                0 => !side.pending.is_empty(),
                1 => !pipe.bytes.is_empty() || (!pipe.told && (pipe.ended || pipe.reset)),
                _ => both && !side.connected,
            }
        };
        (0..6).filter(may).collect()
    }

    /// One thing happens; false when nothing can.
    fn step(&mut self, dice: &mut Dice) -> bool {
        let possible = self.possible();
        if possible.is_empty() {
            return false;
        }
        let what = possible[dice.below(possible.len())];
        let (side, pipe) = (&mut self.sides[what % 2], &mut self.pipes[1 - what % 2]);
        let event = match what / 2 {
            0 => side.pending.swap_remove(dice.below(side.pending.len())),
            1 if pipe.reset => {
                pipe.bytes.clear();
                pipe.told = true;
                Event::Broken
            }
            1 if pipe.bytes.is_empty() => {
                pipe.told = true;
                Event::Ended
            }
            1 => {
                let count = 1 + dice.below(pipe.bytes.len());
                Event::Received(pipe.bytes.drain(..count).collect())
            }
            _ => {
                side.connected = true;
                side.pending.push(Event::InitOpened);
                Event::Connected
            }
        };
        match &event {
            Event::Described(_) => side.described = true,
            Event::Applied => side.applied = true,
            Event::InitOpened => side.init_opened = true,
            _ => {}
        }
        side.machine.handle(1, event);
        self.work();
        true
    }

    fn results(&self) -> [Option<Result<(), Failure>>; 2] {
        [self.sides[0].done, self.sides[1].done]
    }
}

const BOTH: [Option<Result<(), Failure>>; 2] = [Some(Ok(())), Some(Ok(()))];

#[test]
fn they_find_each_other_whatever_comes_first() {
    let mut trickled = 0;
    for integer in 0..3_000 {
        let mut dice = Dice::new(integer);
        let mut attempt = Attempt::new(1, 2);
        while attempt.step(&mut dice) {}
        assert_eq!(attempt.results(), BOTH, "{integer}");
        assert!(
            attempt.pipes.iter().all(|pipe| pipe.ended && !pipe.reset),
            "{integer}"
        );
        assert!(attempt.sides[0].init_opened);
        trickled += attempt
            .sides
            .iter()
            .map(|side| side.added.len())
            .sum::<usize>();
    }
    assert!(trickled > 3_000, "candidates do travel: {trickled}");
}

#[test]
fn both_dial_at_once_and_both_attempts_come_to_an_end() {
    for integer in 0..1_000 {
        let mut dice = Dice::new(integer);
        let (mut alices, mut bobs) = (Attempt::new(1, 2), Attempt::new(2, 1));
        loop {
            let (one, other) = if dice.below(2) == 0 {
                (&mut alices, &mut bobs)
            } else {
                (&mut bobs, &mut alices)
            };
            if !one.step(&mut dice) && !other.step(&mut dice) {
                break;
            }
        }
        assert_eq!(
            (alices.results(), bobs.results()),
            (BOTH, BOTH),
            "{integer}"
        );
    }
}

/// Wherever the relay drops the circuit, both come to an end: by themselves, or by the deadline.
#[test]
fn the_circuit_breaks_at_every_moment() {
    let (mut connected, mut lost) = (0, 0);
    for integer in 0..2_000 {
        let mut dice = Dice::new(integer);
        let mut attempt = Attempt::new(1, 2);
        let breaks = dice.below(40);
        let mut alive = true;
        for step in 0.. {
            if step == breaks {
                for index in 0..2 {
                    attempt.pipes[index] = Pipe {
                        told: true,
                        ..Pipe::default()
                    };
                    attempt.sides[index].machine.handle(1, Event::Broken);
                }
                attempt.work();
            }
            alive = alive && attempt.step(&mut dice);
            if !alive && step >= breaks {
                break;
            }
        }
        for side in &mut attempt.sides {
            side.machine
                .handle(limit::RTC_HANDSHAKE_MS_MAX, Event::Tick);
        }
        attempt.work();
        for result in attempt.results() {
            match result {
                Some(Ok(())) => connected += 1,
                Some(Err(Failure::Lost | Failure::TimedOut)) => lost += 1,
                other => panic!("{integer}: {other:?}"),
            }
        }
    }
    assert!(connected > 100 && lost > 100, "{connected} and {lost}");
}
