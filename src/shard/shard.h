/*
 * shard.h: a thread and its turn. Gates and shards are both places: a loop, a mailbox and an arena that lives for a turn.
 * Everything alive belongs to exactly one shard and is touched by that thread alone; places meet only through shard_post.
 *
 *   turn:  drain the mailbox -> sockets -> timers -> deferred (outputs go out) -> the arena is reset
 *
 * What handling one message or element takes from the arena is given back when its handler returns: the next one finds it warm.
 *
 * The simulator (tests/sim) runs several places on one thread: it takes the messages by hub->intercept.
 */
#ifndef CONFAB_SHARD_SHARD_H
#define CONFAB_SHARD_SHARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "net/loop.h"
#include "shard/mailbox.h"
#include "shard/msg.h"

#define SLOTS 4096
#define PLACES_MAX 128

struct shard;
struct hub;

/* What code that runs in a turn may use; passed down, never kept. */
struct turn {
    struct shard *shard;
    struct arena *arena; /* reset when the turn ends */
    int64_t now_ms;      /* monotonic */
    int64_t wall_us;     /* since 1970 */
};

/* Kinds of steps that a turn is made of: messages by type, then the phases of the loop. */
enum { STEP_KINDS = MSG_TYPES + LOOP_PHASES };
const char *step_name(unsigned kind);

/* As struct spent, for all to read. */
struct spent_shown {
    atomic_uint count, ns, longest_ns;
};

typedef void (*msg_handler)(struct turn *turn, struct msg *msg); /* consumes the message */

struct shard {
    struct hub *hub;
    uint16_t index; /* in hub->places */
    bool is_gate;
    struct loop *loop;
    struct mailbox box;
    struct msg *backlog; /* taken from the mailbox, for the next turns */
    struct arena *arena;
    struct turn turn;              /* the current one: shard_turn(shard) */
    void *im;                      /* struct im of this shard (im/im.h); NULL on a gate */
    void *front;                   /* struct gate or struct web of this place */
    struct spent spent[MSG_TYPES]; /* in this turn */
    const msg_handler *handlers;   /* MSG_TYPES entries */
    pthread_t thread;
    atomic_bool stopping;
    /* Made visible by confabctl stats; written by the thread itself, read by any. */
    atomic_uint_fast64_t turns, messages;
    atomic_uint_fast64_t slow_turns; /* took more than 5 ms of CPU; some are the machine's doing (bench/idle.c) */
    atomic_uint_fast64_t cpu_ns_max; /* of its thread in its longest turn, and what that was made of: */
    struct spent_shown longest[STEP_KINDS];
};

struct hub {
    struct shard *places[PLACES_MAX];
    uint16_t shard_count; /* places[0 .. shard_count) are shards */
    uint16_t gate_count;  /* places[shard_count .. shard_count + gate_count) are gates */
    uint8_t slot_key[16]; /* SipHash key of the address space, from the database */
    void (*intercept)(struct hub *hub, struct shard *to, struct msg *msg); /* the simulator's; NULL in real life */
    /* Something that was too full has room again (gauge.h): any thread. NULL: nobody cares. */
    void (*relieved)(struct hub *hub);
    bool (*intercept_long)(const struct hub *hub); /* the simulator's turn_is_long */
    void *simulator;
    void *server; /* struct server (im/im.h): options, store, what all places share and nobody changes */
};

/* --- home.c: address -> slot -> shard; pure --- */
uint16_t slot_of(const struct hub *hub, struct str bare_jid);
struct shard *home_of_slot(const struct hub *hub, uint16_t slot);
static inline struct shard *home_of(const struct hub *hub, struct str bare_jid) {
    return home_of_slot(hub, slot_of(hub, bare_jid));
}

/*
 * The current turn, with the time of the loop. Whatever the loop calls back (sockets, timers, deferred) takes its turn from here and not from
 * shard->turn: the loop may have slept since the turn began.
 */
static inline struct turn *shard_turn(struct shard *shard) {
    shard->turn.now_ms = loop_now_ms(shard->loop);
    shard->turn.wall_us = loop_wall_us(shard->loop);
    return &shard->turn;
}

/* --- shard.c --- */
/* Takes the next place of the hub; shards before gates. */
struct shard *shard_new(struct hub *hub, bool is_gate, const msg_handler *handlers);
void shard_free(struct shard **shard); /* not running (any more) */
int shard_start(struct shard *shard);  /* the thread */
void shard_stop(struct shard *shard);  /* asks; any thread. It leaves after a turn that finds its mailbox empty */
void shard_join(struct shard *shard);
/* Any thread: hands the message over and wakes the place if it sleeps. */
void shard_post(struct shard *to, struct msg *msg);
/* A message that was taken from the mailbox is kept for later and goes on counting as waiting here; and: no more. Its own thread. */
static inline void shard_hold(struct shard *shard, uint32_t bytes) {
    gauge_add(&shard->box.waiting, bytes);
}
void shard_let_go(struct shard *shard, uint32_t bytes);
/* So much waits at that place that who sends it more must wait (gauge.h); there will be relief. Any thread. */
static inline bool shard_is_crowded(struct shard *shard, bool is_modest) {
    return gauge_is_high(&shard->box.waiting, is_modest);
}
/* Tells all who wait for a gauge to fall. Any thread. */
void hub_relieve(struct hub *hub);
/*
 * In a handler: these (held; linked by ->next; `last` points to the `next` of the last one) are handled (again) before all else that waits,
 * in this turn or a later one. So a handler that has much to do does it in slices, and nothing overtakes the rest.
 */
void shard_again(struct shard *shard, struct msg *first, struct msg **last);
/* The step in hand (a message, an event, a timer) has taken its time: who has more to do goes on in a step of its own. */
bool turn_is_long(const struct turn *turn);
/* Begins the bookkeeping of a turn and ends it; shard.c does so itself, tests that play a thread do it by hand. */
struct turn *turn_begin(struct shard *shard);
void turn_end(struct shard *shard);
/* Handles messages that wait, for a bounded time; true when there was one. */
bool shard_drain(struct shard *shard);

/* Runs fn on that place's thread. */
struct msg_call {
    struct msg msg;
    void (*run)(struct turn *turn, struct msg_call *call); /* consumes it */
};

/* Zeroed allocation of a message of that size; sets type and bytes (size + extra). */
void *msg_new(enum msg_type type, size_t size, size_t extra_bytes);

#endif
