//! One server: its data, options, process and clock.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::servers::{ClockFile, Persistence, RedisOptions, RedisServer, eventually, list, text};
use super::{certificates, get};

#[test]
fn a_server_keeps_what_its_persistence_keeps() {
    for (persistence, saved, after_kill, why) in [
        (Persistence::None, false, "", "memory only"),
        (Persistence::Rdb, false, "", "no snapshot was made"),
        (Persistence::Rdb, true, "1", "SAVE makes one"),
        (Persistence::AofEverysec, false, "1", "the kernel has the write, and survives"),
        (Persistence::AofAlways, false, "1", "on the disk before the answer"),
    ] {
        let server = RedisServer::start(&RedisOptions { persistence, ..RedisOptions::default() });
        server.command(&["SET", "key", "1"]);
        if saved {
            server.command(&["SAVE"]);
        }
        let pid = server.pid();
        server.kill();
        assert!(!server.is_running() && server.try_command(&["PING"]).is_err());
        server.restart();
        assert_ne!(server.pid(), pid);
        assert_eq!(get(&server, "key"), after_kill, "{persistence:?}: {why}");
        server.restart_empty();
        assert_eq!(get(&server, "key"), "", "{persistence:?}: without its data");
    }
}

#[test]
fn data_that_was_copied_comes_back() {
    for persistence in [Persistence::Rdb, Persistence::AofEverysec] {
        let server = RedisServer::start(&RedisOptions { persistence, ..RedisOptions::default() });
        let backup = tempfile::tempdir().unwrap();
        server.command(&["SET", "key", "old"]);
        server.copy_data_to(backup.path());
        server.command(&["SET", "key", "new"]);
        server.put_data_back(backup.path());
        assert_eq!(get(&server, "key"), "old", "{persistence:?}");
        assert!(server.dir().starts_with(std::env::temp_dir()));
    }
}

#[test]
fn options_reach_the_server() {
    let server = RedisServer::start(&RedisOptions {
        persistence: Persistence::None,
        maxmemory: Some("3mb".into()),
        policy: "volatile-ttl",
        password: Some("secret".into()),
        users: vec!["reader on >open ~* -@all +get +ping".into()],
        lines: vec!["timeout 77".into()],
        ..RedisOptions::default()
    });
    for (name, expected) in [("maxmemory", "3145728"), ("maxmemory-policy", "volatile-ttl"), ("requirepass", "secret"), ("timeout", "77")] {
        assert_eq!(text(&list(server.command(&["CONFIG", "GET", name]))[1]), expected, "{name}");
    }
    let open = |credentials: &str| redis::Client::open(format!("redis://{credentials}{}", server.address())).unwrap().get_connection();
    assert!(redis::cmd("PING").exec(&mut open("").unwrap()).is_err(), "the default user has a password");
    assert!(redis::cmd("SET").arg(&["a", "b"]).exec(&mut open(":secret@").unwrap()).is_ok());
    let mut reader = open("reader:open@").unwrap();
    assert!(redis::cmd("GET").arg("a").exec(&mut reader).is_ok());
    assert!(redis::cmd("SET").arg(&["a", "b"]).exec(&mut reader).is_err(), "the user may only read");
    assert_eq!(server.info("memory")["maxmemory"], "3145728");
}

#[test]
fn a_replica_follows_its_master() {
    let password = Some("secret".to_owned());
    let master = RedisServer::start(&RedisOptions { password: password.clone(), ..RedisOptions::default() });
    let replica = RedisServer::start(&RedisOptions { replica_of: Some(master.port()), password, ..RedisOptions::default() });
    eventually("the replica is attached", || replica.info("replication")["master_link_status"] == "up");
    master.command(&["SET", "key", "1"]);
    eventually("the write is there", || get(&replica, "key") == "1");
}

#[test]
fn a_stopped_server_answers_after_it_continues() {
    let server = RedisServer::start(&RedisOptions::default());
    server.stop_process();
    let client = redis::Client::open(server.url()).unwrap();
    assert!(client.get_connection_with_timeout(Duration::from_millis(100)).is_err(), "nobody answers the greeting");
    assert!(server.is_running());
    server.continue_process();
    assert_eq!(text(&server.command(&["PING"])), "PONG");
}

#[test]
fn nothing_is_left_of_a_server() {
    let server = RedisServer::start(&RedisOptions::default());
    let (pid, folder) = (server.pid(), server.dir());
    drop(server);
    assert!(!folder.exists() && !process_exists(pid));
}

#[test]
fn a_server_outlives_the_thread_that_started_it() {
    let server = std::thread::spawn(|| RedisServer::start(&RedisOptions::default())).join().unwrap();
    let pid = server.pid();
    assert_eq!(text(&server.command(&["PING"])), "PONG");
    assert!(process_exists(pid));
}

#[test]
fn a_killed_test_leaves_no_server_behind() {
    let half = "test_servers::single::starts_a_server_and_waits_for_its_end";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([half, "--exact", "--ignored", "--nocapture"]).stdout(Stdio::piped());
    let mut test = command.spawn().unwrap();
    let output = BufReader::new(test.stdout.take().unwrap());
    let line = output.lines().map(Result::unwrap).find(|line| line.starts_with("server ")).unwrap();
    let pid = line["server ".len()..].parse().unwrap();
    assert!(process_exists(pid));
    test.kill().unwrap();
    test.wait().unwrap();
    eventually("the kernel has ended the server", || !process_exists(pid));
}

#[test]
#[ignore = "run by another test"]
fn starts_a_server_and_waits_for_its_end() {
    let server = RedisServer::start(&RedisOptions::default());
    std::io::stdout().write_all(format!("\nserver {}\n", server.pid()).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

fn process_exists(pid: u32) -> bool {
    Command::new("kill").args(["-0", &pid.to_string()]).output().unwrap().status.success()
}

#[test]
fn a_server_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let files = certificates(folder.path());
    let server = RedisServer::start(&RedisOptions { tls: Some(files.clone()), ..RedisOptions::default() });
    assert_eq!(server.url(), format!("rediss://127.0.0.1:{}", server.tls_port()));
    let client = |arguments: &[&str]| {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &server.tls_port().to_string(), "--tls", "--cacert"]).arg(&files.authority).args(arguments).arg("PING");
        let output = command.output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
    };
    let own = [files.certificate.to_str().unwrap(), files.key.to_str().unwrap()];
    assert_eq!(client(&["--cert", own[0], "--key", own[1]]), "PONG\n");
    assert_ne!(client(&[]), "PONG\n", "it asks for a certificate");
}

/// Seconds since 1970 as the server sees them.
fn time_of(server: &RedisServer) -> u64 {
    text(&list(server.command(&["TIME"]))[0]).parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "what the servers' clocks are compared with")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_clock_is_moved() {
    let clock = ClockFile::new();
    let start = || RedisServer::start(&RedisOptions { clock: Some(clock.clone()), ..RedisOptions::default() });
    let (server, other) = (start(), start());
    assert!(time_of(&server).abs_diff(now()) < 30, "a new clock agrees with the machine");
    server.command(&["SET", "short", "1", "EX", "3000"]);
    server.command(&["SET", "long", "1", "EX", "5000"]);
    clock.set_offset(4000);
    assert_eq!(get(&server, "short"), "", "its time is over");
    assert_eq!(get(&server, "long"), "1");
    assert!(time_of(&other).abs_diff(now() + 4000) < 30, "every server that has the clock follows");
    clock.set_offset(-1_000_000);
    assert!(time_of(&server).abs_diff(now() - 1_000_000) < 30);
    let script = "return redis.call('TIME')[1]";
    assert!(text(&server.command(&["EVAL", script, "0"])).parse::<u64>().unwrap().abs_diff(now() - 1_000_000) < 30);
}

#[test]
fn a_clock_that_stands_still_stops_nothing_else() {
    let clock = ClockFile::new();
    let options = RedisOptions { clock: Some(clock.clone()), persistence: Persistence::AofAlways, ..RedisOptions::default() };
    let server = RedisServer::start(&options);
    clock.freeze_at(1_800_000_000);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    for round in 0..200 {
        redis::cmd("SET").arg(round).arg("1").arg("PX").arg(1).exec(&mut connection).unwrap();
    }
    assert_eq!(text(&server.command(&["DBSIZE"])), "200", "no time passes, so nothing expires");
    server.command(&["SAVE"]);
    server.command(&["BGREWRITEAOF"]);
    eventually("the file is rewritten", || server.info("persistence")["aof_rewrite_in_progress"] == "0");
    assert_eq!(server.info("persistence")["aof_last_bgrewrite_status"], "ok");
    server.restart();
    assert_eq!((time_of(&server), text(&server.command(&["DBSIZE"])).as_str()), (1_800_000_000, "200"));
    let before: BTreeMap<_, _> = server.info("stats");
    eventually("the server counts in its own rhythm", || server.info("stats") != before);
    clock.freeze_at(1_800_000_001);
    assert_eq!(get(&server, "7"), "");
    assert_eq!(time_of(&server), 1_800_000_001);
}

#[test]
fn the_documented_user_may_do_what_we_need_and_no_more() {
    let server = RedisServer::start(&RedisOptions { users: vec![RedisOptions::documented_user("open")], ..RedisOptions::default() });
    let allowed = |words: &[&str]| text(&server.command(&[&["ACL", "DRYRUN", "cambist"], words].concat())) == "OK";
    for (words, expected, why) in [
        (&["SET", "cambist:r", "1", "NX", "PX", "1000"][..], true, "a record"),
        (&["SCRIPT", "LOAD", "return 1"], true, "the guard"),
        (&["INFO", "replication"], true, "its history"),
        (&["SET", "other:r", "1"], false, "what belongs to others"),
        (&["DEL", "cambist:r"], false, "a record that is deleted is a token that may be used again"),
        (&["EXPIRE", "cambist:r", "1"], false, "likewise"),
        (&["EVAL", "return 1", "0"], false, "another script"),
        (&["FLUSHALL"], false, "everything"),
        (&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"], false, "another eviction policy"),
        (&["KEYS", "*"], false, "who was here"),
        (&["CLIENT", "KILL", "ID", "1"], false, "others' connections"),
    ] {
        assert_eq!(allowed(words), expected, "{words:?}: {why}");
    }
}
