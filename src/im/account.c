/*
 * account.c: the per-shard table of accounts. Everything here runs on the account's home. What must hold: an account has at most
 * one struct; while it is loading nothing of it is looked at, and what arrives is parked in order; it stays in memory while it has
 * a session, something pending, or a job at the store; contacts, requests and blocks in memory equal the committed rows.
 */
#include "im/account.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "im/avatar.h"
#include "im/crossing.h"
#include "im/document.h"
#include "im/feature.h"
#include "im/prefs.h"
#include "im/retention.h"
#include "im/session.h"
#include "store/accounts.h"
#include "store/archive.h"
#include "store/roster.h"
#include "base/err.h"

/* --- contacts, requests, blocks in memory --- */

static struct contact *contact_new(struct str jid, struct str name, struct str groups, unsigned flags) {
    struct contact *c = malloc(sizeof *c + jid.len + name.len + groups.len);
    CHECK(c != NULL);
    c->flags = (uint8_t)flags;
    c->jid_len = (uint16_t)jid.len;
    c->name_len = (uint16_t)name.len;
    c->groups_len = (uint16_t)groups.len;
    char *at = c->text;
    if (jid.len) memcpy(at, jid.p, jid.len);
    at += jid.len;
    if (name.len) memcpy(at, name.p, name.len);
    at += name.len;
    if (groups.len) memcpy(at, groups.p, groups.len);
    return c;
}

/* Written as text: what is escaped becomes up to six bytes. */
static size_t escaped_len(struct str s) {
    size_t len = s.len;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == '&' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '\'' || s.p[i] == '"') len += 5;
    return len;
}

/* About as long as it is in an answer. */
static size_t item_len(struct str jid, struct str name, struct str groups) {
    static const char item[] = "<item jid='' name='' subscription='none' ask='subscribe'></item>";
    static const char group[] = "<group></group>";
    size_t count = 0;
    for (size_t i = 0; i < groups.len; i++) count += groups.p[i] == '\n';
    return sizeof item + escaped_len(jid) + escaped_len(name) + escaped_len(groups) + count * sizeof group;
}

static size_t contact_len(const struct contact *c) {
    return item_len(contact_jid(c), contact_name(c), contact_groups(c));
}

/* Where it stands, or would. */
static uint32_t contacts_place(const struct contacts *all, struct str jid, bool *out_found) {
    uint32_t low = 0, high = all->count;
    *out_found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_cmp(contact_jid(all->items[middle]), jid);
        if (order == 0) *out_found = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Takes the place of the one with its address. */
static void contacts_put(struct contacts *all, struct contact *c) {
    bool is_known;
    uint32_t at = contacts_place(all, contact_jid(c), &is_known);
    all->bytes += contact_len(c);
    if (is_known) {
        all->bytes -= contact_len(all->items[at]);
        free(all->items[at]);
        all->items[at] = c;
        return;
    }
    if (all->count == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 4;
        all->items = realloc(all->items, all->cap * sizeof(struct contact *));
        CHECK(all->items != NULL);
    }
    memmove(all->items + at + 1, all->items + at, (all->count - at) * sizeof(struct contact *));
    all->items[at] = c;
    all->count++;
}

static void contacts_drop(struct contacts *all) {
    for (uint32_t i = 0; i < all->count; i++) free(all->items[i]);
    free(all->items);
    *all = (struct contacts){0};
}

struct contact *account_contact(const struct account *a, struct str jid) {
    bool is_known;
    uint32_t at = contacts_place(&a->contacts, jid, &is_known);
    return is_known ? a->contacts.items[at] : NULL;
}

void account_contact_set(struct account *a, struct str jid, struct str name, struct str groups, unsigned flags) {
    contacts_put(&a->contacts, contact_new(jid, name, groups, flags));
}

void account_contact_remove(struct account *a, struct str jid) {
    bool is_known;
    struct contacts *all = &a->contacts;
    uint32_t at = contacts_place(all, jid, &is_known);
    if (!is_known) return;
    all->bytes -= contact_len(all->items[at]);
    free(all->items[at]);
    all->count--;
    memmove(all->items + at, all->items + at + 1, (all->count - at) * sizeof(struct contact *));
}

bool account_has_room(const struct account *a, struct str jid, struct str name, struct str groups) {
    const struct options *o = &a->im->server->options;
    const struct contact *old = account_contact(a, jid);
    size_t len = item_len(jid, name, groups), old_len = old ? contact_len(old) : 0;
    if (!old && a->contacts.count >= (uint32_t)o->roster_items) return false;
    return len <= old_len || a->contacts.bytes - old_len + len <= (uint64_t)o->roster_bytes;
}

void account_request_set(struct account *a, struct str jid, struct str stanza) {
    struct request *r = malloc(sizeof *r + jid.len + stanza.len);
    CHECK(r != NULL);
    r->jid_len = (uint16_t)jid.len;
    r->stanza_len = (uint32_t)stanza.len;
    memcpy(r->text, jid.p, jid.len);
    memcpy(r->text + jid.len, stanza.p, stanza.len);
    struct request *old = map_remove(&a->requests, jid);
    map_put(&a->requests, str_of(r->text, jid.len), r);
    free(old);
}

void account_request_remove(struct account *a, struct str jid) {
    free(map_remove(&a->requests, jid));
}

void account_blocked_set(struct account *a, struct str jid) {
    if (map_get(&a->blocked, jid)) return;
    struct blocked *b = malloc(sizeof *b + jid.len);
    CHECK(b != NULL);
    b->len = (uint16_t)jid.len;
    memcpy(b->jid, jid.p, jid.len);
    map_put(&a->blocked, str_of(b->jid, b->len), b);
}

static void map_drop(struct map *m) {
    size_t at = 0;
    for (void *value; (value = map_next(m, &at));) free(value);
    map_free(m);
}

void account_blocked_remove(struct account *a, struct str jid) {
    if (jid.p) {
        free(map_remove(&a->blocked, jid));
    } else {
        map_drop(&a->blocked);
    }
}

bool account_blocks(const struct account *a, struct jid other) {
    if (map_count(&a->blocked) == 0 || !jid_some(other) || jid_bare_eq(other, account_jid(a))) return false;
    if (map_get(&a->blocked, jid_bare_str(other)) || map_get(&a->blocked, jid_domain(other))) return true;
    if (jid_is_bare(other)) return false;
    if (map_get(&a->blocked, jid_str(other))) return true;
    /* domain/resource (XEP-0191 section 3.1) */
    struct str full = jid_str(other);
    return other.local_len && map_get(&a->blocked, str_from(full, other.local_len + 1u));
}

bool account_shows_presence_to(const struct account *a, struct jid other) {
    if (jid_bare_eq(other, account_jid(a))) return true;
    const struct contact *c = account_contact(a, jid_bare_str(other));
    return c && (c->flags & ROSTER_FROM);
}

bool account_sees_presence_of(const struct account *a, struct jid other) {
    if (jid_bare_eq(other, account_jid(a))) return true;
    const struct contact *c = account_contact(a, jid_bare_str(other));
    return c && (c->flags & ROSTER_TO);
}

/* --- the table --- */

struct account *account_find(struct im *im, struct str bare) {
    return map_get(&im->accounts, bare);
}

static void on_settling(struct loop_deferred *deferred);

static struct account *account_new(struct im *im, struct str bare) {
    struct account *a = calloc(1, sizeof *a + bare.len + 1);
    CHECK(a != NULL);
    a->im = im;
    a->slot = slot_of(im->shard->hub, bare);
    a->bare_len = (uint16_t)bare.len;
    a->local_len = (uint16_t)str_index(bare, '@');
    memcpy(a->bare, bare.p, bare.len);
    a->parked_end = &a->parked;
    list_init(&a->sessions);
    list_init(&a->idle);
    list_init(&a->pending);
    list_init(&a->exclusive);
    a->settling.run = on_settling;
    a->traced = str_some(im->server->options.trace) && str_eq(im->server->options.trace, account_bare(a));
    map_put(&im->accounts, account_bare(a), a);
    return a;
}

static bool account_is_idle(const struct account *a) {
    return a->state == ACCOUNT_READY && a->session_count == 0 && list_empty(&a->pending) && a->jobs == 0 &&
           !a->writing && list_empty(&a->exclusive);
}

static void account_free(struct account *a) {
    CHECK(a->session_count == 0 && a->jobs == 0 && a->parked == NULL);
    map_remove(&a->im->accounts, account_bare(a));
    list_remove(&a->idle);
    loop_undefer(a->im->shard->loop, &a->settling);
    ordered_free(&a->places);
    ordered_free(&a->handovers);
    contacts_drop(&a->contacts);
    map_drop(&a->requests);
    map_drop(&a->blocked);
    free(a->prefs);
    free(a->avatar);
    free(a);
}

static void account_rest(struct turn *turn, struct account *a) {
    if (!account_is_idle(a)) return;
    list_remove(&a->idle);
    a->idle_since_ms = turn->now_ms;
    list_append(&a->im->idle_accounts, &a->idle);
}

void account_joined(struct account *a) {
    a->session_count++;
    list_remove(&a->idle);
}

void account_left(struct turn *turn, struct account *a) {
    CHECK(a->session_count > 0);
    a->session_count--;
    if (a->session_count == 0) account_mark_flush(turn, a);
    account_rest(turn, a);
}

void account_job_begin(struct account *a) {
    a->jobs++;
    list_remove(&a->idle);
}

void account_job_end(struct turn *turn, struct account *a) {
    CHECK(a->jobs > 0);
    a->jobs--;
    account_rest(turn, a);
}

/* --- loading --- */

struct load_job {
    struct store_job job;
    struct account *account; /* stays: jobs > 0 */
    bool found;
    struct account_row row;
    int64_t gone; /* im/retention.h */
    int64_t last_sequence, archive_first, archive_newest;
    struct contacts contacts; /* as they will stand in the account */
    struct map requests, blocked;
    struct prefs *prefs;
    uint16_t bare_len;
    char bare[];
};

static bool load_contact(void *arg, const struct roster_row *row) {
    contacts_put(arg, contact_new(row->jid, row->name, row->groups, row->flags));
    return true;
}

static bool load_request(void *arg, struct str jid, struct str stanza) {
    struct account scratch = {.requests = *(struct map *)arg};
    account_request_set(&scratch, jid, stanza);
    *(struct map *)arg = scratch.requests;
    return true;
}

static bool load_blocked(void *arg, struct str jid) {
    struct account scratch = {.blocked = *(struct map *)arg};
    account_blocked_set(&scratch, jid);
    *(struct map *)arg = scratch.blocked;
    return true;
}

static void load_clear(struct load_job *load) {
    contacts_drop(&load->contacts);
    map_drop(&load->requests);
    map_drop(&load->blocked);
    free(load->prefs);
    load->prefs = NULL;
}

static bool load_bound(void *arg, const struct archive_row *row) {
    *(int64_t *)arg = row->sequence;
    return true;
}

/* The first and the newest message that a query would show. */
static int load_bounds(struct db *db, struct load_job *load) {
    bool complete;
    struct archive_query query = {.account = load->row.id, .after = load->gone, .max = 1};
    load->archive_first = load->archive_newest = 0;
    int err = archive_query(db, &query, load_bound, &load->archive_first, &complete);
    query.backwards = true;
    return err ? err : archive_query(db, &query, load_bound, &load->archive_newest, &complete);
}

/* Reader thread. */
static int load_run(struct db *db, struct store_job *job) {
    struct load_job *load = (struct load_job *)job;
    load_clear(load);
    int err = accounts_find(db, str_of(load->bare, load->bare_len), &load->row);
    load->found = err == 0 && !load->row.deleted;
    if (err == ERR_NOT_FOUND || (err == 0 && !load->found)) return 0;
    if (!err) err = roster_each(db, load->row.id, load_contact, &load->contacts);
    if (!err) err = requests_each(db, load->row.id, load_request, &load->requests);
    if (!err) err = blocked_each(db, load->row.id, load_blocked, &load->blocked);
    if (!err) err = prefs_load(db, load->row.id, load->row.archive_policy, &load->prefs);
    if (!err) err = archive_last(db, load->row.id, &load->last_sequence);
    if (!err) err = load_bounds(db, load);
    return err;
}

static void account_take_load(struct account *a, struct load_job *load) {
    a->id = load->row.id;
    a->generation = load->row.generation;
    a->roster_version = load->row.roster_version;
    a->offline_mark = a->mark_stored = load->row.offline_mark;
    a->last_sequence = load->last_sequence > load->row.offline_mark ? load->last_sequence : load->row.offline_mark;
    if (a->last_sequence > a->offline_mark) a->waiting_from = a->offline_mark + 1;
    a->archive_first = load->archive_first;
    a->archive_newest = load->archive_newest;
    a->contacts = load->contacts;
    a->requests = load->requests;
    a->blocked = load->blocked;
    a->prefs = load->prefs;
    avatar_set(a, str_of((const char *)load->row.avatar, load->row.avatar_len));
    a->hidden_newest = load->row.hidden_sequence;
    a->hidden_rows = a->hidden_newest != 0;
    load->prefs = NULL;
    load->contacts = (struct contacts){0};
    load->requests = load->blocked = (struct map)MAP_INIT;
}

static void load_end(struct turn *turn, struct store_job *job);

static void load_done(struct turn *turn, struct store_job *job) {
    struct load_job *load = (struct load_job *)job;
    struct account *a = load->account;
    if (job->result)
        LOG(LOG_ERROR, "account-load-failed", F_STR("account", account_bare(a)), F_ERR("error", job->result));
    a->failed = job->result != 0;
    if (job->result == 0 && load->found) account_take_load(a, load);
    a->state = ACCOUNT_READY;
    load_clear(load);

    /* The parked ones come before all that waits, and find the account here: it is let go behind them. */
    struct msg *first = a->parked ? a->parked : &job->msg;
    *a->parked_end = &job->msg;
    a->parked = NULL;
    a->parked_end = &a->parked;
    job->done = load_end;
    shard_hold(turn->shard, job->msg.bytes);
    shard_again(turn->shard, first, &job->msg.next);
}

static void load_end(struct turn *turn, struct store_job *job) {
    struct load_job *load = (struct load_job *)job;
    struct account *a = load->account;
    free(load);
    a->jobs--;
    if (a->id == 0 && account_is_idle(a)) {
        account_free(a); /* nobody: not worth remembering, and no stranger can make us */
    } else {
        account_rest(turn, a);
    }
}

static void account_load(struct turn *turn, struct account *a) {
    struct load_job *load = calloc(1, sizeof *load + a->bare_len);
    CHECK(load != NULL);
    load->job.kind = STORE_READ;
    load->job.slot = a->slot;
    load->job.run = load_run;
    load->job.done = load_done;
    load->job.msg.bytes = (uint32_t)(sizeof *load + a->bare_len);
    load->account = a;
    load->gone = retention_gone(a->im->server);
    load->bare_len = a->bare_len;
    memcpy(load->bare, a->bare, a->bare_len);
    account_job_begin(a);
    store_submit(a->im->server->store, turn, &load->job);
}

struct account *account_need(struct turn *turn, struct str bare, struct msg *msg) {
    struct im *im = im_of(turn);
    struct account *a = account_find(im, bare);
    if (!a) {
        a = account_new(im, bare);
        account_load(turn, a);
    }
    if (a->state == ACCOUNT_READY) {
        if (list_empty(&a->idle)) return a;
        /* Used: to the young end. */
        list_remove(&a->idle);
        account_rest(turn, a);
        return a;
    }
    shard_hold(turn->shard, msg->bytes);
    msg->next = NULL;
    *a->parked_end = msg;
    a->parked_end = &msg->next;
    return NULL;
}

void account_forget(struct turn *turn, struct account *a) {
    (void)turn;
    a->id = 0; /* nobody from here on; leaves when nothing holds it */
    if (account_is_idle(a)) account_free(a);
}

static void parked_free(struct msg *m) {
    struct msg_stanza *crossing = (struct msg_stanza *)m;
    if (m->type == MSG_STANZA) {
        crossing_free(&crossing);
    } else {
        free(m);
    }
}

void accounts_free(struct im *im) {
    size_t at = 0;
    for (struct account *a; (a = map_next(&im->accounts, &at));) {
        CHECK(a->session_count == 0);
        a->jobs = 0;
        for (struct msg *m = a->parked, *next; m; m = next) {
            next = m->next;
            parked_free(m);
        }
        a->parked = NULL;
        account_free(a);
    }
    map_free(&im->accounts);
}

void account_end_sessions(struct turn *turn, struct account *a, struct session *except, int stream_error,
                          struct str text) {
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s != except) session_end(turn, s, (enum stream_error)stream_error, text);
    }
}

/* --- order --- */

int64_t account_next_sequence(struct turn *turn, struct account *a) {
    int64_t now = turn->wall_us;
    a->last_sequence = now > a->last_sequence ? now : a->last_sequence + 1;
    return a->last_sequence;
}

void account_queue(struct account *a, struct pending *p) {
    list_remove(&a->idle);
    list_append(&a->pending, &p->link);
}

void account_hold_place(struct account *a, int64_t sequence, struct pending *place) {
    struct pending *p = place ? place : calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->sequence = sequence;
    account_queue(a, p);
    ordered_add(&a->places, sequence)->thing = p;
}

void account_free_place(struct turn *turn, struct account *a, int64_t sequence, uint8_t fate) {
    struct ordered_item *place = ordered_find(&a->places, sequence);
    if (place && !place->done) {
        struct pending *p = place->thing;
        p->fate = fate;
        p->done = place->done = true;
        ordered_pop_done(&a->places);
    }
    account_settle(turn, a);
}

static void on_settling(struct loop_deferred *deferred) {
    struct account *a = CONTAINER_OF(deferred, struct account, settling);
    account_settle(shard_turn(a->im->shard), a);
}

void account_settle(struct turn *turn, struct account *a) {
    while (!list_empty(&a->pending)) {
        struct pending *p = CONTAINER_OF(a->pending.next, struct pending, link);
        if (!p->done) return;
        if (turn_is_long(turn)) { /* a slow commit may let thousands go */
            loop_defer(a->im->shard->loop, &a->settling);
            return;
        }
        struct link *second = p->link.next;
        if (fault_is(FAULT_SWAP) && second != &a->pending && CONTAINER_OF(second, struct pending, link)->done)
            p = CONTAINER_OF(second, struct pending, link);
        list_remove(&p->link);
        a->jobs++; /* what runs here may end the last session */
        if (p->proceed) {
            p->proceed(turn, a, p);
        } else {
            free(p);
        }
        a->jobs--;
    }
    account_rest(turn, a);
}

int64_t account_settled_to(const struct account *a) {
    LIST_EACH (&a->pending, at, after) {
        const struct pending *p = CONTAINER_OF(at, struct pending, link);
        if (p->sequence) return p->sequence - 1;
    }
    return a->last_sequence;
}

void account_exclusive(struct turn *turn, struct account *a, struct exclusive *e) {
    if (a->writing || a->releasing) {
        list_append(&a->exclusive, &e->link);
        return;
    }
    a->writing = true;
    list_remove(&a->idle);
    e->run(turn, a, e);
}

void account_release(struct turn *turn, struct account *a) {
    CHECK(a->writing);
    a->writing = false;
    if (a->releasing) return; /* the loop below, further up, goes on */
    a->releasing = true;
    while (!a->writing && !list_empty(&a->exclusive)) {
        struct exclusive *e = CONTAINER_OF(list_pop(&a->exclusive), struct exclusive, link);
        a->writing = true;
        e->run(turn, a, e);
    }
    a->releasing = false;
    account_rest(turn, a);
}

void account_prefs_set(struct account *a, struct prefs *prefs) {
    free(a->prefs);
    a->prefs = prefs;
}

/* --- the offline mark --- */

struct mark_job {
    struct store_job job;
    struct account *account;
    int64_t id, mark;
    bool drops_hidden; /* kept for the hand-over alone, which has taken place */
    bool more;         /* of these */
};

enum { HIDDEN_AT_ONCE = 200 };

static int mark_run(struct db *db, struct store_job *job) {
    struct mark_job *m = (struct mark_job *)job;
    int err = accounts_set_offline_mark(db, m->id, m->mark);
    return err || !m->drops_hidden ? err : archive_drop_hidden(db, m->id, m->mark, HIDDEN_AT_ONCE, &m->more);
}

static void mark_done(struct turn *turn, struct store_job *job) {
    struct mark_job *m = (struct mark_job *)job;
    struct account *a = m->account;
    if (job->result) {
        a->mark_stored = 0; /* it is written again, with what has come since */
        a->hidden_rows |= m->drops_hidden;
    } else if (m->more) {
        store_submit(a->im->server->store, turn, &m->job);
        return;
    } else if (m->drops_hidden && a->hidden_newest > m->mark) {
        a->hidden_rows = true;
    }
    account_job_end(turn, a);
    free(m);
}

void account_mark(struct turn *turn, struct account *a, int64_t sequence) {
    (void)turn;
    if (sequence > a->offline_mark) a->offline_mark = sequence;
}

void account_mark_flush(struct turn *turn, struct account *a) {
    if (a->offline_mark <= a->mark_stored || a->id == 0) return;
    struct mark_job *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->job.kind = STORE_WRITE;
    m->job.slot = a->slot;
    m->job.run = mark_run;
    m->job.done = mark_done;
    m->job.msg.bytes = sizeof *m;
    m->account = a;
    m->id = a->id;
    m->drops_hidden = a->hidden_rows;
    a->hidden_rows = false;
    m->mark = a->mark_stored = a->offline_mark;
    account_job_begin(a);
    store_submit(a->im->server->store, turn, &m->job);
}

void account_left_flush(struct turn *turn, struct account *a) {
    if (a->left_us && a->id) document_note(turn, a, DOCUMENT_LAST, a->left_us);
    a->left_us = 0;
}

/* --- the first message, when old ones have gone --- */

struct edge_job {
    struct store_job job;
    struct account *account;
    int64_t id, gone, first;
};

static int edge_run(struct db *db, struct store_job *job) {
    struct edge_job *e = (struct edge_job *)job;
    bool complete;
    e->first = 0;
    return archive_query(db, &(struct archive_query){.account = e->id, .after = e->gone, .max = 1}, load_bound,
                         &e->first, &complete);
}

static void edge_done(struct turn *turn, struct store_job *job) {
    struct edge_job *e = (struct edge_job *)job;
    struct account *a = e->account;
    a->edge_asked = false;
    if (job->result == 0) {
        if (e->first == 0 && a->archive_newest <= e->gone) a->archive_newest = 0;
        a->archive_first = e->first ? e->first : a->archive_newest; /* one may have come since */
    }
    account_job_end(turn, a);
    free(e);
}

static void edge_look(struct turn *turn, struct account *a) {
    int64_t gone = retention_gone(a->im->server);
    if (a->archive_first == 0 || a->archive_first > gone || a->edge_asked) return;
    struct edge_job *e = calloc(1, sizeof *e);
    CHECK(e != NULL);
    e->job.kind = STORE_READ;
    e->job.slot = a->slot;
    e->job.run = edge_run;
    e->job.done = edge_done;
    e->job.msg.bytes = sizeof *e;
    e->account = a;
    e->id = a->id;
    e->gone = gone;
    a->edge_asked = true;
    account_job_begin(a);
    store_submit(a->im->server->store, turn, &e->job);
}

/* --- the sweep --- */

enum { SWEEP_MS = 1000, SWEEP_MARKS = 512 };

static void sweep_marks(struct turn *turn, struct im *im) {
    /* Only accounts with sessions move their mark; few of them have news in a given second. */
    for (uint32_t i = 0, seen = 0; i < im->session_cap && seen < SWEEP_MARKS; i++) {
        im->sweep_at = (im->sweep_at + 1) % im->session_cap;
        struct session *s = im->sessions[im->sweep_at];
        if (!s) continue;
        struct account *a = s->account;
        edge_look(turn, a);
        if (a->offline_mark > a->mark_stored) {
            account_mark_flush(turn, a);
            seen++;
        }
    }
}

void accounts_sweep(struct loop_timer *timer, int64_t now_ms) {
    struct im *im = CONTAINER_OF(timer, struct im, sweep);
    struct turn *turn = shard_turn(im->shard);
    im_show(im);
    sweep_marks(turn, im);
    int64_t again_ms = now_ms + SWEEP_MS;
    LIST_EACH (&im->idle_accounts, at, after) {
        struct account *a = CONTAINER_OF(at, struct account, idle);
        if (now_ms - a->idle_since_ms < im->server->options.idle_accounts_ms) break;
        if (turn_is_long(turn)) {
            again_ms = now_ms;
            break;
        }
        account_left_flush(turn, a); /* which keeps it a while longer, if there was something */
        if (account_is_idle(a)) account_free(a);
    }
    loop_timer_set(im->shard->loop, timer, again_ms);
}
