/*
 * shard.c: the thread of a place and its turn. A turn drains what the mailbox held when it began (what is posted meanwhile
 * waits for the next one, so that sockets get their share), gives the loop its turn, and forgets the arena.
 *
 * A place sleeps only in loop_turn, after it has said so (loop_sleeping) and found its mailbox still empty; a producer wakes
 * it only when its message is the first in the box. Whoever asks it to stop also wakes it; it leaves when its box is empty.
 *
 * shard_post and shard_stop: any thread. All else of a running place: its own thread.
 */
#include "shard/shard.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/err.h"

/* Of the time of a turn, for each of its four phases: sockets and timers get theirs however full the mailbox is, and the other way round. */
#define SHARE_NS 400000
#define SLOW_NS 5000000 /* of CPU: a turn that should not be; how many there were is shown */

struct shard *shard_new(struct hub *hub, bool is_gate, const msg_handler *handlers) {
    CHECK(is_gate || hub->gate_count == 0); /* shards first: home_of_slot counts on it */
    uint16_t index = (uint16_t)(hub->shard_count + hub->gate_count);
    CHECK(index < PLACES_MAX);
    struct shard *shard = calloc(1, sizeof *shard);
    CHECK(shard);
    shard->hub = hub;
    shard->index = index;
    shard->is_gate = is_gate;
    shard->handlers = handlers;
    shard->loop = loop_new();
    shard->arena = arena_new();
    CHECK(shard->loop);
    shard->turn = (struct turn){.shard = shard, .arena = shard->arena};
    hub->places[index] = shard;
    if (is_gate)
        hub->gate_count++;
    else
        hub->shard_count++;
    return shard;
}

void shard_free(struct shard **shard) {
    struct shard *s = *shard;
    if (!s) return;
    *shard = NULL;
    for (struct msg *m = mailbox_take(&s->box), *next; m; m = next) { /* posted to a place that had left */
        next = m->next;
        free(m);
    }
    s->hub->places[s->index] = NULL;
    loop_free(&s->loop);
    arena_free(&s->arena);
    free(s);
}

bool turn_is_long(const struct turn *turn) {
    const struct hub *hub = turn->shard->hub;
    return hub->intercept_long ? hub->intercept_long(hub) : loop_step_is_long(turn->shard->loop);
}

static uint64_t thread_cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct turn *turn_begin(struct shard *shard) {
    return shard_turn(shard);
}

void turn_end(struct shard *shard) {
    arena_reset(shard->arena);
    atomic_fetch_add_explicit(&shard->turns, 1, memory_order_relaxed);
}

void shard_again(struct shard *shard, struct msg *first, struct msg **last) {
    if (shard->hub->intercept) { /* nothing comes in between anyway */
        *last = NULL;
        for (struct msg *msg = first, *next; msg; msg = next) {
            next = msg->next;
            shard_let_go(shard, msg->bytes);
            shard->handlers[msg->type](&shard->turn, msg);
        }
        return;
    }
    *last = shard->backlog;
    shard->backlog = first;
}

bool shard_drain(struct shard *shard) {
    if (!shard->backlog) shard->backlog = mailbox_take(&shard->box);
    if (!shard->backlog) return false;
    uint64_t count = 0;
    bool goes_on = true;
    loop_step_begin(shard->loop);
    while (shard->backlog && goes_on) {
        struct msg *msg = shard->backlog;
        shard->backlog = msg->next; /* the handler frees it */
        uint32_t bytes = msg->bytes;
        uint16_t type = msg->type;
        CHECK(type < MSG_TYPES && shard->handlers[type]);
        struct arena_mark mark = arena_mark(shard->arena); /* the next one uses the same few warm kilobytes */
        shard->handlers[type](&shard->turn, msg);
        arena_release(shard->arena, mark);
        shard_let_go(shard, bytes);
        goes_on = loop_step_end(shard->loop, &shard->spent[type]);
        count++;
    }
    atomic_fetch_add_explicit(&shard->messages, count, memory_order_relaxed);
    return true;
}

/* What the longest turn was made of. */
static void turn_show(struct shard *shard) {
    for (int i = 0; i < STEP_KINDS; i++) {
        const struct spent *spent = i < MSG_TYPES ? &shard->spent[i] : &loop_spent(shard->loop)[i - MSG_TYPES];
        atomic_store_explicit(&shard->longest[i].count, spent->count, memory_order_relaxed);
        atomic_store_explicit(&shard->longest[i].ns, spent->ns, memory_order_relaxed);
        atomic_store_explicit(&shard->longest[i].longest_ns, spent->longest_ns, memory_order_relaxed);
    }
}

const char *step_name(unsigned kind) {
    static const char *const names[STEP_KINDS] = {
        [MSG_STORE_DONE] = "store_done",
        [MSG_ADOPT] = "adopt",
        [MSG_HTTP] = "http",
        [MSG_UPGRADE] = "upgrade",
        [MSG_STANZA] = "stanza",
        [MSG_FAN] = "fan",
        [MSG_SEATS] = "seats",
        [MSG_DECIDED] = "decided",
        [MSG_PEER_IN] = "peer_in",
        [MSG_PEER_OUT] = "peer_out",
        [MSG_ASK] = "ask",
        [MSG_ANSWER] = "answer",
        [MSG_CALL] = "call",
        [MSG_TYPES + LOOP_EVENTS] = "events",
        [MSG_TYPES + LOOP_TIMERS] = "timers",
        [MSG_TYPES + LOOP_DEFERRED] = "deferred",
    };
    return names[kind];
}

/* Sleeping costs no CPU time, so the end of one turn is the beginning of the next: one clock call a turn. */
static uint64_t turn_measure(struct shard *shard, uint64_t began_ns) {
    uint64_t now_ns = thread_cpu_ns();
    if (now_ns - began_ns > SLOW_NS) atomic_fetch_add_explicit(&shard->slow_turns, 1, memory_order_relaxed);
    if (now_ns - began_ns > atomic_load_explicit(&shard->cpu_ns_max, memory_order_relaxed)) {
        atomic_store_explicit(&shard->cpu_ns_max, now_ns - began_ns, memory_order_relaxed);
        turn_show(shard);
    }
    memset(shard->spent, 0, sizeof shard->spent);
    loop_spent_clear(shard->loop);
    return now_ns;
}

static void *shard_main(void *arg) {
    struct shard *shard = arg;
    uint64_t cpu_ns = thread_cpu_ns();
    loop_set_share(shard->loop, SHARE_NS);
    bool leaving = false, drained_only = false;
    while (!leaving) {
        turn_begin(shard);
        drained_only = shard_drain(shard) && loop_phase_is_long(shard->loop) && !drained_only;
        if (drained_only) {
            turn_end(shard);
            cpu_ns = turn_measure(shard, cpu_ns);
            continue;
        }
        loop_sleeping(shard->loop); /* before the last look at what could wake us */
        bool stopping = atomic_load(&shard->stopping);
        bool waiting = shard->backlog || !mailbox_empty(&shard->box);
        loop_turn(shard->loop, waiting || stopping);
        turn_end(shard);
        cpu_ns = turn_measure(shard, cpu_ns);
        leaving = stopping && !shard->backlog && mailbox_empty(&shard->box);
    }
    return NULL;
}

int shard_start(struct shard *shard) {
    sigset_t all, before; /* signals are for the first thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&shard->thread, NULL, shard_main, shard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return ERR_IO;
    char name[16];
    snprintf(name, sizeof name, "%s-%u", shard->is_gate ? "gate" : "shard", (unsigned)shard->index);
    pthread_setname_np(shard->thread, name);
    return 0;
}

void shard_stop(struct shard *shard) {
    atomic_store(&shard->stopping, true);
    loop_wake(shard->loop);
}

void shard_join(struct shard *shard) {
    pthread_join(shard->thread, NULL);
}

void shard_post(struct shard *to, struct msg *msg) {
    if (to->hub->intercept) {
        to->hub->intercept(to->hub, to, msg);
        return;
    }
    if (mailbox_push(&to->box, msg)) loop_wake(to->loop);
}

void shard_let_go(struct shard *shard, uint32_t bytes) {
    if (mailbox_handled(&shard->box, bytes)) hub_relieve(shard->hub);
}

void hub_relieve(struct hub *hub) {
    if (hub->relieved) hub->relieved(hub);
}

void *msg_new(enum msg_type type, size_t size, size_t extra_bytes) {
    CHECK(size >= sizeof(struct msg) && size + extra_bytes <= UINT32_MAX);
    struct msg *msg = calloc(1, size);
    CHECK(msg);
    msg->type = (uint16_t)type;
    msg->bytes = (uint32_t)(size + extra_bytes);
    return msg;
}
