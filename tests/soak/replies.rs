//! A provider that answers at random what real providers answer, at the stage where they do, while mail keeps coming.
//! The audit: nothing is lost, nothing bounces that its owner could fix, and no message stops an account.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use support::numbered::message;
use support::provider::{Provider, Rule, Verb, after_dot, auth_answer, greeting, on};
use support::random::{Random, number_from, seed};
use support::wait::{PATIENCE, wait_until};
use support::world::World;

/// A reply of a real provider.
struct Reply {
    text: String,
    stages: Vec<String>,
    meaning: String,
}

/// Final for the recipient or the message: what may bounce.
const FINAL: [&str; 4] = ["recipient-unknown", "recipient-mailbox-full", "content-refused", "message-too-large"];
/// About an account whatever the message: what may stop one within a transaction.
const ACCOUNT_WIDE: [&str; 18] = [
    "login-rejected",
    "oauth-wanted",
    "app-password-wanted",
    "token-expired",
    "mechanism-refused",
    "login-blocked",
    "login-wanted",
    "tls-settings",
    "account-suspended",
    "own-mailbox-full",
    "client-address-refused",
    "helo-refused",
    "relaying-denied",
    "wrong-server",
    "sending-limit",
    "too-many-logins",
    "too-many-connections",
    "server-trouble",
];

fn replies() -> Vec<Reply> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules/classify/tests/replies.tsv");
    let table = fs::read_to_string(path).unwrap();
    let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    let read = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        Reply {
            text: columns[0].to_owned(),
            stages: columns[2].split(',').map(|stage| stage.trim().to_owned()).collect(),
            meaning: columns[4].to_owned(),
        }
    };
    rows.map(read).filter(|reply| reply.stages.iter().any(|stage| at(stage).is_some())).collect()
}

fn at(stage: &str) -> Option<Rule> {
    Some(match stage {
        "greeting" => greeting(),
        "ehlo" => on(Verb::Ehlo),
        "auth" => auth_answer(),
        "mail" => on(Verb::Mail),
        "rcpt" => on(Verb::Rcpt),
        "data" => on(Verb::Data),
        "dot" => after_dot(),
        _ => return None,
    })
}

/// The reply as it goes over the wire: every line with the code, the last one without a hyphen.
fn wire(text: &str) -> String {
    let (code, text) = text.split_at(text.len().min(3));
    let lines: Vec<&str> = text.trim_start().split("\\n").collect();
    let marked = lines.iter().enumerate().map(|(number, line)| {
        let mark = if number + 1 < lines.len() { '-' } else { ' ' };
        format!("{code}{mark}{line}")
    });
    marked.collect::<Vec<_>>().join("\n")
}

/// From now on the provider answers so, a few times.
fn misbehave<'r>(isp: &Provider, replies: &'r [Reply], random: &mut Random) -> &'r Reply {
    let reply = &replies[usize::try_from(random.below(replies.len() as u64)).unwrap()];
    let stages: Vec<Rule> = reply.stages.iter().filter_map(|stage| at(stage)).collect();
    let rule = stages[usize::try_from(random.below(stages.len() as u64)).unwrap()].clone();
    let rule = rule.first(usize::try_from(random.below(3)).unwrap() + 1);
    let text = wire(&reply.text);
    isp.behave();
    isp.add(if text.starts_with("421") { rule.reply_and_close(&text) } else { rule.reply(&text) });
    reply
}

#[test]
fn replies_of_real_providers_at_random_lose_nothing_and_stop_no_account() {
    let seconds = number_from("POSTRIDER_SOAK_SECONDS").unwrap_or(5);
    let seed = seed("POSTRIDER_SOAK_SEED");
    println!("POSTRIDER_SOAK_SECONDS={seconds} POSTRIDER_SOAK_SEED={seed}");
    let (replies, mut random) = (replies(), Random::from(seed));
    let isp = Provider::start();
    let world = World::at_home(&isp).queue_set("retry_min", "1s").queue_set("retry_max", "3s");
    let runner = world.runner().ready(&world);
    let password = world.path("isp.password");
    // A changed secret lets a rejected login be tried at once.
    let flush = || {
        fs::write(&password, format!("{}\n", isp.credential().1)).unwrap();
        world.flush();
    };
    let (start, mut sent, mut given) = (Instant::now(), Vec::new(), HashSet::new());
    while start.elapsed() < Duration::from_secs(seconds) {
        given.insert(misbehave(&isp, &replies, &mut random).text.clone());
        for _ in 0..=random.below(3) {
            let name = format!("message-{}", sent.len());
            let recipients: Vec<String> =
                (0..=random.below(2)).map(|number| format!("friend{number}-{name}@away.example")).collect();
            let words: Vec<&str> =
                ["-i", "-f", "alice"].into_iter().chain(recipients.iter().map(String::as_str)).collect();
            world.sendmail(&words, message(&name, random.below(20))).code(0);
            sent.push((name, recipients));
        }
        std::thread::sleep(random.moment(150_000));
        if random.below(4) == 0 {
            flush();
        }
    }
    isp.behave();
    let emptied = || {
        flush();
        world.queued().is_empty().then_some(())
    };
    // What piled up in that time takes a part of it to leave.
    wait_until(PATIENCE.max(Duration::from_secs(seconds)), emptied, || world.mailq());
    println!("soak: {} different replies in {seconds} s", given.len());
    println!("soak: {}", audit(&isp, &world, &replies, &sent, &runner.log()));
}

fn audit(isp: &Provider, world: &World, replies: &[Reply], sent: &[(String, Vec<String>)], log: &str) -> String {
    let mails = isp.mails();
    let own: Vec<_> = mails.iter().filter(|mail| mail.fields("Auto-Submitted").is_empty()).collect();
    let bounced: Vec<&str> = log.lines().filter(|line| line.contains("status=bounced")).collect();
    // An hour brings tens of thousands of each.
    let mut copies_of: HashMap<(String, &str), usize> = HashMap::new();
    for mail in own {
        for recipient in &mail.to {
            *copies_of.entry((mail.field("Subject"), recipient)).or_default() += 1;
        }
    }
    let to = bounced.iter().filter_map(|line| line.split_once("to=<")?.1.split('>').next());
    let returned_to: HashSet<&str> = to.collect();
    let (mut delivered, mut returned) = (0, 0);
    for (name, recipients) in sent {
        for recipient in recipients {
            let copies = copies_of.get(&(name.clone(), recipient.as_str())).copied().unwrap_or_default();
            let is_returned = returned_to.contains(recipient.as_str());
            assert_eq!(copies + usize::from(is_returned), 1, "{recipient}: {copies} copies\n{log}");
            delivered += copies;
            returned += usize::from(is_returned);
        }
    }
    for line in bounced {
        let meanings = meanings(replies, line);
        let is_final = meanings.iter().any(|meaning| FINAL.contains(meaning));
        assert!(is_final, "bounced, although somebody can change it: {meanings:?} {line}");
    }
    let stops: Vec<&str> = log.lines().filter(|line| line.contains("needs attention")).collect();
    for stop in &stops {
        let meanings = meanings(replies, stop);
        let is_the_accounts = meanings.iter().any(|meaning| ACCOUNT_WIDE.contains(meaning));
        assert!(is_the_accounts, "a message stopped the account: {meanings:?} {stop}");
    }
    let recipients: usize = sent.iter().map(|(_, recipients)| recipients.len()).sum();
    format!(
        "{recipients} recipients: {delivered} delivered, {returned} returned for good reason, 0 lost; \
         {} reports that could not be returned are kept; the account stopped {} times, each for an account's reply",
        world.spool("failed").len() / 2,
        stops.len()
    )
}

/// What the reply that a line of the log quotes can mean.
fn meanings<'r>(replies: &'r [Reply], line: &str) -> Vec<&'r str> {
    let is_quoted = |reply: &&Reply| line.contains(&reply.text[4..].replace("\\n", " "));
    replies.iter().filter(is_quoted).map(|reply| reply.meaning.as_str()).collect()
}
