use super::*;

fn line(text: &str) -> Line {
    let scenario = Scenario::parse("play.txt", text).expect("a good line");
    scenario.lines.into_iter().next().expect("one line")
}

fn mistake(text: &str) -> String {
    Scenario::parse("play.txt", text)
        .expect_err("a bad line")
        .to_string()
}

#[test]
fn a_sentence_is_read_word_by_word() {
    let to = Address {
        label: "bob".into(),
        pod: PodName::Oak,
    };
    let texts = vec!["hello, you".to_owned()];
    let expected = Step::Write {
        who: Person::Alice,
        to,
        texts,
    };
    assert_eq!(line("alice  writes bob@oak \"hello, you\"").step, expected);
}

#[test]
fn numbers_may_be_words_and_one_is_singular() {
    assert_eq!(
        line("five seeds join oak").step,
        Step::SeedsJoin(5, PodName::Oak)
    );
    assert_eq!(
        line("1 seed joins oak").step,
        Step::SeedsJoin(1, PodName::Oak)
    );
    assert_eq!(
        line("two hours pass").step,
        Step::Wait(Duration::from_secs(7_200))
    );
}

#[test]
fn a_refusal_is_taken_off_first() {
    let line = line("bob registers alice but is refused ALIAS_TAKEN");
    assert_eq!(line.refused.as_deref(), Some("ALIAS_TAKEN"));
    assert_eq!(
        line.step,
        Step::Register {
            who: Person::Bob,
            label: "alice".into()
        }
    );
}

#[test]
fn mistakes_say_where_and_what() {
    assert_eq!(
        mistake("\n\nalcie leaves"),
        "play.txt:3: `alcie` is no person of the cast (there are alice, bob, carol, mallory)"
    );
    assert_eq!(
        mistake("alice writes bob@oak \"hi"),
        "play.txt:1: a quotation mark is never closed"
    );
    assert_eq!(
        mistake("bob registers x but is refused ALIAS_GONE"),
        "play.txt:1: `ALIAS_GONE` is no rejection code"
    );
    assert!(mistake("alice writes bob@oak").contains("`PERSON writes ADDRESS TEXT`"));
    assert!(mistake("alice writes bob@fir \"hi\"").contains("no pod of the cast"));
    assert!(mistake("42").contains("no sentence"));
    assert!(mistake("alice leaves\nthis plays on browser only").contains("first, and once"));
}

#[test]
fn every_form_of_the_grammar_has_a_step() {
    for form in lexicon::forms(GRAMMAR) {
        let example: Vec<_> = form.text.split(' ').map(example).collect();
        let example = example.join(" ");
        let (_, _) = sentence(&example).unwrap_or_else(|what| panic!("{example}: {what}"));
    }
}

#[test]
fn no_two_forms_are_the_same_sentence() {
    let forms = lexicon::forms(GRAMMAR);
    for form in &forms {
        let example: Vec<_> = form.text.split(' ').map(example).collect();
        let words = lexicon::words(&example.join(" ")).expect("words");
        let matching: Vec<_> = forms.iter().filter(|other| other.matches(&words)).collect();
        assert_eq!(matching.len(), 1, "{}", form.text);
    }
}

#[test]
fn a_later_status_satisfies_an_earlier_claim() {
    assert!(Standing::Read.reaches(Standing::Notified));
    assert!(!Standing::Stored.reaches(Standing::Notified));
    assert!(!Standing::Lost.reaches(Standing::Read));
    assert!(Standing::Lost.reaches(Standing::Lost));
}

fn example(part: &str) -> &str {
    match part {
        "POD" => "oak",
        "PERSON" => "alice",
        "PERSONS" => "alice's",
        "NUMBER" => "three",
        "LABEL" => "alice",
        "ADDRESS" => "bob@oak",
        "TEXT" => "\"hello there\"",
        "STATUS" => "read",
        "UNIT" => "seconds",
        "STAGE" => "browser",
        fixed => fixed.split('|').next().expect("a word"),
    }
}
