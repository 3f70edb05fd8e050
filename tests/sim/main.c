/*
 * main.c: runs worlds, seed after seed, in children that may abort; says which seed it was and how to see it again.
 *
 *   sim [--seeds N] [--first N]   that many, with 1 and with 4 shards in turn
 *   sim --seed N [--shards N] [--trace]   one
 *   sim --sabotage NAME [--seeds N]   succeeds when a seed notices (a build with -Dfaults=true)
 */
#include "sim.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"

enum { STEPS_MAX = 400000, SEEDS_A_CHILD = 25 };

/* --- one world --- */

static struct client *client_random(struct world *w) {
    struct person *p = &w->people[roll(w, w->person_count)];
    return &p->clients[roll(w, p->client_count)];
}

static struct cable *cable_random(struct world *w) {
    unsigned count = 0;
    for (struct cable *c = w->cables; c; c = c->next) count++;
    if (count == 0) return NULL;
    struct cable *c = w->cables;
    for (unsigned at = roll(w, count); at > 0; at--) c = c->next;
    return c;
}

static void world_step(struct world *w) {
    unsigned what = roll(w, 1000);
    struct cable *cable = cable_random(w);
    w->steps++;
    if (what < w->disk_speed)
        world_commit(w, w->batch_max ? 1 + roll(w, w->batch_max) : 0);
    else if (what < 400)
        world_deliver(w);
    else if (what < 600 && cable)
        cable_serve(cable);
    else if (what < 610 && cable)
        cable_lose(cable);
    else if (what < 800)
        client_read(client_random(w));
    else if (what < 980)
        plan_act(client_random(w));
    else
        world_pass(w, roll(w, one_in(w, 10) ? 3000 : 40));
    cables_sweep(w);
}

static bool world_rests(const struct world *w) {
    if (!world_is_quiet(w)) return false;
    for (unsigned i = 0; i < w->person_count; i++)
        for (unsigned k = 0; k < w->people[i].client_count; k++) {
            const struct client *c = &w->people[i].clients[k];
            if (c->state != CLIENT_HERE || c->answer_count || c->wants_ack || c->page_question >= 0) return false;
            if (c->kind == CLIENT_MODERN && !c->is_caught_up) return false;
            const struct record *r = c->record;
            if (r->counts && (r->proven < r->got_count || r->acked < r->sent_count)) return false;
        }
    return true;
}

static void world_rest(struct world *w) {
    uint64_t limit = w->steps + STEPS_MAX;
    while (!world_rests(w)) {
        world_step(w);
        if (w->steps > limit) world_fail(w, "it never comes to rest");
    }
}

static void each_client(struct world *w, void (*fn)(struct client *c)) {
    for (unsigned i = 0; i < w->person_count; i++)
        for (unsigned k = 0; k < w->people[i].client_count; k++) fn(&w->people[i].clients[k]);
}

static void read_again(struct client *c) {
    c->is_caught_up = false;
}

/* What was missed comes with the next sign-in. */
static void old_anew(struct client *c) {
    if (c->kind != CLIENT_MODERN) client_leave(c);
}

/* Sessions that nobody came back to expire, with people here. */
static void world_wait(struct world *w, int64_t ms) {
    for (int64_t until = w->now_ms + ms; w->now_ms < until;) {
        world_pass(w, 5000);
        world_rest(w);
    }
}

/* Nobody does anything any more; what is under way comes to its end. */
static void world_drain(struct world *w) {
    for (int round = 0; !world_is_quiet(w); round++) {
        if (round > 1000) world_fail(w, "it never falls silent");
        world_commit(w, 0);
        while (world_deliver(w)) {}
        for (struct cable *c = w->cables; c; c = c->next) {
            cable_lose(c);
            while (cable_serve(c)) {}
            if (!c->client_gone) client_read(c->client);
        }
        cables_sweep(w);
    }
}

/* All sign out; sessions that nobody came back to expire, and accounts leave the memory. */
static void world_empty(struct world *w) {
    each_client(w, client_leave);
    for (int64_t until = w->now_ms + 900000; w->now_ms < until;) {
        world_pass(w, 5000);
        world_drain(w);
    }
}

static void world_live(struct world *w, uint64_t seed, unsigned shards) {
    chance_seed(w, seed);
    world_open(w, shards);
    plan_people(w);
    uint64_t limit = STEPS_MAX;
    while (w->note_count < w->note_goal && w->steps < limit) world_step(w);
    w->ending = true;
    world_rest(w);
    world_wait(w, 660000);
    each_client(w, old_anew);
    world_rest(w);
    each_client(w, read_again);
    world_rest(w);
    promise_end(w);
    world_empty(w);
    plan_free(w);
    world_close(w);
}

/* --- many --- */

struct request {
    uint64_t first, seeds;
    unsigned shards; /* 0: 1 and 4 in turn */
    bool tells;
    const char *sabotage;
};

static unsigned shards_of(const struct request *r, uint64_t seed) {
    return r->shards ? r->shards : seed % 2 ? 4 : 1;
}

static void live_some(const struct request *r, uint64_t from, uint64_t to, volatile uint64_t *at) {
    for (uint64_t seed = from; seed < to; seed++) {
        *at = seed;
        struct world *w = calloc(1, sizeof *w);
        CHECK(w != NULL);
        w->tells = r->tells;
        world_live(w, seed, shards_of(r, seed));
        free(w);
    }
}

static void say_failed(const struct request *r, const char *program, uint64_t seed, int status) {
    if (WIFSIGNALED(status)) fprintf(stderr, "killed by signal %d\n", WTERMSIG(status));
    fprintf(stderr, "seed %llu failed; to see it again: %s --seed %llu --shards %u%s%s\n", (unsigned long long)seed,
            program, (unsigned long long)seed, shards_of(r, seed), r->sabotage ? " --sabotage " : "",
            r->sabotage ? r->sabotage : "");
}

/* False when a seed failed. */
static bool run(const struct request *r, const char *program) {
    volatile uint64_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    for (uint64_t from = r->first, end = r->first + r->seeds; from < end; from += SEEDS_A_CHILD) {
        uint64_t to = from + SEEDS_A_CHILD < end ? from + SEEDS_A_CHILD : end;
        fflush(NULL);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            live_some(r, from, to, at);
            exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        if (status == 0) continue;
        say_failed(r, program, *at, status);
        return false;
    }
    return true;
}

static bool request_read(struct request *r, int argc, char **argv) {
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"seed", required_argument, NULL, 's'},
        {"shards", required_argument, NULL, 'h'},
        {"trace", no_argument, NULL, 't'},
        {"sabotage", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'n':
            r->seeds = strtoull(optarg, NULL, 10);
            break;
        case 's':
            r->seeds = 1; /* fall through */
        case 'f':
            r->first = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            r->shards = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 't':
            r->tells = true;
            break;
        case 'b':
            r->sabotage = optarg;
            break;
        default:
            return false;
        }
    }
    return optind == argc && r->shards <= SHARDS_MAX;
}

static bool sabotage_choose(const char *name) {
#ifdef CONFAB_FAULTS
    return fault_choose(name);
#else
    (void)name;
    return false;
#endif
}

int main(int argc, char **argv) {
    struct request r = {.first = 1, .seeds = 100};
    if (!request_read(&r, argc, argv)) {
        fprintf(stderr, "see tests/sim/main.c\n");
        return 2;
    }
    if (r.sabotage && !sabotage_choose(r.sabotage)) {
        fprintf(stderr, "no such sabotage, or not a build with -Dfaults=true\n");
        return 2;
    }
    log_set_level(r.tells ? LOG_DEBUG : LOG_ERROR);
    bool good = run(&r, argv[0]);
    if (r.sabotage) printf("%s: %s\n", r.sabotage, good ? "nobody noticed" : "noticed");
    if (r.sabotage) return good ? 1 : 0;
    if (good) printf("%llu worlds kept every promise\n", (unsigned long long)r.seeds);
    return good ? 0 : 1;
}
