/*
 * archive.c: what is kept, on both homes. The sender's home decides that a message is kept and gives it its place in the sender's
 * archive; the recipient's home gives it a place in its own and writes both rows in one transaction; after the commit the message is
 * delivered and the sender's home told. What must hold: nothing kept is delivered, or counted as handled, before its commit.
 */
#include "im/archive.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "im/account.h"
#include "im/iq.h"
#include "im/prefs.h"
#include "im/router.h"
#include "im/session.h"
#include "store/archive.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

/* Payloads that matter later though they show no text of their own. */
const struct str archive_namespaces[] = {
    STR_INIT("urn:xmpp:receipts"),           STR_INIT("urn:xmpp:chat-markers:0"),
    STR_INIT("urn:xmpp:reactions:0"),        STR_INIT("urn:xmpp:message-retract:0"),
    STR_INIT("urn:xmpp:message-retract:1"),  STR_INIT("urn:xmpp:fasten:0"),
    STR_INIT("urn:xmpp:message-correct:0"),  STR_INIT("urn:xmpp:message-moderate:0"),
    STR_INIT("urn:xmpp:message-moderate:1"), STR_INIT("urn:xmpp:jingle-message:0"),
    STR_INIT("jabber:x:conference"),         {NULL, 0},
};

/* Encrypted payloads: messages in their own right. */
static const struct str encrypted_namespaces[] = {
    STR_INIT("eu.siacs.conversations.axolotl"),
    STR_INIT("urn:xmpp:omemo:2"),
    STR_INIT("urn:xmpp:omemo:1"),
    STR_INIT("urn:xmpp:openpgp:0"),
    STR_INIT("jabber:x:encrypted"),
    {NULL, 0},
};

static bool is_listed(const struct str *list, struct str ns) {
    for (; list->p; list++) {
        if (str_eq(*list, ns)) return true;
    }
    return false;
}

static bool has_child_of(const struct xml_node *el, const struct str *namespaces) {
    for (const struct xml_node *c = xml_first_element(el); c; c = xml_next_element(c)) {
        if (is_listed(namespaces, c->ns)) return true;
    }
    return false;
}

bool archive_is_content(const struct xml_node *el) {
    return xml_child(el, NS_CLIENT, STR("body")) || has_child_of(el, encrypted_namespaces);
}

/* Changes or remarks on another message, whatever they say themselves. */
static const struct str about_namespaces[] = {
    STR_INIT("urn:xmpp:message-correct:0"),  STR_INIT("urn:xmpp:reactions:0"),
    STR_INIT("urn:xmpp:message-retract:1"),  STR_INIT("urn:xmpp:message-retract:0"),
    STR_INIT("urn:xmpp:message-moderate:1"), STR_INIT("urn:xmpp:message-moderate:0"),
    STR_INIT("urn:xmpp:fasten:0"),           {NULL, 0},
};

/* What the inbox must know of a row without looking into the message. */
static uint8_t row_flags_of(const struct xml_node *el, bool is_content) {
    if (is_content) return has_child_of(el, about_namespaces) ? 0 : ARCHIVE_COUNTS;
    bool marks = xml_child(el, NS_MARKERS, STR("displayed")) || xml_child(el, NS_MARKERS, STR("acknowledged"));
    return marks ? ARCHIVE_MARKER : 0;
}

/* What it retracts, or corrects, of its sender's own. */
static uint8_t about_of(const struct xml_node *el, struct str *out_id) {
    const struct xml_node *about = xml_child(el, NS_RETRACT, STR("retract"));
    uint8_t flag = ARCHIVE_RETRACTION;
    if (!about) {
        about = xml_child(el, NS_CORRECT, STR("replace"));
        flag = ARCHIVE_CORRECTION;
    }
    *out_id = about ? xml_attr(about, STR("id")) : STR_NONE;
    return str_some(*out_id) ? flag : 0;
}

unsigned archive_flags(const struct xml_node *el) {
    bool is_content = archive_is_content(el);
    if (!is_content && xml_child(el, NS_RETRACT, STR("retracted"))) return ARCHIVE_COUNTS; /* it was one */
    return (is_content ? ARCHIVE_OFFLINE : 0u) | row_flags_of(el, is_content);
}

static bool has_hint(const struct xml_node *el, struct str name) {
    return xml_child(el, NS_HINTS, name) != NULL;
}

/* What its sender asks for (XEP-0334) comes first; that nothing is stored, before all. */
bool archive_wants(const struct xml_node *el) {
    if (has_hint(el, STR("no-store"))) return false;
    return has_hint(el, STR("store")) || archive_is_content(el) || has_child_of(el, archive_namespaces);
}

static bool is_kept(const struct stanza *s) {
    if (s->type == MESSAGE_HEADLINE && !has_hint(s->el, STR("store"))) return false;
    bool is_ours = s->type == MESSAGE_CHAT || s->type == MESSAGE_NORMAL || s->type == MESSAGE_HEADLINE;
    return is_ours && archive_wants(s->el);
}

/* --- ids --- */

struct str archive_id(struct turn *turn, const struct account *account, int64_t sequence) {
    return archive_id_of(turn, account->id, sequence);
}

struct str archive_id_of(struct turn *turn, int64_t owner, int64_t sequence) {
    uint8_t plain[16], id[16];
    memcpy(plain, &owner, 8);
    memcpy(plain + 8, &sequence, 8);
    block_encrypt(im_of(turn)->ids, plain, id);
    return base64url_encode(turn->arena, str_of(id, sizeof id));
}

int archive_id_decode(struct block_cipher *ids, struct arena *arena, int64_t account, struct str id,
                      int64_t *out_sequence) {
    struct str bytes;
    if (id.len != 22 || base64url_decode(arena, id, &bytes) != 0 || bytes.len != 16) return ERR_NOT_FOUND;
    uint8_t plain[16];
    block_decrypt(ids, (const uint8_t *)bytes.p, plain);
    int64_t number, sequence;
    memcpy(&number, plain, 8);
    memcpy(&sequence, plain + 8, 8);
    if (number != account || sequence <= 0) return ERR_NOT_FOUND;
    *out_sequence = sequence;
    return 0;
}

int archive_id_read(struct turn *turn, const struct account *account, struct str id, int64_t *out_sequence) {
    return archive_id_decode(im_of(turn)->ids, turn->arena, account->id, id, out_sequence);
}

/* --- the sender's home --- */

/* Of a message with this origin-id to the same recipient. */
static uint64_t origin_hash(const struct walk *walk, struct str id) {
    struct jid to = jid_some(walk->stanza.to) ? walk->stanza.to : walk->stanza.from;
    return archive_origin_hash(walk->turn->arena, walk->im->server->id_key, jid_bare_str(to), id);
}

static uint64_t archive_origin(const struct walk *walk) {
    if (fault_is(FAULT_FORGET)) return 0;
    const struct xml_node *origin = xml_child(walk->stanza.el, NS_SID, STR("origin-id"));
    return origin_hash(walk, origin ? xml_attr(origin, STR("id")) : STR_NONE);
}

static bool is_stanza_id(const struct xml_node *child, const void *arg) {
    (void)arg;
    return xml_is(child, NS_SID, STR("stanza-id"));
}

enum verdict archive_stamp_out(struct walk *walk) {
    if (xml_child(walk->stanza.el, NS_SID, STR("stanza-id"))) { /* no client makes these */
        struct xml_node *mine = xml_copy_shallow(walk->turn->arena, walk->stanza.el);
        xml_remove_children(mine, is_stanza_id, NULL);
        walk->stanza.el = mine;
    }
    if (!is_kept(&walk->stanza)) return PASS;
    struct jid to = walk->stanza.to;
    bool to_oneself = !jid_some(to) || jid_bare_eq(to, account_jid(walk->account));
    walk->kept = true;
    walk->offline = walk->stanza.type != MESSAGE_HEADLINE && archive_is_content(walk->stanza.el);
    struct str about;
    walk->row_flags = row_flags_of(walk->stanza.el, walk->offline) | about_of(walk->stanza.el, &about);
    walk->passing = has_hint(walk->stanza.el, STR("no-permanent-store"));
    walk->out_sequence = account_next_sequence(walk->turn, walk->account);
    walk->origin_hash = archive_origin(walk);
    walk->about_hash = origin_hash(walk, about);
    if (to_oneself || walk->passing || !prefs_want(walk->account, to)) walk->sender_account = 0;
    return PASS;
}

/* --- the recipient's home --- */

enum verdict archive_stamp_in(struct walk *walk) {
    if (!walk->kept) return PASS;
    walk->in_sequence = account_next_sequence(walk->turn, walk->account);
    walk->hidden = walk->passing || !prefs_want(walk->account, walk->stanza.from);
    return PASS;
}

/* One kept message between ARCHIVE and DELIVER. */
struct keep {
    struct store_job job;
    struct pending pending;
    struct account *account;
    struct origin origin;
    struct archive_entry entry;
    bool retracts;
    int result;
    struct msg_stanza *crossing;
};

/* Writer thread. The bytes are made here and now: however many messages wait, each waits as one wire. */
static int keep_run(struct db *db, struct store_job *job) {
    struct keep *k = (struct keep *)job;
    struct buf *bytes = db_scratch(db);
    wire_write(k->crossing->wire, crossing_to(k->crossing), bytes);
    k->entry.stanza = buf_str(bytes);
    int err = archive_add(db, &k->entry);
    if (!err && k->entry.about) err = k->retracts ? archive_retract(db, &k->entry) : archive_correct(db, &k->entry);
    k->entry.stanza = STR_NONE;
    return err;
}

static void keep_walk(struct turn *turn, struct keep *k, struct walk *out) {
    crossing_open(turn, k->crossing, k->account, out);
    out->in_sequence = k->entry.in.sequence;
    out->hidden = k->entry.in.flags & ARCHIVE_HIDDEN;
}

/* It is its turn: all before it has been delivered, and it is committed or refused. */
static void on_keep_turn(struct turn *turn, struct account *account, struct pending *pending) {
    struct keep *k = CONTAINER_OF(pending, struct keep, pending);
    struct walk walk;
    if (k->result == 0 && !fault_is(FAULT_DELIVER_EARLY)) {
        keep_walk(turn, k, &walk);
        router_deliver(&walk);
    }
    account_job_end(turn, account);
    crossing_free(&k->crossing);
    free(k);
}

static void keep_done(struct turn *turn, struct store_job *job) {
    struct keep *k = (struct keep *)job;
    struct account *a = k->account;
    k->result = job->result;
    if (k->result == 0) {
        im_of(turn)->messages_kept++;
        if (!(k->entry.in.flags & ARCHIVE_HIDDEN)) account_archived(a, k->entry.in.sequence);
    } else if (k->result != ERR_EXISTS) { /* sent again: it stands in both archives, and was delivered */
        LOG(LOG_ERROR, "archive-failed", F_STR("account", account_bare(a)), F_ERR("error", k->result));
        struct walk walk;
        keep_walk(turn, k, &walk);
        router_refuse(&walk, iq_error_of(k->result), STR("The message could not be stored. Try again later."));
    }
    struct jid sender = jid_trusted(k->entry.in.peer);
    enum fate fate = k->result == ERR_EXISTS ? FATE_REPEATED
                     : k->result             ? FATE_REFUSED
                     : k->entry.out.account  ? FATE_ARCHIVED
                                             : FATE_STORED;
    router_decided(turn, &k->origin, sender, k->entry.out.sequence, fate);
    k->pending.done = true;
    account_settle(turn, a); /* frees it, in its turn */
}

enum verdict archive_keep(struct walk *walk) {
    if (!walk->kept) return PASS;
    struct turn *turn = walk->turn;
    struct account *a = walk->account;
    struct jid from = walk->stanza.from;
    struct keep *k = calloc(1, sizeof *k);
    CHECK(k != NULL);
    k->crossing = walk->crossing;
    k->account = a;
    k->origin = walk->origin;
    k->entry.in.peer = jid_bare_str(from); /* stands in the crossing */
    k->entry.out.peer = account_bare(a);   /* which stays while a job of its is at the store */
    bool to_oneself = jid_bare_eq(from, account_jid(a));
    unsigned flags = (walk->offline ? ARCHIVE_OFFLINE : 0u) | (walk->hidden ? ARCHIVE_HIDDEN : 0u) |
                     (walk->row_flags & ARCHIVE_COUNTS);
    if (walk->hidden) a->hidden_rows = true;
    if (walk->hidden && walk->offline) a->hidden_newest = walk->in_sequence;
    k->entry.in.account = a->id;
    k->entry.in.sequence = walk->in_sequence;
    k->entry.in.flags = flags | (to_oneself ? ARCHIVE_OUT : 0u);
    k->entry.out.account = walk->sender_account;
    k->entry.out.sequence = walk->out_sequence;
    k->entry.out.flags = ARCHIVE_OUT | (walk->row_flags & ~(unsigned)ARCHIVE_ON_THE_WAY);
    k->entry.origin = walk->origin_hash;
    k->entry.about = walk->about_hash;
    k->retracts = walk->row_flags & ARCHIVE_RETRACTION;
    k->job.kind = STORE_WRITE;
    k->job.slot = a->slot;
    k->job.run = keep_run;
    k->job.done = keep_done;
    k->job.msg.bytes = (uint32_t)sizeof *k + k->crossing->msg.bytes;
    k->pending.sequence = walk->in_sequence;
    k->pending.proceed = on_keep_turn;
    account_job_begin(a);
    account_queue(a, &k->pending);
    store_submit(walk->im->server->store, turn, &k->job);
    if (fault_is(FAULT_DELIVER_EARLY)) router_deliver(walk);
    return WAIT;
}
