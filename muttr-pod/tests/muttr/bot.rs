//! A command that answers.

use tempfile::TempDir;

use super::{Follower, Person, boot};

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_answers_with_what_its_command_says() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let echo = Person::registered(&folder, &pod, "echo").await;
    // Silent to some, failing at others, and it goes on.
    let script = "text=$(cat); case $text in quiet) ;; fail) echo no; exit 1;; \
                  *) echo \"$1 $MUTTR_FROM: $text\";; esac";
    let arguments = ["bot", "--exec", script];
    let mut bot = Follower::new(echo.command(&arguments));
    for text in ["quiet", "fail", "one", "two"] {
        alice.sends(&echo, text).await;
    }
    let mut follower = alice.follows();
    for text in ["one", "two"] {
        let answer = follower.next().await;
        assert_eq!(answer["from"], echo.alias());
        let expected = format!("{0} {0}: {text}\n", alice.alias());
        assert_eq!(answer["text"], expected);
        assert_eq!(answer["request"], false);
    }
    assert!(follower.end("-TERM").success());
    assert!(bot.end("-TERM").success());
    assert!(alice.reads().await.is_empty());
    pod.stop().await;
}
