/*
 * probe.c: a login asks all its contacts, and most of them are away: one job reads what they think of the asker, some statements for all. On the contacts'
 * home. What must hold: who has come into memory meanwhile answers itself.
 */
#include "im/probe.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "im/account.h"
#include "im/router.h"
#include "store/roster.h"
#include "xmpp/ns.h"

struct probe {
    struct store_job job;
    struct jid from;
    struct str accounts;
    struct map hidden;   /* of them, those who block the asker: nobody is told; value: itself */
    struct map seen;     /* those who show their presence */
    struct arena *arena; /* of all */
};

/* Reader thread. */
static bool take(void *arg, struct str owner, unsigned flags, bool is_blocked) {
    struct probe *p = arg;
    struct map *map = is_blocked ? &p->hidden : &p->seen;
    if (is_blocked || (flags & ROSTER_FROM)) map_put(map, arena_dup(p->arena, owner), p);
    return true;
}

static int probe_run(struct db *db, struct store_job *job) {
    struct probe *p = (struct probe *)job;
    int err = 0;
    for (struct str left = p->accounts; !err && str_some(left);) {
        struct str owners[BATCH_MAX];
        uint32_t count = 0;
        for (; count < BATCH_MAX && str_some(left); count++) {
            owners[count] = str_first(left, str_index(left, '\n'));
            left = str_from(left, owners[count].len + 1);
        }
        err = roster_seen_by(db, p->from, owners, count, take, p);
    }
    return err;
}

static void probe_answer(struct turn *turn, const struct probe *p, struct str bare) {
    struct arena *arena = turn->arena;
    struct xml_node *el = xml_new(arena, NS_CLIENT, STR("presence"));
    if (account_find(im_of(turn), bare)) { /* it is here, or will be */
        xml_set(arena, el, STR("type"), STR("probe"));
        xml_set(arena, el, STR("from"), jid_str(p->from));
        router_send(turn, xml_set(arena, el, STR("to"), bare), jid_trusted(bare));
        return;
    }
    if (map_get(&p->hidden, bare)) return;
    bool is_seen = map_get(&p->seen, bare) != NULL;
    xml_set(arena, el, STR("from"), bare);
    xml_set(arena, el, STR("type"), is_seen ? STR("unavailable") : STR("unsubscribed"));
    if (!is_seen) {
        router_send(turn, xml_set(arena, el, STR("to"), jid_str(p->from)), p->from);
        return;
    }
    struct wire *wire = wire_from(el);
    struct fan *fan = arena_alloc(arena, sizeof *fan);
    fan_begin(fan, turn, FAN_FAREWELL, jid_trusted(bare), wire);
    fan_add(fan, jid_bare(p->from));
    fan_end(fan);
    wire_unref(&wire);
}

static void probe_done(struct turn *turn, struct store_job *job) {
    struct probe *p = (struct probe *)job;
    if (job->result) LOG(LOG_ERROR, "probe-failed", F_STR("from", jid_str(p->from)), F_ERR("error", job->result));
    for (struct str left = job->result ? STR("") : p->accounts; str_some(left);) {
        struct arena_mark mark = arena_mark(turn->arena);
        struct str bare = str_first(left, str_index(left, '\n'));
        left = str_from(left, bare.len + 1);
        probe_answer(turn, p, bare);
        arena_release(turn->arena, mark);
        if (str_some(left) && turn_is_long(turn)) { /* the rest in a step of its own */
            p->accounts = left;
            shard_hold(turn->shard, job->msg.bytes);
            shard_again(turn->shard, &job->msg, &job->msg.next);
            return;
        }
    }
    map_free(&p->hidden);
    map_free(&p->seen);
    arena_free(&p->arena);
    free(p);
}

void probe_away(struct turn *turn, struct jid from, struct str accounts) {
    if (!str_some(accounts)) return;
    struct probe *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->arena = arena_new();
    p->from = jid_dup(p->arena, from);
    p->accounts = arena_dup(p->arena, accounts);
    p->job.kind = STORE_READ;
    p->job.slot = slot_of(turn->shard->hub, str_first(accounts, str_index(accounts, '\n')));
    p->job.run = probe_run;
    p->job.done = probe_done;
    p->job.msg.bytes = (uint32_t)(sizeof *p + accounts.len);
    store_submit(im_of(turn)->server->store, turn, &p->job);
}
