/*
 * lasts.c: see lasts.h. One struct goes between a reader and the drains of the session's stream, a page at a time, until all owners are done. What must hold: who
 * may read is judged by the owner's rows as they are committed; nothing that is sent is older than an event of its node that was sent before; the account stays in
 * memory meanwhile.
 */
#include "im/lasts.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "im/deliver.h"
#include "im/pubsub.h"
#include "im/session.h"
#include "store/items_last.h"
#include "store/roster.h"
#include "xmpp/ns.h"

enum { PAGE_BYTES = 128 << 10, STEPS_MAX = 16 /* statements of one go */, STANZA_BYTES = 8192, WAITING_MAX = 16 };

/* A node whose item is to be read. Strings in the page's arena. */
struct node {
    int64_t id;
    struct str owner, name;
    int64_t message;
    bool with_payload;
};

/* An item that was. */
struct row {
    const struct node *node;
    struct str name, xml;
    int64_t published_us;
};

struct lasts {
    struct store_job job;
    struct stream_drain drain;
    struct lasts *next; /* begins when this has ended */
    struct account *account;
    uint32_t session, generation;
    bool reading, draining, orphaned;
    struct jid who;
    struct arena *arena;       /* of all that lives as long as this */
    struct str wants, owners;  /* owners: each ended by '\n' */
    size_t owners_done;        /* bytes */
    struct map superseded;     /* "owner\nnode", in the arena */
    struct arena *nodes_arena; /* of the nodes of a batch of owners */
    struct node *nodes;
    uint32_t node_count, node_cap, nodes_done;
    struct arena *page; /* of the rows */
    struct row *rows;
    uint32_t row_count, row_cap, written;
    size_t bytes; /* of them */
};

static void lasts_free(struct turn *turn, struct lasts *l) {
    struct account *a = l->account;
    if (l->page) arena_free(&l->page);
    if (l->nodes_arena) arena_free(&l->nodes_arena);
    map_free(&l->superseded);
    arena_free(&l->arena);
    free(l);
    account_job_end(turn, a);
}

/* --- reading: on a reader thread --- */

static bool has_line(struct str lines, struct str line) {
    while (str_some(lines)) {
        struct str one = str_first(lines, str_index(lines, '\n'));
        if (str_eq(one, line)) return true;
        lines = str_from(lines, one.len + 1);
    }
    return false;
}

/* Its presence must be seen too, whatever the node says: that is what subscribes. */
static bool may_have(const struct lasts *l, const struct last_node_row *row) {
    const char *condition;
    struct pubsub_asker asker = {.jid = l->who,
                                 .is_owner = str_eq(row->owner, jid_bare_str(l->who)),
                                 .sees = (row->roster & ROSTER_FROM) != 0,
                                 .groups = row->groups};
    if (!(row->config.flags & PUBSUB_DELIVERS) || !(asker.is_owner || asker.sees)) return false;
    return pubsub_judge(&asker, &row->config, &row->person, &condition) == STANZA_ERR_NONE;
}

static bool node_add(void *arg, const struct last_node_row *row) {
    struct lasts *l = arg;
    if (!has_line(l->wants, row->name) || !may_have(l, row)) return true;
    if (l->node_count == l->node_cap) {
        struct node *old = l->nodes;
        l->node_cap = l->node_cap ? l->node_cap * 2 : 64;
        l->nodes = arena_alloc(l->nodes_arena, l->node_cap * sizeof *l->nodes);
        if (l->node_count) memcpy(l->nodes, old, l->node_count * sizeof *old);
    }
    l->nodes[l->node_count++] =
        (struct node){row->node, arena_dup(l->nodes_arena, row->owner), arena_dup(l->nodes_arena, row->name),
                      row->config.message, (row->config.flags & PUBSUB_PAYLOADS) != 0};
    return true;
}

/* The nodes of the next owners. */
static int read_nodes(struct db *db, struct lasts *l) {
    struct str owners[BATCH_MAX];
    uint32_t count = 0;
    arena_reset(l->nodes_arena);
    l->nodes = NULL;
    l->node_count = l->node_cap = l->nodes_done = 0;
    while (count < BATCH_MAX && l->owners_done < l->owners.len) {
        struct str left = str_from(l->owners, l->owners_done);
        owners[count] = str_first(left, str_index(left, '\n'));
        l->owners_done += owners[count++].len + 1;
    }
    return items_last_nodes(db, l->who, owners, count, node_add, l);
}

static bool row_add(void *arg, int64_t node, const struct item_row *item) {
    struct lasts *l = arg;
    while (l->nodes_done < l->node_count && l->nodes[l->nodes_done].id < node) l->nodes_done++;
    if (l->nodes_done == l->node_count || l->nodes[l->nodes_done].id != node) return true;
    if (l->row_count == l->row_cap) {
        struct row *old = l->rows;
        l->row_cap = l->row_cap ? l->row_cap * 2 : 64;
        l->rows = arena_alloc(l->page, l->row_cap * sizeof *l->rows);
        if (l->row_count) memcpy(l->rows, old, l->row_count * sizeof *old);
    }
    const struct node *n = &l->nodes[l->nodes_done++];
    struct str xml = n->with_payload ? arena_dup(l->page, item->xml) : STR("");
    l->rows[l->row_count++] = (struct row){n, arena_dup(l->page, item->name), xml, item->published_us};
    l->bytes += item->xml.len + STANZA_BYTES / 16;
    return l->bytes < PAGE_BYTES;
}

/* The items of the next nodes. */
static int read_items(struct db *db, struct lasts *l) {
    int64_t ids[BATCH_MAX];
    uint32_t count = 0, from = l->nodes_done;
    while (count < BATCH_MAX && from + count < l->node_count) {
        ids[count] = l->nodes[from + count].id;
        count++;
    }
    int err = items_last(db, ids, count, row_add, l);
    if (l->bytes < PAGE_BYTES) l->nodes_done = from + count; /* those at the end may have been emptied meanwhile */
    return err;
}

static bool is_all_read(const struct lasts *l) {
    return l->nodes_done == l->node_count && l->owners_done == l->owners.len;
}

/* Nodes of a batch of owners stay until their rows are written: a page has rows of one batch. */
static int lasts_run(struct db *db, struct store_job *job) {
    struct lasts *l = (struct lasts *)job;
    int err = 0;
    if (!l->nodes_arena) l->nodes_arena = arena_new(); /* not while it waits in the queue */
    if (!l->page) l->page = arena_new();
    for (int steps = 0; !err && steps < STEPS_MAX && l->bytes < PAGE_BYTES && !is_all_read(l); steps++) {
        if (l->nodes_done < l->node_count)
            err = read_items(db, l);
        else if (l->row_count == 0)
            err = read_nodes(db, l);
        else
            break;
    }
    return err;
}

/* --- sending --- */

static void lasts_go(struct turn *turn, struct session *s, struct lasts *l);

static bool is_superseded(struct turn *turn, const struct lasts *l, const struct row *row) {
    if (map_count(&l->superseded) == 0) return false;
    return map_get(&l->superseded, ARENA_CONCAT(turn->arena, row->node->owner, STR("\n"), row->node->name)) != NULL;
}

static void row_write(struct turn *turn, struct session *s, const struct row *row) {
    struct arena *arena = turn->arena;
    struct xml_node *message = xml_new(arena, NS_CLIENT, STR("message"));
    struct str type = pubsub_message_type(row->node->message);
    if (type.p) xml_set(arena, message, STR("type"), type);
    xml_set(arena, message, STR("from"), row->node->owner);
    delay_add(turn, message, row->node->owner, row->published_us);
    struct buf event = BUF_INIT;
    BUF_ADD_LIT(&event, "<event xmlns='http://jabber.org/protocol/pubsub#event'><items");
    pubsub_attr_write(&event, "node", row->node->name);
    buf_add_char(&event, '>');
    pubsub_item_write(&event, row->name, row->xml);
    BUF_ADD_LIT(&event, "</items></event>");
    struct wire *without = wire_from(message), *wire = wire_with_child(without, buf_str(&event));
    session_send(turn, s, wire, 0);
    wire_unref(&wire);
    wire_unref(&without);
    buf_free(&event);
}

static void lasts_finish(struct turn *turn, struct session *s, struct lasts *l) {
    s->lasts = l->next;
    lasts_free(turn, l);
    if (s->lasts) lasts_go(turn, s, s->lasts);
}

static void lasts_done(struct turn *turn, struct store_job *job);

static void lasts_read(struct turn *turn, struct lasts *l) {
    if (l->page) arena_free(&l->page);
    l->rows = NULL;
    l->row_count = l->row_cap = l->written = 0;
    l->bytes = 0;
    l->reading = true;
    store_submit(l->account->im->server->store, turn, &l->job);
}

static bool on_more(struct turn *turn, struct session *s, struct stream_drain *drain) {
    struct lasts *l = CONTAINER_OF(drain, struct lasts, drain);
    if (l->orphaned) { /* it is not available any more */
        lasts_free(turn, l);
        return true;
    }
    for (; l->written < l->row_count; l->written++) {
        if (session_is_full(s) || (l->written && turn_is_long(turn))) return false;
        if (!is_superseded(turn, l, &l->rows[l->written])) row_write(turn, s, &l->rows[l->written]);
    }
    l->draining = false;
    lasts_go(turn, s, l);
    return true;
}

/* The connection went: who resumes gets the rest. */
static void on_gone(struct turn *turn, struct stream_drain *drain) {
    struct lasts *l = CONTAINER_OF(drain, struct lasts, drain);
    l->draining = false;
    if (l->orphaned) lasts_free(turn, l);
}

/* What there is to do next, if it can be done now. */
static void lasts_go(struct turn *turn, struct session *s, struct lasts *l) {
    if (l->reading || l->draining) return;
    if (l->written == l->row_count && is_all_read(l)) {
        lasts_finish(turn, s, l);
    } else if (l->written == l->row_count) {
        lasts_read(turn, l);
    } else if (s->stream) {
        l->draining = true;
        stream_drain_add(turn, s, &l->drain);
    }
}

static void lasts_done(struct turn *turn, struct store_job *job) {
    struct lasts *l = (struct lasts *)job;
    l->reading = false;
    if (l->orphaned) {
        lasts_free(turn, l);
        return;
    }
    struct session *s = session_at(l->account->im, l->session, l->generation);
    CHECK(s != NULL && s->lasts == l);
    if (job->result) {
        LOG(LOG_ERROR, "last-items-not-read", F_STR("session", session_full(s)), F_ERR("error", job->result));
        lasts_finish(turn, s, l);
    } else {
        lasts_go(turn, s, l);
    }
}

/* --- beginning and ending --- */

static struct str owners_of(struct arena *arena, const struct account *a) {
    struct buf owners = BUF_INIT;
    struct str domain = server_domain(a->im);
    buf_add_str(&owners, account_bare(a));
    buf_add_char(&owners, '\n');
    for (uint32_t i = 0; i < a->contacts.count; i++) {
        const struct contact *c = a->contacts.items[i];
        struct jid jid = jid_trusted(contact_jid(c));
        if (!(c->flags & ROSTER_TO) || !str_eq(jid_domain(jid), domain) || account_blocks(a, jid)) continue;
        buf_add_str(&owners, jid_bare_str(jid));
        buf_add_char(&owners, '\n');
    }
    struct str all = arena_dup(arena, buf_str(&owners));
    buf_free(&owners);
    return all;
}

void lasts_begin(struct turn *turn, struct session *s, struct str wants, struct str only) {
    if (!str_some(wants) || s->ending) return;
    struct account *a = s->account;
    struct lasts **end = &s->lasts;
    unsigned waiting = 0;
    for (; *end; end = &(*end)->next) waiting++;
    if (waiting >= WAITING_MAX) return; /* who changes its mind so fast has had them already */
    struct lasts *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    account_job_begin(a);
    l->account = a;
    l->session = s->index;
    l->generation = s->generation;
    l->arena = arena_new();
    l->who = jid_dup(l->arena, session_jid(s));
    l->wants = arena_dup(l->arena, wants);
    l->owners = only.p ? ARENA_CONCAT(l->arena, only, STR("\n")) : owners_of(l->arena, a);
    l->job.kind = STORE_READ;
    l->job.slot = a->slot;
    l->job.run = lasts_run;
    l->job.done = lasts_done;
    l->job.msg.bytes = (uint32_t)(sizeof *l + PAGE_BYTES);
    l->drain.more = on_more;
    l->drain.gone = on_gone;
    *end = l;
    if (s->stream) stream_charge(s->stream, (uint32_t)(l->owners.len / STANZA_BYTES));
    if (s->lasts == l) lasts_go(turn, s, l);
}

void lasts_supersede(struct turn *turn, struct session *s, struct str owner, struct str node) {
    for (struct lasts *l = s->lasts; l; l = l->next) {
        struct str key = ARENA_CONCAT(turn->arena, owner, STR("\n"), node);
        if (!map_get(&l->superseded, key)) map_put(&l->superseded, arena_dup(l->arena, key), l);
    }
}

void lasts_resume(struct turn *turn, struct session *s) {
    if (s->lasts) lasts_go(turn, s, s->lasts);
}

void lasts_end(struct turn *turn, struct session *s) {
    struct lasts *l = s->lasts;
    s->lasts = NULL;
    while (l) {
        struct lasts *next = l->next;
        l->orphaned = true;
        l->next = NULL;
        if (!l->reading && !l->draining) lasts_free(turn, l);
        l = next;
    }
}
