/*
 * metrics.c: the server's state as Prometheus reads it. Any thread: everything read here is atomic, or is not changed while the server runs; what
 * the shards count is a second old at most.
 */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "front/web.h"
#include "im/media.h"
#include "store/search.h"

static uint64_t load(const atomic_uint_fast64_t *count) {
    return atomic_load_explicit(count, memory_order_relaxed);
}

static void metric_head(struct buf *out, const char *name, const char *kind, const char *text) {
    buf_printf(out, "# HELP confab_%s %s\n# TYPE confab_%s %s\n", name, text, name, kind);
}

static void metric(struct buf *out, const char *name, const char *kind, const char *text, uint64_t value) {
    metric_head(out, name, kind, text);
    buf_printf(out, "confab_%s %llu\n", name, (unsigned long long)value);
}

/* Thousandths as seconds. */
static void metric_ms(struct buf *out, const char *name, const char *kind, const char *text, int64_t ms) {
    metric_head(out, name, kind, text);
    buf_printf(out, "confab_%s %lld.%03lld\n", name, (long long)ms / 1000, (long long)ms % 1000);
}

uint64_t metrics_rss_bytes(void) {
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*u %llu", &pages) != 1) pages = 0;
    if (f) fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t metrics_heap_bytes(void) {
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* --- by place --- */

static void place_label(struct buf *out, const char *name, const struct shard *place) {
    buf_printf(out, "confab_%s{place=\"%s-%u\"} ", name, place->is_gate ? "gate" : "shard", place->index);
}

static uint64_t place_turns(const struct shard *p) {
    return load(&p->turns);
}
static uint64_t place_messages(const struct shard *p) {
    return load(&p->messages);
}
static uint64_t place_mailbox(const struct shard *p) {
    return gauge_bytes(&p->box.waiting);
}
static uint64_t place_slow(const struct shard *p) {
    return load(&p->slow_turns);
}
static uint64_t place_longest(const struct shard *p) {
    return load(&p->cpu_ns_max) / 1000;
}

static const struct {
    const char *name, *kind, *text;
    uint64_t (*get)(const struct shard *place);
} place_metrics[] = {
    {"turns_total", "counter", "Turns of a thread", place_turns},
    {"messages_total", "counter", "Messages between threads that it handled", place_messages},
    {"mailbox_bytes", "gauge", "Bytes that wait in its mailbox", place_mailbox},
    {"slow_turns_total", "counter", "Turns that took more than 5 ms of CPU", place_slow},
    {"longest_turn_microseconds", "gauge", "CPU time of its longest turn since the start", place_longest},
};

static void write_places(const struct hub *hub, struct buf *out) {
    for (size_t m = 0; m < sizeof place_metrics / sizeof *place_metrics; m++) {
        metric_head(out, place_metrics[m].name, place_metrics[m].kind, place_metrics[m].text);
        for (unsigned i = 0; i < hub->shard_count + hub->gate_count; i++) {
            place_label(out, place_metrics[m].name, hub->places[i]);
            buf_printf(out, "%llu\n", (unsigned long long)place_metrics[m].get(hub->places[i]));
        }
    }
}

/* What shards count, in the order of IM_COUNTS. */
static const struct {
    const char *name, *kind, *text;
    size_t offset; /* in struct im_shown */
} count_metrics[] = {
#define COUNT_(name, kind, text) {#name, kind, text, offsetof(struct im_shown, name)},
    IM_COUNTS(COUNT_)
#undef COUNT_
};

static void write_counts(const struct hub *hub, struct buf *out) {
    for (size_t m = 0; m < sizeof count_metrics / sizeof *count_metrics; m++) {
        char name[64];
        bool is_counter = count_metrics[m].kind[0] == 'c';
        snprintf(name, sizeof name, "%s%s", count_metrics[m].name, is_counter ? "_total" : "");
        metric_head(out, name, count_metrics[m].kind, count_metrics[m].text);
        for (unsigned i = 0; i < hub->shard_count; i++) {
            const struct im *im = hub->places[i]->im;
            const void *at = (const char *)&im->shown + count_metrics[m].offset;
            place_label(out, name, hub->places[i]);
            buf_printf(out, "%llu\n", (unsigned long long)load(at));
        }
    }
}

static void write_media(const struct media *media, struct buf *out) {
#define WRITE_(name, kind, text) metric(out, #name, kind, text, load(&media->name));
    MEDIA_COUNTS(WRITE_)
#undef WRITE_
}

static void write_search(const struct search *search, struct buf *out) {
    struct search_stats s;
    search_stats(search, &s);
    metric(out, "search_waiting_messages", "gauge", "Messages that are not indexed for searching yet", s.waiting);
    metric(out, "search_rebuilds_total", "counter", "Times that the index for searching was begun anew", s.rebuilds);
    metric(out, "search_failures_total", "counter", "Times that it could not be written or read", s.failures);
}

void metrics_write(struct server *server, struct buf *out) {
    uint64_t jobs, bytes;
    struct store_stats s;
    store_load(server->store, &jobs, &bytes);
    store_stats(server->store, &s);
    metric_head(out, "info", "gauge", "The program");
    buf_printf(out, "confab_info{version=\"%s\"} 1\n", CONFAB_VERSION);
    metric(out, "start_time_seconds", "gauge", "When it was started", (uint64_t)server->started_us / 1000000);
    metric(out, "resident_memory_bytes", "gauge", "Resident memory", metrics_rss_bytes());
    metric(out, "connections", "gauge", "Connections", load(&server->connections));
    metric(out, "connections_unauthenticated", "gauge", "Connections that have not signed in",
           load(&server->unauthenticated));
    metric(out, "store_waiting_jobs", "gauge", "Jobs that wait for the database", jobs);
    metric(out, "store_waiting_bytes", "gauge", "The same in bytes", bytes);
    metric(out, "store_commits_total", "counter", "Transactions", s.commits);
    metric(out, "store_writes_total", "counter", "Jobs that wrote", s.writes);
    metric(out, "store_reads_total", "counter", "Jobs that read", s.reads);
    metric(out, "store_failures_total", "counter", "Jobs that the database failed", s.failures);
    metric_ms(out, "store_longest_commit_seconds", "gauge", "Longest commit since the start", s.commit_ms_max);
    if (server->search) write_search(server->search, out);
    if (server->media) write_media(server->media, out);
    write_counts(server->hub, out);
    write_places(server->hub, out);
}
