/*
 * world.c: shards without threads. What a shard posts is intercepted and waits in the channel of its sender and its destination; chance says
 * which channel is next, when the disk commits how many writes, and what time it is. One thread; a turn is one message or one
 * event of a connection, with all that the loop does at its end.
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "im/account.h"
#include "im/feature.h"
#include "net/loop.h"

#define WALL_START_US INT64_C(1700000000000000)

void world_fail(struct world *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "promise broken at step %llu: ", (unsigned long long)w->steps);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    _Exit(3);
}

void world_tell(struct world *w, const char *format, ...) {
    if (!w->tells) return;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%6llu %7lld ms  ", (unsigned long long)w->steps, (long long)w->now_ms);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
}

/* --- mailboxes --- */

void world_post(struct world *w, unsigned from, struct shard *to, struct msg *msg) {
    struct channel *c = &w->channels[from][to->index];
    if (!c->first) c->end = &c->first;
    msg->next = NULL;
    *c->end = msg;
    c->end = &msg->next;
}

/* The store's threads post for themselves: writes come back in order, what readers found in any. */
static unsigned world_sender(struct world *w, const struct msg *msg) {
    if (msg->type != MSG_STORE_DONE) return w->posting == SENDERS ? FROM_WRITER : w->posting; /* relief */
    const struct store_job *job = (const struct store_job *)msg;
    return job->kind == STORE_WRITE ? FROM_WRITER : FROM_READER + roll(w, 2);
}

static void on_post(struct hub *hub, struct shard *to, struct msg *msg) {
    struct world *w = hub->simulator;
    promise_posted(w, msg);
    world_post(w, world_sender(w, msg), to, msg);
}

bool world_deliver(struct world *w) {
    struct channel *waiting[SENDERS * SHARDS_MAX];
    unsigned shard_of[SENDERS * SHARDS_MAX], count = 0;
    for (unsigned from = 0; from < SENDERS; from++)
        for (unsigned to = 0; to < w->shard_count; to++) {
            if (!w->channels[from][to].first) continue;
            shard_of[count] = to;
            waiting[count++] = &w->channels[from][to];
        }
    if (count == 0) return false;
    unsigned at = roll(w, count);
    struct msg *msg = waiting[at]->first;
    struct shard *shard = w->hub.places[shard_of[at]];
    waiting[at]->first = msg->next;
    struct turn *turn = world_enter(w, shard);
    shard->handlers[msg->type](turn, msg);
    world_leave(w, shard);
    return true;
}

/* --- time and turns --- */

/* The wall clock is moved now and then, also back. */
static int64_t world_wall_us(struct world *w) {
    return WALL_START_US + w->now_ms * 1000 + w->wall_offset_us;
}

struct turn *world_enter(struct world *w, struct shard *shard) {
    loop_simulate(shard->loop, w->now_ms, world_wall_us(w));
    w->posting = shard->index;
    return turn_begin(shard);
}

void world_leave(struct world *w, struct shard *shard) {
    loop_turn(shard->loop, true);
    turn_end(shard);
    w->posting = SENDERS;
    promise_turn_ended(w);
}

void world_pass(struct world *w, int64_t ms) {
    w->now_ms += ms;
    if (one_in(w, 20)) w->wall_offset_us += (int64_t)roll(w, 4000000) - 2000000;
    for (unsigned i = 0; i < w->shard_count; i++) {
        world_enter(w, w->hub.places[i]);
        world_leave(w, w->hub.places[i]);
    }
}

void world_commit(struct world *w, unsigned batch) {
    if (store_manual_step(w->server.store, batch)) promise_committed(w);
}

bool world_is_quiet(const struct world *w) {
    for (unsigned from = 0; from < SENDERS; from++)
        for (unsigned to = 0; to < w->shard_count; to++)
            if (w->channels[from][to].first) return false;
    for (unsigned i = 0; i < w->shard_count; i++)
        if (loop_has_deferred(w->hub.places[i]->loop)) return false;
    uint64_t jobs, bytes;
    store_load(w->server.store, &jobs, &bytes);
    if (jobs) return false;
    for (const struct cable *c = w->cables; c; c = c->next)
        if (c->up.count || c->down.count || c->cut || c->drain_asked) return false;
    return true;
}

/* --- open and close --- */

/* What can be done in slices is, now and then: chance decides after which step. */
static bool on_ask_long(const struct hub *hub) {
    return one_in(hub->simulator, 6);
}

static void world_options(struct world *w) {
    struct options *o = &w->server.options;
    struct str why;
    CHECK(conf_load(option_tables, NULL, w->arena, o, &why) == 0);
    o->domain = STR("sim");
    o->rates = one_in(w, 4);
    o->stanzas_per_s = 5 + roll(w, 50);
    o->stanzas_burst = 10 + roll(w, 50);
    o->offline_page = 1 + roll(w, 8);
    o->mam_page = 1 + roll(w, 12);
    if (one_in(w, 3)) o->sm_queue = 40 + roll(w, 60);
    if (one_in(w, 3)) o->sm_account = 60 + roll(w, 100);
    if (one_in(w, 3)) o->store_waiting = 1000 + roll(w, 5000);
    if (one_in(w, 3)) o->shard_waiting = 1000 + roll(w, 5000);
    if (one_in(w, 3)) o->session_waiting = 1000 + roll(w, 5000);
    o->idle_accounts_ms = one_in(w, 2) ? 1000 : 60000;
    if (w->seed % 2) o->acks_busy = 0;
    w->server.limits = (struct xml_limits){(uint32_t)o->stanza_bytes, (uint16_t)o->depth, (uint16_t)o->attributes,
                                           (uint32_t)o->children};
    w->server.limits_unauthenticated = w->server.limits;
}

void world_open(struct world *w, unsigned shards) {
    w->arena = arena_new();
    w->scratch = arena_new();
    w->now_ms = 1000000;
    w->shard_count = shards;
    w->posting = SENDERS;
    w->hub.intercept = on_post;
    w->hub.intercept_long = on_ask_long;
    w->hub.simulator = w;
    w->hub.server = w->server.hub = &w->hub;
    w->server.hub = &w->hub;
    for (unsigned i = 0; i < 16; i++) w->hub.slot_key[i] = (uint8_t)roll(w, 256);
    world_options(w);
    struct store_options options = {
        .db = {.path = ":memory:"}, .manual = true, .waiting_max = (uint64_t)w->server.options.store_waiting};
    CHECK(store_open(&options, &w->server.store) == 0);
    grid_build();
    for (unsigned i = 0; i < shards; i++) {
        struct shard *shard = shard_new(&w->hub, false, im_handlers);
        loop_simulate(shard->loop, w->now_ms, world_wall_us(w));
        im_new(&w->server, shard);
    }
}

void world_close(struct world *w) {
    for (unsigned i = 0; i < w->shard_count; i++) {
        struct im *im = w->hub.places[i]->im;
        struct shard *shard = w->hub.places[i];
        if (im->session_count) world_fail(w, "%u sessions never ended", (unsigned)im->session_count);
        if (map_count(&im->accounts))
            world_fail(w, "%u accounts never left the memory", (unsigned)map_count(&im->accounts));
        im_free(&im);
        shard_free(&shard);
    }
    store_close(&w->server.store);
    arena_free(&w->arena);
    arena_free(&w->scratch);
}
