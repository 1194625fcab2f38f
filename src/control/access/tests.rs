//! Tests of who sees and changes what.

use std::collections::HashSet;

use super::*;
use crate::control::listing::{Listed, QueueView};
use crate::control::loaded::Loaded;
use crate::control::message_detail::{MessageDetail, Part};
use crate::control::message_ids::Place;
use crate::control::modify::{AuthorisedChange, Change, Changed, queued};
use crate::mail::address::Address;
use crate::spool::writer::Incoming;
use crate::spool::{Kind, Recipient};
use crate::sys::sysexits::Exit;

const HERS: u32 = 4_000_000_001;
const HIS: u32 = 4_000_000_002;
/// What the kernel shows for a user that this user namespace does not map.
const OVERFLOW: u32 = 65_534;

fn loaded(dir: &tempfile::TempDir) -> Loaded {
    let text = "[account.isp]\nrelay = \"mail.isp.example\"\nusername = \"me\"\npassword = \"x\"\n";
    let config = crate::config::read::read(std::path::Path::new("/x/config.toml"), text).unwrap();
    Loaded::new(config, Spool::open(dir.path()).unwrap())
}

fn put(loaded: &Loaded, uid: u32) -> MessageId {
    let to = Address::parse("friend@away.example").unwrap();
    let id = MessageId::new(1, u16::try_from(uid % 1000).unwrap());
    let envelope = Envelope {
        submitter: Submitter::Local(uid),
        ..Envelope::own(id, jiff::Timestamp::now(), Kind::Mail, vec![Recipient::of(&to)])
    };
    let mut incoming = Incoming::begin(&loaded.spool, envelope).unwrap();
    incoming.write(b"Subject: x\r\n\r\n").unwrap();
    incoming.commit().unwrap()
}

fn listed(loaded: &Loaded, scope: &AccessScope, asked: Selection) -> (Vec<MessageId>, u64) {
    let mut ids = Vec::new();
    let view = QueueView::new(&loaded.spool, scope.authorise(asked), HashSet::new(), Some(loaded));
    let totals = view.list(|listed| {
        if let Listed::Item(item) = listed {
            ids.push(item.queue_id);
        }
        Ok(())
    });
    (ids, totals.unwrap().messages)
}

#[test]
fn a_user_sees_and_changes_their_own_mail_alone() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = loaded(&dir);
    let [hers, his] = [HERS, HIS].map(|uid| put(&loaded, uid));
    let scope = AccessScope::of_peer(HERS, None);
    // Of the whole queue, the totals are everybody's.
    assert_eq!(listed(&loaded, &scope, Selection::default()), (vec![hers.clone()], 2));
    assert_eq!(listed(&loaded, &scope, Selection::of_ids([his.clone()])), (Vec::new(), 0));
    assert!(matches!(
        MessageDetail::read(&loaded.spool, (&his, Place::Anywhere), Part::Body, &scope),
        Err(SpoolError::Gone(_))
    ));
    assert_eq!(queued(&loaded, &scope.authorise(Selection::default())).unwrap(), std::slice::from_ref(&hers));
    for change in [Change::Hold, Change::Release, Change::Retry, Change::Readmit] {
        let refused = AuthorisedChange::new(&scope, change, Selection::of_ids([hers.clone()])).unwrap_err();
        assert_eq!(refused.exit, Exit::NoPermission);
    }
    let delete = AuthorisedChange::new(&scope, Change::Delete, Selection::default()).unwrap();
    assert_eq!(delete.messages(&loaded).unwrap(), std::slice::from_ref(&hers));
    // Not even where the id comes from elsewhere.
    assert!(matches!(delete.apply(&loaded, &his), Err(SpoolError::Gone(_))));
    assert!(matches!(delete.apply(&loaded, &hers), Ok(Changed::Done)));
    assert_eq!(loaded.spool.ids().unwrap(), [his]);
}

#[test]
fn the_owner_of_the_spool_sees_everything_and_the_overflow_uid_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = loaded(&dir);
    let [hers, nobodys] = [HERS, OVERFLOW].map(|uid| put(&loaded, uid));
    let all = listed(&loaded, &AccessScope::of_spool_owner(), Selection::default());
    assert_eq!((all.0.len(), all.1), (2, 2));
    assert_eq!(AccessScope::of_peer(0, None), AccessScope::of_spool_owner());
    let scope = AccessScope::of_peer(OVERFLOW, None);
    assert_eq!(listed(&loaded, &scope, Selection::of_ids([hers, nobodys])), (Vec::new(), 0));
}
