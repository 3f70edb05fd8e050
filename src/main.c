/*
 * main.c: confabd. Reads the configuration, opens the store, starts the threads, waits for signals, stops in order.
 *
 *   start: options -> store (migrated) -> secrets -> places -> front -> debts replayed -> threads -> admin -> listeners -> "ready"
 *   stop:  listeners -> sessions -> what is queued goes out -> threads -> store
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/console.h"
#include "admin/docs.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "front/front.h"
#include "front/gate.h"
#include "front/relay.h"
#include "front/web.h"
#include "im/account.h"
#include "im/feature.h"
#include "im/media.h"
#include "im/removal.h"
#include "im/retention.h"
#include "im/router.h"
#include "im/search.h"
#include "im/stream.h"
#include "store/backup.h"
#include "store/migrate.h"
#include "store/roster.h"
#include "xmpp/stanza.h"

#ifdef CONFAB_FAULTS
#include "../tests/faults/vfs_shim.h"
#include "base/fault.h"
#endif

enum {
    GATES_MAX = 16,
    SHARDS_MAX = 64,
    FLUSH_MS = 2500 /* longer than a connection lingers that takes nothing */,
    SETTLE_ROUNDS = 4
};

struct program {
    struct arena *arena; /* of the options: lives as long as the program */
    struct hub hub;
    struct server server;
    struct front *front;
    struct gate *gates[GATES_MAX];
    struct console *console;
    const char *vfs; /* of tests/faults; NULL */
    msg_handler shard_handlers[MSG_TYPES];
};

/* --- options --- */

static int program_options(struct program *p, const char *path) {
    struct options *o = &p->server.options;
    struct str why = STR_NONE, domain;
    int err = conf_load(option_tables, path, p->arena, o, &why);
    if (err) {
        fprintf(stderr, "confabd: %.*s\n", STR_FMT(why));
        return err;
    }
    enum log_level level;
    if (!log_level_parse(o->log_level, &level)) {
        fprintf(stderr, "confabd: log_level is error, warn, info or debug\n");
        return ERR_CONFIG;
    }
    log_set_level(level);
    if (jid_prepare_domain(p->arena, o->domain, &domain)) {
        fprintf(stderr, "confabd: '%.*s' is not a domain\n", STR_FMT(o->domain));
        return ERR_CONFIG;
    }
    o->domain = arena_dup(p->arena, domain);
    if (o->database != DATABASE_SQLITE) {
        fprintf(stderr, "confabd: PostgreSQL is not there yet; set database = sqlite\n");
        return ERR_UNSUPPORTED;
    }
    if (geteuid() == 0 && !o->allow_root) {
        fprintf(stderr, "confabd: will not run as root; run it as a user of its own, or set allow_root = yes\n");
        return ERR_DENIED;
    }
    p->server.limits = (struct xml_limits){(uint32_t)o->stanza_bytes, (uint16_t)o->depth, (uint16_t)o->attributes,
                                           (uint32_t)o->children};
    p->server.limits_unauthenticated = p->server.limits;
    p->server.limits_unauthenticated.bytes_max = (uint32_t)o->stanza_bytes_unauthenticated;
    return 0;
}

static uint16_t shard_count(const struct options *o) {
    unsigned long long n;
    if (str_eq(o->shards, STR("auto")))
        n = (unsigned long long)sysconf(_SC_NPROCESSORS_ONLN);
    else if (!str_to_u64(o->shards, SHARDS_MAX, &n))
        n = 0;
    return (uint16_t)(n < 1 ? 1 : n > SHARDS_MAX ? SHARDS_MAX : n);
}

/* --- store --- */

static int program_store(struct program *p) {
    struct options *o = &p->server.options;
    struct str dir = arena_printf(p->arena, "%.*s", STR_FMT(o->data_dir));
    if (mkdir(dir.p, 0700) && errno != EEXIST) {
        LOG(LOG_ERROR, "data-dir-failed", F_STR("path", dir), F_C("why", strerror(errno)));
        return ERR_IO;
    }
    if (access(arena_printf(p->arena, "%.*s/" BACKUP_UNFINISHED, STR_FMT(dir)).p, F_OK) == 0) {
        LOG(LOG_ERROR, "restore-unfinished", F_STR("path", dir),
            F_C("what", "run confabctl restore again, or remove " BACKUP_UNFINISHED));
        return ERR_STORE;
    }
    struct str path = arena_printf(p->arena, "%.*s/" BACKUP_DATABASE, STR_FMT(dir));
    struct store_options options = {
        .db = {.path = path.p, .lock_ms = (int)o->lock_ms}, .readers = 2, .waiting_max = (uint64_t)o->store_waiting};
#ifdef CONFAB_FAULTS
    options.db.vfs = vfs_shim_from_environment();
    options.db.sync_off = getenv("CONFAB_FAULT_SYNC_OFF") != NULL;
    const char *sabotage = getenv("CONFAB_FAULT");
    if (sabotage && !fault_choose(sabotage)) return ERR_INVALID;
#endif
    p->vfs = options.db.vfs;
    int err = store_open(&options, &p->server.store);
    if (err) return err;
    uint8_t fresh[16];
    struct {
        const char *name;
        uint8_t *out;
    } secrets[] = {{"slot-key", p->hub.slot_key}, {"id-key", p->server.id_key}, {"salt-secret", p->server.salt_secret}};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets && !err; i++) {
        random_bytes(fresh, sizeof fresh);
        err = meta_get_or_create(store_db(p->server.store), secrets[i].name, fresh, sizeof fresh, secrets[i].out);
    }
    hmac(HASH_SHA256, str_of(p->server.salt_secret, 16), STR("tokens of XEP-0484"), p->server.token_key);
    return err;
}

/* What homes owed one another when the program last stopped goes first into their mailboxes. */
static bool replay_one(void *arg, int64_t id, struct str from_bare, struct str to_bare, struct str stanza) {
    (void)from_bare;
    struct program *p = arg;
    struct arena *arena = arena_new();
    struct msg_stanza *m = crossing_of_bytes(arena, stanza, jid_trusted(to_bare));
    arena_free(&arena);
    if (m) {
        m->owed = id;
        shard_post(home_of(&p->hub, to_bare), &m->msg);
    } else {
        LOG(LOG_ERROR, "debt-unreadable", F_INT("id", id), F_STR("to", to_bare));
    }
    return true;
}

/* --- threads --- */

static void program_places(struct program *p) {
    p->server.hub = &p->hub;
    p->hub.server = &p->server;
    memcpy(p->shard_handlers, im_handlers, sizeof p->shard_handlers);
    p->shard_handlers[MSG_HTTP] = web_on_http;
    p->shard_handlers[MSG_PEER_IN] = relay_on_in;
    uint16_t shards = shard_count(&p->server.options);
    for (uint16_t i = 0; i < shards; i++) im_new(&p->server, shard_new(&p->hub, false, p->shard_handlers));
    for (int64_t i = 0; i < p->server.options.gates; i++) shard_new(&p->hub, true, gate_handlers);
}

static int program_start(struct program *p) {
    for (uint16_t i = 0; i < p->hub.shard_count + p->hub.gate_count; i++) {
        int err = shard_start(p->hub.places[i]);
        if (err) return err;
    }
    return 0;
}

/* Runs fn on a place and waits for it: start and stop only. */
struct errand {
    struct msg_call call;
    void (*fn)(struct turn *turn, struct errand *errand);
    void *arg;
    int result;
    atomic_bool done;
};

static void errand_run(struct turn *turn, struct msg_call *call) {
    struct errand *e = (struct errand *)call;
    e->fn(turn, e);
    atomic_store(&e->done, true);
}

static void nap(void) {
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

static int errand(struct shard *place, void (*fn)(struct turn *turn, struct errand *errand), void *arg) {
    struct errand *e = msg_new(MSG_CALL, sizeof *e, 0);
    e->call.run = errand_run;
    e->fn = fn;
    e->arg = arg;
    shard_post(place, &e->call.msg);
    while (!atomic_load(&e->done)) nap();
    int result = e->result;
    free(e);
    return result;
}

static void on_listen(struct turn *turn, struct errand *e) {
    (void)turn;
    e->result = gate_listen(e->arg);
}

static void on_gate_close(struct turn *turn, struct errand *e) {
    (void)turn;
    gate_close(e->arg);
}

static void on_sessions_end(struct turn *turn, struct errand *e) {
    (void)e;
    struct im *im = im_of(turn);
    im->stopping = true;
    size_t at = 0;
    for (struct account *a; (a = map_next(&im->accounts, &at));) {
        account_mark_flush(turn, a);
        account_end_sessions(turn, a, NULL, STREAM_ERR_SYSTEM_SHUTDOWN, STR_NONE);
        account_left_flush(turn, a);
    }
    streams_end(turn, im);
    web_close(turn);
}

/* The mailbox has been emptied up to here. */
static void on_nothing(struct turn *turn, struct errand *e) {
    (void)turn;
    (void)e;
}

static void on_console_close(struct turn *turn, struct errand *e) {
    (void)turn;
    struct program *p = e->arg;
    console_close(&p->console);
}

static int program_listen(struct program *p) {
    for (uint16_t i = 0; i < p->hub.gate_count; i++) {
        int err = errand(p->hub.places[p->hub.shard_count + i], on_listen, p->gates[i]);
        if (err) return err;
    }
    return 0;
}

/* --- stop --- */

/* What is queued goes out, within reason. */
static void program_flush(struct program *p) {
    for (int waited_ms = 0; waited_ms < FLUSH_MS && atomic_load(&p->server.connections) > 0; waited_ms += 2) nap();
}

static void program_stop(struct program *p) {
    LOG0(LOG_INFO, "stopping");
    for (uint16_t i = 0; i < p->hub.gate_count; i++)
        errand(p->hub.places[p->hub.shard_count + i], on_gate_close, p->gates[i]);
    for (uint16_t i = 0; i < p->hub.shard_count; i++) errand(p->hub.places[i], on_sessions_end, NULL);
    program_flush(p);
    errand(p->hub.places[0], on_console_close, p);
    /* Everything submitted is finished before the threads leave, and what its completions submit in turn. */
    int places = p->hub.shard_count + p->hub.gate_count;
    for (int round = 0; round < SETTLE_ROUNDS; round++) {
        uint64_t jobs = 1, bytes;
        while (jobs > 0) {
            store_load(p->server.store, &jobs, &bytes);
            if (jobs > 0) nap();
        }
        for (int i = 0; i < places; i++) errand(p->hub.places[i], on_nothing, NULL);
    }
    for (int i = 0; i < places; i++) shard_stop(p->hub.places[i]);
    for (int i = 0; i < places; i++) shard_join(p->hub.places[i]);
}

static void program_free(struct program *p) {
    int places = p->hub.shard_count + p->hub.gate_count;
    if (p->server.search) search_stop(p->server.search);
    store_close(&p->server.store); /* its workers post to the places */
    searching_free(&p->server.searching);
    for (int i = 0; i < p->hub.gate_count; i++) gate_free(&p->gates[i]);
    for (int i = 0; i < places; i++) {
        struct im *im = p->hub.places[i]->im;
        if (im) im_free(&im);
        struct shard *place = p->hub.places[i];
        shard_free(&place);
    }
    front_free(&p->front);
    media_free(&p->server.media);
    removal_free(&p->server.removal);
    retention_free(&p->server.retention);
    arena_free(&p->arena);
}

/* --- the program --- */

static void raise_limits(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files)) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* Blocks until it is time to stop: a signal, or confabctl stop (which sends one). */
static void program_wait(struct program *p, const sigset_t *signals) {
    for (;;) {
        int signal = 0;
        if (sigwait(signals, &signal)) continue;
        if (signal != SIGHUP) return;
        LOG0(LOG_INFO, "reloading");
        front_reload(p->front);
    }
}

static int program_open(struct program *p, const char *config) {
    int err = program_options(p, config);
    if (!err) err = program_store(p);
    if (err) return err;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    p->server.started_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    grid_build();
    program_places(p);
    err = media_new(&p->server, &p->server.media);
    if (err) return err;
    p->server.removal = removal_new(&p->server);
    p->server.retention = retention_new(&p->server);
    p->server.searching = searching_new(&p->server, p->vfs);
    err = front_new(&p->server, &p->front);
    if (err) return err;
    for (uint16_t i = 0; i < p->hub.gate_count; i++) {
        p->gates[i] = gate_new(p->front, p->hub.places[p->hub.shard_count + i]);
        p->front->gates[i] = p->gates[i];
    }
    return owed_each(store_db(p->server.store), replay_one, p);
}

static int program_run(const char *config) {
    static struct program p; /* large, and one */
    p.arena = arena_new();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets without MSG_NOSIGNAL */
    raise_limits();
    int err = program_open(&p, config);
    if (!err) err = console_open(&p.server, p.hub.places[0], &p.console);
    if (!err) err = program_start(&p);
    if (!err) err = program_listen(&p);
    if (err) {
        LOG(LOG_ERROR, "start-failed", F_ERR("error", err));
        return 1; /* the process ends: nothing was acknowledged to anybody */
    }
    LOG(LOG_INFO, "ready", F_STR("domain", p.server.options.domain), F_INT("shards", p.hub.shard_count),
        F_INT("gates", p.hub.gate_count));
    program_wait(&p, &signals);
    program_stop(&p);
    program_free(&p);
    LOG0(LOG_INFO, "stopped");
    return 0;
}

static int print_sample(void) {
    struct buf out = BUF_INIT;
    conf_write_sample(option_tables, &out);
    fwrite(buf_str(&out).p, 1, buf_len(&out), stdout);
    buf_free(&out);
    return 0;
}

static int usage(FILE *to, int status) {
    fputs("confabd --config FILE      run the server\n"
          "confabd --sample-config    print a configuration file that explains every option\n"
          "confabd --write-docs DIR   write the generated documents\n"
          "confabd --version\n",
          to);
    return status;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"sample-config", no_argument, NULL, 's'},
        {"write-docs", required_argument, NULL, 'd'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *config = NULL;
    for (int c; (c = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (c) {
        case 'c':
            config = optarg;
            break;
        case 's':
            return print_sample();
        case 'd':
            return docs_write(optarg) ? 1 : 0;
        case 'v':
            return puts("confabd " CONFAB_VERSION) < 0;
        case 'h':
            return usage(stdout, 0);
        default:
            return usage(stderr, 2);
        }
    }
    return config && optind == argc ? program_run(config) : usage(stderr, 2);
}
