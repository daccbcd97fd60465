//! Commands to a server, and what they answer as text.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::{Connection, RedisResult, Value};

/// The user of the tests themselves. Every server has it, so that what is tested may take any right from all others.
pub(super) const HARNESS: &str = "user harness on >harness ~* &* +@all";

/// For one command; a server that does not answer may be stopped on purpose.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection of the harness to a port of 127.0.0.1.
pub(super) fn connect(port: u16, patience: Duration) -> RedisResult<Connection> {
    let client = redis::Client::open(format!("redis://harness:harness@127.0.0.1:{port}/"))?;
    let connection = client.get_connection_with_timeout(patience)?;
    connection.set_read_timeout(Some(patience))?;
    connection.set_write_timeout(Some(patience))?;
    Ok(connection)
}

/// One command, on a connection of its own.
pub(super) fn send(port: u16, words: &[&str]) -> RedisResult<Value> {
    send_within(PATIENCE, port, words)
}

pub(super) fn send_within(patience: Duration, port: u16, words: &[&str]) -> RedisResult<Value> {
    let (name, arguments) = words.split_first().expect("a command has a name");
    redis::cmd(name).arg(arguments).query(&mut connect(port, patience)?)
}

/// A simple answer as text: strings as they are, numbers in decimal, nothing as the empty text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Nil => String::new(),
        Value::Okay => "OK".into(),
        Value::Int(number) => number.to_string(),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        other => panic!("no simple answer: {other:?}"),
    }
}

/// The elements of an array.
pub(crate) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        other => panic!("no array: {other:?}"),
    }
}

/// `name value name value …`, as a map.
pub(super) fn pairs(value: Value) -> BTreeMap<String, String> {
    let texts: Vec<String> = list(value).iter().map(text).collect();
    texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// The lines `name:value` of INFO and CLUSTER INFO.
pub(super) fn fields(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}
