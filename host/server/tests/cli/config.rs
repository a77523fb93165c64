//! `heptad config`.

use crate::support::Heptad;

#[test]
fn the_printed_defaults_are_a_valid_configuration() {
    let heptad = Heptad::new();
    let defaults = heptad.run(&["config", "default"]).ended(0).stdout;
    let file = heptad.write("heptad.toml", &defaults);
    let done = heptad.run(&["config", "check", "--config", &file]).ended(0);
    assert_eq!(done.stdout, "the configuration is valid\n");
}

#[test]
fn what_is_wrong_is_told_key_by_key() {
    let heptad = Heptad::new();
    let file = heptad.write("heptad.toml", "[server]\nlisten = \"here\"\nbody_bytes = 1\n");
    let heptad = heptad.set("HEPTAD_LIMITS__PEER_BURST", "0");
    // The environment goes before the file, so the file's `listen` is not looked at.
    let done = heptad.run(&["config", "check", "--config", &file]).ended(3).says("error: 2 keys are wrong");
    assert_eq!(done.stdout, "`server.body_bytes`: 1024 to 67108864, not 1\n`limits.peer_burst`: 1 to 1000000, not 0\n");
    let json = heptad.run(&["config", "check", "--output", "json"]).ended(3);
    assert!(json.stdout.contains("\"key\": \"limits.peer_burst\""), "{json:?}");
    let other = Heptad::new().set("HEPTAD_SERVER__LISTN", "x");
    other.run(&["serve"]).ended(3).says("`server.listn`: unknown field").says("(from the environment)").says("hint: ");
    Heptad::new().run(&["serve", "--config", "absent.toml"]).ended(3).says("cannot read absent.toml");
}

#[test]
fn what_comes_out_is_printed_without_passwords() {
    let heptad = Heptad::new()
        .set("HEPTAD_DATABASE__URL", "postgres://heptad:secret@localhost/heptad")
        .set("HEPTAD_DATABASE__SERVER_ROLE", "heptad");
    let done = heptad.run(&["config", "check", "--print"]).ended(0);
    assert!(done.stdout.contains("url = \"postgres://heptad:***@localhost/heptad\""), "{done:?}");
    assert!(!done.stdout.contains("heptad:secret"), "{done:?}");
}
