//! A person who moves: whoever writes is told where to, and nothing is passed on.

use super::*;

fn elm() -> Alias {
    "bob@elm.example".parse().unwrap()
}

fn moves(room: &mut Room, name: &str, to: Alias) -> Result<Done, Rejection> {
    let label = name.parse().unwrap();
    room.ask(name, Command::Move { id: 9, label, to })
}

fn found(room: &mut Room, by: &str, who: &str) -> Option<Alias> {
    let alias = alias(who);
    match room.ask(by, Command::Lookup { id: 8, alias }) {
        Ok(Done::Contact(contact)) => contact.moved_to,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_writes_to_somebody_who_moved_is_told_where_to() {
    let mut room = two_people();
    room.joins("mallory");
    room.registers("mallory");
    room.writes("alice", "bob", "before").unwrap();
    assert_eq!(found(&mut room, "alice", "bob"), None);
    assert!(moves(&mut room, "bob", elm()).is_ok());
    // Who knew him is told, and so is who did not.
    for name in ["alice", "mallory"] {
        assert_eq!(found(&mut room, name, "bob"), Some(elm()), "{name}");
        let refused = room.writes(name, "bob", "after").unwrap_err();
        assert_eq!(refused, Rejection::Moved, "{name}");
    }
    room.pass(1_000);
    let read = room.reads("bob");
    assert_eq!(read.len(), 1, "{read:?}");
    // What he writes under the old alias is still his.
    room.writes("bob", "mallory", "I have moved").unwrap();
    room.pass(5_000);
    let read = room.reads("mallory");
    assert!(read.iter().all(|message| message.verified), "{read:?}");
    assert_eq!(read.len(), 1);
}

#[test]
fn a_renewal_leaves_a_move_as_it_is_and_registering_takes_it_back() {
    let mut room = two_people();
    assert!(moves(&mut room, "bob", elm()).is_ok());
    room.leaves("bob");
    room.now.wall_ms += limit::BINDING_RENEW_MS + limit::DAY_MS;
    room.joins("bob");
    room.pass(1_000);
    assert_eq!(found(&mut room, "alice", "bob"), Some(elm()));
    room.registers("bob");
    assert_eq!(found(&mut room, "alice", "bob"), None);
    room.writes("alice", "bob", "welcome back").unwrap();
}

#[test]
fn one_moves_only_from_an_alias_of_ones_own_and_to_another() {
    let mut room = two_people();
    let label = "alice".parse().unwrap();
    let not_ours = Command::Move {
        id: 9,
        label,
        to: elm(),
    };
    assert_eq!(room.ask("bob", not_ours).unwrap_err(), Rejection::NotFound);
    let nowhere = moves(&mut room, "bob", alias("bob")).unwrap_err();
    assert_eq!(nowhere, Rejection::AliasInvalid);
}
