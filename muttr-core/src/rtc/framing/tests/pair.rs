//! Alice and bob at the two ends of one channel. Messages keep their order and never get lost
//! while it is open; everything else is up to the dice.

use super::*;

/// One end.
#[derive(Default)]
struct End {
    stream: Stream,
    /// On its way to the other end.
    sent: VecDeque<Vec<u8>>,
    /// What is still to be written.
    to_say: Vec<u8>,
    heard: Vec<u8>,
    last: Option<Read>,
    closed_write: bool,
    abandoned: bool,
    channel_closed: bool,
}

impl End {
    fn saying(len: usize, dice: &mut Dice) -> Self {
        Self {
            to_say: dice.bytes(len),
            ..Self::default()
        }
    }

    fn buffered(&self) -> usize {
        self.sent.iter().map(Vec::len).sum()
    }

    fn pump(&mut self) {
        while let Some(frame) = self.stream.poll_send() {
            assert!(!self.channel_closed, "sent on a closed channel");
            assert!(frame.len() <= limit::RTC_FRAME_BYTES_MAX);
            self.sent.push_back(frame);
        }
        self.channel_closed |= self.stream.is_done();
    }

    /// Writes some, or closes when all is written.
    fn write(&mut self, dice: &mut Dice) {
        if self.to_say.is_empty() {
            if !self.closed_write {
                self.closed_write = true;
                self.stream.close_write(0);
            }
            return;
        }
        let count = 1 + dice.below(self.to_say.len());
        match self.stream.write(&self.to_say[..count], self.buffered()) {
            Write::Taken(taken) => drop(self.to_say.drain(..taken)),
            Write::Wait => {}
            Write::Closed | Write::Reset => self.to_say.clear(),
        }
    }

    fn read(&mut self, dice: &mut Dice) {
        let mut buffer = vec![0; 1 + dice.below(40_000)];
        let read = self.stream.read(&mut buffer);
        if let Read::Data(count) = read {
            self.heard.extend(&buffer[..count]);
        }
        self.last = Some(read);
    }

    /// Reads whatever is there, to the end if there is one.
    fn read_on(&mut self, dice: &mut Dice) {
        self.read(dice);
        while let Some(Read::Data(_)) = self.last {
            self.read(dice);
        }
    }

    fn abandon(&mut self) {
        self.abandoned = true;
        self.to_say.clear();
        self.stream.abandon(0);
    }
}

/// The channel closes at both ends once one of them closes it, after what that one sent.
fn deliver(ends: &mut [End; 2], to: usize) {
    let from = 1 - to;
    if let Some(message) = ends[from].sent.pop_front() {
        if !ends[to].channel_closed {
            assert_eq!(ends[to].stream.received(0, &message), Ok(()));
        }
    } else if ends[from].channel_closed && !ends[to].channel_closed {
        ends[to].stream.closed();
        ends[to].channel_closed = true;
    }
}

fn step(ends: &mut [End; 2], dice: &mut Dice) {
    let who = dice.below(2);
    match dice.below(3) {
        0 => deliver(ends, who),
        1 if !ends[who].abandoned => ends[who].write(dice),
        2 if !ends[who].abandoned => ends[who].read(dice),
        _ => {}
    }
    ends[who].pump();
}

fn settled(ends: &[End; 2]) -> bool {
    ends.iter()
        .all(|end| end.channel_closed && end.sent.is_empty())
}

#[test]
fn everything_arrives_and_the_channel_closes() {
    for integer in 0..200 {
        let mut dice = Dice::new(integer);
        let sizes = [0, 1, 100, 20_000, 200_000];
        let (a, b) = (sizes[dice.below(5)], sizes[dice.below(5)]);
        let mut ends = [End::saying(a, &mut dice), End::saying(b, &mut dice)];
        let said = [ends[0].to_say.clone(), ends[1].to_say.clone()];
        let mut steps = 0;
        while !settled(&ends) {
            step(&mut ends, &mut dice);
            steps += 1;
            assert!(steps < 200_000, "{integer}: they do not come to an end");
        }
        for (end, other) in [(0, 1), (1, 0)] {
            ends[end].read_on(&mut dice);
            assert_eq!(ends[end].last, Some(Read::End), "{integer}");
            assert!(
                ends[end].heard == said[other],
                "{integer}: something else was heard"
            );
            assert!(ends[end].stream.write_closed());
        }
    }
}

/// Whoever drops a stream early: the other hears the whole, or that it is not the whole.
#[test]
fn nobody_takes_a_part_for_the_whole() {
    let (mut whole, mut cut) = (0, 0);
    for integer in 0..500 {
        let mut dice = Dice::new(integer);
        let mut ends = [
            End::saying(50_000, &mut dice),
            End::saying(50_000, &mut dice),
        ];
        let said = ends[0].to_say.clone();
        let drops = dice.below(300);
        for number in 0..2_000 {
            if number == drops {
                ends[0].abandon();
            }
            step(&mut ends, &mut dice);
        }
        // What is under way arrives, then the time for lingering is over.
        while ends[1].sent.len() + ends[0].sent.len() > 0 {
            step(&mut ends, &mut dice);
        }
        for end in &mut ends {
            end.stream.tick(limit::RTC_FIN_ACK_MS_MAX);
            end.pump();
        }
        (0..300).for_each(|_| step(&mut ends, &mut dice));
        ends[1].read_on(&mut dice);
        match ends[1].last {
            Some(Read::End) => {
                assert!(
                    ends[1].heard == said,
                    "{integer}: a part was taken for the whole"
                );
                whole += 1;
            }
            Some(Read::Reset) => cut += 1,
            other => panic!("{integer}: {other:?}"),
        }
        assert!(ends[0].channel_closed, "{integer}");
    }
    assert!(whole > 10 && cut > 10, "{whole} and {cut}");
}
