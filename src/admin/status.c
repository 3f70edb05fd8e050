/*
 * status.c: the commands that look: sessions, stats, trace. A shard is asked for its sessions in slices, so that the list of a large server costs no
 * shard a long turn and the console no memory; the counts of stats are what every shard shows anyway, shown afresh.
 */
#include "admin/commands.h"

#include "base/codec.h"
#include "base/err.h"
#include "front/web.h"
#include "im/media.h"
#include "im/session.h"
#include "store/search.h"

enum { PATIENCE_MS = 5000, SLICE = 256 };

/* --- sessions --- */

static void session_print(struct turn *turn, const struct session *s, struct buf *out) {
    struct arena_mark mark = arena_mark(turn->arena);
    buf_add_str(out, session_full(s));
    buf_printf(out, " since=%.*s priority=%d available=%s sm=%s", STR_FMT(datetime_format(turn->arena, s->since_us)),
               s->priority, session_is_available(s) ? "yes" : "no", s->sm ? s->sm->id[0] ? "resumable" : "yes" : "no");
    if (s->sm) buf_printf(out, " unacknowledged=%u", s->outbox.count);
    if (s->stream) {
        struct peer_facts facts;
        char address[46];
        s->stream->peer->ops->facts(s->stream->peer, &facts);
        net_address_text(&facts.address, address);
        buf_printf(out, " from=%s transport=%s tls=%s idle_s=%lld\n", address, facts.websocket ? "websocket" : "tcp",
                   facts.tls_version ? facts.tls_version : "no", (long long)(turn->now_ms - facts.heard_ms) / 1000);
    } else {
        BUF_ADD_LIT(out, " hibernating\n");
    }
    arena_release(turn->arena, mark);
}

static void sessions_of_there(struct turn *turn, struct ask *ask) {
    const struct account *a = account_find(im_of(turn), ask_bare(ask));
    if (a) {
        LIST_EACH (&a->sessions, at, after)
            session_print(turn, CONTAINER_OF(at, struct session, in_account), &ask->out);
    }
    ask_return(turn, ask, 0);
}

static void sessions_of_back(struct turn *turn, struct ask *ask) {
    (void)turn;
    request_write(ask->request, buf_str(&ask->out));
    request_end(ask->request, ask->err, STR_NONE);
    ask_free(&ask);
}

/* From handle number ask->at on; ask->at moves, UINT32_MAX: the shard has no more. */
static void sessions_there(struct turn *turn, struct ask *ask) {
    const struct im *im = im_of(turn);
    uint32_t i = ask->at, printed = 0;
    for (; i < im->session_cap && printed < SLICE; i++) {
        if (!im->sessions[i]) continue;
        session_print(turn, im->sessions[i], &ask->out);
        printed++;
    }
    ask->at = i < im->session_cap ? i : UINT32_MAX;
    ask_return(turn, ask, 0);
}

struct sessions_place {
    uint32_t shard, at;
};

static void sessions_next(struct turn *turn, struct request *r);

static void sessions_back(struct turn *turn, struct ask *ask) {
    struct request *r = ask->request;
    struct sessions_place *place = request_memory(r);
    request_write(r, buf_str(&ask->out));
    place->at = ask->at;
    if (ask->at == UINT32_MAX) *place = (struct sessions_place){place->shard + 1, 0};
    ask_free(&ask);
    request_when_drained(turn, r, sessions_next);
}

static void sessions_next(struct turn *turn, struct request *r) {
    const struct sessions_place *place = request_memory(r);
    struct hub *hub = turn->shard->hub;
    if (place->shard == hub->shard_count || !request_is_wanted(r)) {
        request_end(r, 0, STR_NONE);
        return;
    }
    struct ask *ask = ask_new(r, STR_NONE, STR_NONE);
    ask->at = place->at;
    ask->there = sessions_there;
    ask->back = sessions_back;
    ask_post(turn, ask, hub->places[place->shard], PATIENCE_MS);
}

void command_sessions(struct turn *turn, struct request *r) {
    struct jid jid;
    if (!request_arg(r, 0).p) {
        sessions_next(turn, r);
        return;
    }
    if (!command_address(turn, r, request_arg(r, 0), &jid)) return;
    struct ask *ask = ask_new(r, jid_str(jid), STR_NONE);
    ask->there = sessions_of_there;
    ask->back = sessions_of_back;
    ask_post(turn, ask, home_of(turn->shard->hub, jid_str(jid)), PATIENCE_MS);
}

/* --- stats --- */

static uint64_t load(const atomic_uint_fast64_t *count) {
    return atomic_load_explicit(count, memory_order_relaxed);
}

static void stats_server(struct turn *turn, const struct server *server, struct buf *out) {
    const struct hub *hub = server->hub;
    uint64_t longest_ns = 0;
    for (unsigned i = 0; i < hub->shard_count; i++) {
        uint64_t ns = load(&hub->places[i]->cpu_ns_max);
        if (ns > longest_ns) longest_ns = ns;
    }
    buf_printf(out,
               "server version=%s uptime_s=%lld rss_bytes=%llu heap_bytes=%llu connections=%llu unauthenticated=%llu "
               "longest_turn_us=%llu\n",
               CONFAB_VERSION, (long long)(turn->wall_us - server->started_us) / 1000000,
               (unsigned long long)metrics_rss_bytes(), (unsigned long long)metrics_heap_bytes(),
               (unsigned long long)load(&server->connections), (unsigned long long)load(&server->unauthenticated),
               (unsigned long long)longest_ns / 1000);
}

static void stats_store(const struct server *server, struct buf *out) {
    uint64_t jobs, bytes;
    struct store_stats s;
    store_load(server->store, &jobs, &bytes);
    store_stats(server->store, &s);
    buf_printf(out,
               "store waiting=%llu waiting_bytes=%llu commits=%llu writes=%llu reads=%llu failures=%llu "
               "longest_commit_ms=%lld\n",
               (unsigned long long)jobs, (unsigned long long)bytes, (unsigned long long)s.commits,
               (unsigned long long)s.writes, (unsigned long long)s.reads, (unsigned long long)s.failures,
               (long long)s.commit_ms_max);
}

/* waiting: messages that are not indexed yet. */
static void stats_search(const struct search *search, struct buf *out) {
    struct search_stats s;
    search_stats(search, &s);
    buf_printf(out, "search indexed=%llu waiting=%llu rebuilds=%llu failures=%llu\n", (unsigned long long)s.indexed,
               (unsigned long long)s.waiting, (unsigned long long)s.rebuilds, (unsigned long long)s.failures);
}

static void stats_media(const struct media *media, struct buf *out) {
    BUF_ADD_LIT(out, "media");
#define PRINT_(name, kind, text) buf_printf(out, " " #name "=%llu", (unsigned long long)load(&media->name));
    MEDIA_COUNTS(PRINT_)
#undef PRINT_
    buf_add_char(out, '\n');
}

static void stats_place(const struct shard *place, struct buf *out) {
    buf_printf(out, "%s index=%u turns=%llu messages=%llu mailbox_bytes=%llu longest_turn_us=%llu",
               place->is_gate ? "gate" : "shard", place->index, (unsigned long long)load(&place->turns),
               (unsigned long long)load(&place->messages), (unsigned long long)gauge_bytes(&place->box.waiting),
               (unsigned long long)load(&place->cpu_ns_max) / 1000);
    const struct im *im = place->im;
#define PRINT_(name, kind, text) buf_printf(out, " " #name "=%llu", (unsigned long long)load(&im->shown.name));
    if (im) {
        IM_COUNTS(PRINT_)
    }
#undef PRINT_
    buf_add_char(out, '\n');
}

/* By the wall clock, so that it may be more than the CPU time: `stanza=12 stanza_us=300 stanza_max_us=40` are twelve messages of that type. */
static void stats_longest_turn(const struct shard *place, struct buf *out) {
    buf_printf(out, "longest_turn index=%u cpu_us=%llu slow_turns=%llu", place->index,
               (unsigned long long)load(&place->cpu_ns_max) / 1000, (unsigned long long)load(&place->slow_turns));
    for (unsigned i = 0; i < STEP_KINDS; i++) {
        const struct spent_shown *s = &place->longest[i];
        unsigned count = atomic_load_explicit(&s->count, memory_order_relaxed);
        if (count == 0) continue;
        const char *name = step_name(i);
        buf_printf(out, " %s=%u %s_us=%u %s_max_us=%u", name, count, name,
                   atomic_load_explicit(&s->ns, memory_order_relaxed) / 1000, name,
                   atomic_load_explicit(&s->longest_ns, memory_order_relaxed) / 1000);
    }
    buf_add_char(out, '\n');
}

static void stats_there(struct turn *turn, struct ask *ask) {
    im_show(im_of(turn));
    ask_return(turn, ask, 0);
}

static void stats_print(struct turn *turn, struct request *r) {
    const struct server *server = request_server(r);
    struct buf out = BUF_INIT;
    stats_server(turn, server, &out);
    stats_store(server, &out);
    if (server->search) stats_search(server->search, &out);
    if (server->media) stats_media(server->media, &out);
    for (unsigned i = 0; i < server->hub->shard_count + server->hub->gate_count; i++)
        stats_place(server->hub->places[i], &out);
    for (unsigned i = 0; i < server->hub->shard_count; i++) stats_longest_turn(server->hub->places[i], &out);
    request_write(r, buf_str(&out));
    buf_free(&out);
}

/* A gather: the last answer prints; a shard that does not answer is the more reason to. */
static void stats_back(struct turn *turn, struct ask *ask) {
    struct request *r = ask->request;
    uint32_t *waiting = request_memory(r);
    ask_free(&ask);
    if (--*waiting > 0) return;
    stats_print(turn, r);
    request_end(r, 0, STR_NONE);
}

void command_stats(struct turn *turn, struct request *r) {
    struct hub *hub = turn->shard->hub;
    *(uint32_t *)request_memory(r) = hub->shard_count;
    request_on_late(r, stats_print);
    for (unsigned i = 0; i < hub->shard_count; i++) {
        struct ask *ask = ask_new(r, STR_NONE, STR_NONE);
        ask->there = stats_there;
        ask->back = stats_back;
        ask_post(turn, ask, hub->places[i], PATIENCE_MS);
    }
}

/* --- trace --- */

static void trace_there(struct turn *turn, struct ask *ask) {
    struct account *a = account_need(turn, ask_bare(ask), &ask->call.msg);
    if (!a) return;
    if (a->id) a->traced = ask->number;
    ask_return(turn, ask, a->id ? 0 : ERR_NOT_FOUND);
}

static void trace_back(struct turn *turn, struct ask *ask) {
    (void)turn;
    request_end(ask->request, ask->err, ask->err ? STR("There is no such account.") : STR_NONE);
    ask_free(&ask);
}

void command_trace(struct turn *turn, struct request *r) {
    struct jid jid;
    bool on = str_eq(request_arg(r, 1), STR("on"));
    if (!on && !str_eq(request_arg(r, 1), STR("off"))) {
        request_end(r, ERR_INVALID, STR("on or off?"));
        return;
    }
    if (!command_address(turn, r, request_arg(r, 0), &jid)) return;
    struct ask *ask = ask_new(r, jid_str(jid), STR_NONE);
    ask->number = on;
    ask->there = trace_there;
    ask->back = trace_back;
    ask_post(turn, ask, home_of(turn->shard->hub, jid_str(jid)), PATIENCE_MS);
}
