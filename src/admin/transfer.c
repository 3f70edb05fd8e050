/*
 * transfer.c: the commands that export and import accounts (store/pie.h). Both go piece by piece: an export as the admin's socket takes it, an
 * import as a row of turns of a thread for files, which reads some hundred elements, and the writer, which stores them in one transaction. On the
 * console's place. A crash in the middle of an import leaves accounts that nobody can sign in to; the same import goes on with them.
 */
#include "admin/commands.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "im/account.h"
#include "im/archive.h"
#include "im/media.h"
#include "store/pie.h"

/* --- export --- */

struct export_job {
    struct store_job job;
    struct request *request;
    struct pie_export *export;
    struct buf out;
    bool more;
};

static struct blobs *blobs_of(const struct request *r) {
    const struct media *media = request_server(r)->media;
    return media ? media->blobs : NULL;
}

static struct export_job **export_of(struct request *r) {
    return request_memory(r);
}

/* Reader thread. */
static int export_run(struct db *db, struct store_job *job) {
    struct export_job *x = (struct export_job *)job;
    buf_clear(&x->out);
    return pie_export_next(db, x->export, &x->out, &x->more);
}

static void export_end(struct request *r, int err) {
    struct export_job *x = *export_of(r);
    if (!err)
        LOG(LOG_INFO, "exported", F_INT("accounts", (int64_t)pie_export_users(x->export)),
            F_STR("whose", request_arg(r, 0).p ? request_arg(r, 0) : STR("all")));
    pie_export_free(&x->export);
    buf_free(&x->out);
    free(x);
    request_end(r, err, err == ERR_NOT_FOUND ? STR("There is no such account.") : STR_NONE);
}

static void export_more(struct turn *turn, struct request *r) {
    if (im_of(turn)->stopping) {
        export_end(r, ERR_CLOSED);
    } else if (request_is_wanted(r)) {
        store_submit(request_server(r)->store, turn, &(*export_of(r))->job);
    } else {
        export_end(r, ERR_CLOSED);
    }
}

static void export_done(struct turn *turn, struct store_job *job) {
    struct export_job *x = (struct export_job *)job;
    struct request *r = x->request;
    if (!job->result) request_write(r, buf_str(&x->out));
    if (job->result || !x->more) {
        export_end(r, job->result);
    } else {
        request_when_drained(turn, r, export_more);
    }
}

void command_export(struct turn *turn, struct request *r) {
    struct pie_export_options options = {
        .domain = request_server(r)->options.domain, .credentials = true, .blobs = blobs_of(r)};
    struct jid jid;
    if (request_arg(r, 0).p) {
        if (!command_address(turn, r, request_arg(r, 0), &jid)) return;
        options.only = jid_str(jid);
    }
    struct export_job *x = calloc(1, sizeof *x);
    CHECK(x != NULL);
    x->request = r;
    x->export = pie_export_new(&options);
    x->job.kind = STORE_READ;
    x->job.run = export_run;
    x->job.done = export_done;
    x->job.msg.bytes = sizeof *x;
    *export_of(r) = x;
    export_more(turn, r);
}

/* --- import --- */

enum { EVENTS = 400, EVENT_BYTES = 1 << 20 };

struct import_job {
    struct store_job job;
    struct request *request;
    struct pie_reader *reader;
    struct pie_rules rules;
    struct pie_files files;
    struct arena *arena; /* of a batch */
    struct pie_event events[EVENTS];
    uint32_t count, done_count;
    struct str done[EVENTS];       /* accounts that are complete with this batch */
    struct pie_state state, after; /* as committed; as it is when this batch is */
    int64_t now_us;
    unsigned iterations;
    bool is_over;
};

static void import_read(struct turn *turn, struct import_job *m);

/* A file may say the password itself: what is stored is made of it here, where it may take its time. */
static void keys_derive(struct import_job *m, struct pie_event *event) {
    struct str password = event->kind == PIE_OPEN && xml_is(event->el, NS_PIE, STR("user"))
                              ? xml_attr(event->el, STR("password"))
                              : STR_NONE;
    if (!str_some(password)) return;
    struct scram_keys *keys = arena_zalloc(m->arena, 2 * sizeof *keys);
    uint8_t salts[2][SASL_SALT_LEN];
    random_bytes(salts, sizeof salts);
    if (scram_derive(HASH_SHA1, password, salts[0], m->iterations, &keys[0]) == 0 &&
        scram_derive(HASH_SHA256, password, salts[1], m->iterations, &keys[1]) == 0)
        event->keys = keys;
}

/* A thread for files. */
static int read_run(struct db *db, struct store_job *job) {
    (void)db;
    struct import_job *m = (struct import_job *)job;
    uint64_t from = pie_reader_bytes(m->reader);
    arena_reset(m->arena);
    m->count = 0;
    while (m->count < EVENTS && pie_reader_bytes(m->reader) - from < EVENT_BYTES) {
        int got = pie_read(m->reader, m->arena, &m->events[m->count]);
        if (got < 0) return got;
        m->is_over = got == 0;
        if (m->is_over) break;
        enum pie_fate fate;
        int err = pie_files_take(&m->files, &m->state, m->arena, &m->events[m->count], &fate);
        if (err) return err;
        if (fate == PIE_TAKEN) continue;
        keys_derive(m, &m->events[m->count++]);
        if (fate == PIE_PASS_LAST) break;
    }
    return 0;
}

/* Writer thread. */
static int write_run(struct db *db, struct store_job *job) {
    struct import_job *m = (struct import_job *)job;
    m->after = m->state;
    m->after.now_us = m->now_us;
    m->done_count = 0;
    int err = 0;
    for (uint32_t i = 0; !err && i < m->count; i++) {
        bool done;
        err = pie_apply(db, &m->rules, m->arena, &m->events[i], &m->after, &done);
        if (done) m->done[m->done_count++] = arena_dup(m->arena, str_of(m->after.bare, m->after.bare_len));
    }
    return err;
}

static void import_end(struct import_job *m, int err) {
    struct request *r = m->request;
    const struct pie_counts *c = &m->state.counts;
    struct buf text = BUF_INIT;
    buf_printf(&text,
               "accounts=%llu passed-over=%llu without-password=%llu messages=%llu files=%llu repeated=%llu "
               "unknown=%llu refused=%llu\n",
               (unsigned long long)c->users, (unsigned long long)c->existing, (unsigned long long)c->keyless,
               (unsigned long long)c->messages, (unsigned long long)c->files, (unsigned long long)c->repeated,
               (unsigned long long)c->unknown, (unsigned long long)c->refused);
    request_write(r, buf_str(&text));
    LOG(err ? LOG_ERROR : LOG_INFO, "imported", F_STR("what", str_first(buf_str(&text), buf_len(&text) - 1)),
        F_ERR("result", err));
    buf_clear(&text);
    if (m->reader && pie_reader_why(m->reader).len) buf_add_str(&text, pie_reader_why(m->reader));
    atomic_store(&request_server(r)->importing, false);
    pie_reader_free(&m->reader);
    pie_files_release(&m->files);
    arena_free(&m->arena);
    bytes_wipe(m, sizeof *m);
    free(m);
    request_end(r, err, buf_len(&text) ? buf_str(&text) : STR_NONE);
    buf_free(&text);
}

/* Whatever its home thinks of the account (that there is none, or that it is empty) is not so any more. */
struct forget {
    struct msg_call call;
    uint16_t len;
    char bare[];
};

static void forget_there(struct turn *turn, struct msg_call *call) {
    struct forget *f = (struct forget *)call;
    struct account *a = account_find(im_of(turn), str_of(f->bare, f->len));
    if (a && a->session_count == 0) account_forget(turn, a);
    free(f);
}

static void import_forget(struct turn *turn, struct str bare) {
    struct forget *f = msg_new(MSG_CALL, sizeof *f + bare.len, 0);
    f->call.run = forget_there;
    f->len = (uint16_t)bare.len;
    memcpy(f->bare, bare.p, bare.len);
    shard_post(home_of(turn->shard->hub, bare), &f->call.msg);
}

static void write_done(struct turn *turn, struct store_job *job) {
    struct import_job *m = (struct import_job *)job;
    if (job->result) {
        import_end(m, job->result);
        return;
    }
    m->state = m->after;
    for (uint32_t i = 0; i < m->done_count; i++) import_forget(turn, m->done[i]);
    if (m->is_over) {
        import_end(m, 0);
    } else {
        import_read(turn, m);
    }
}

static void import_step(struct turn *turn, struct import_job *m, enum store_kind kind,
                        int (*run)(struct db *, struct store_job *), void (*done)(struct turn *, struct store_job *)) {
    if (im_of(turn)->stopping) {
        import_end(m, ERR_CLOSED);
        return;
    }
    m->now_us = turn->wall_us;
    m->job.kind = kind;
    m->job.run = run;
    m->job.done = done;
    m->job.msg.bytes = sizeof *m;
    store_submit(request_server(m->request)->store, turn, &m->job);
}

static void read_done(struct turn *turn, struct store_job *job) {
    struct import_job *m = (struct import_job *)job;
    if (job->result) {
        import_end(m, job->result);
    } else if (m->count == 0 && !m->is_over) {
        import_read(turn, m); /* pieces of a file, and nothing else */
    } else {
        import_step(turn, m, STORE_WRITE, write_run, write_done);
    }
}

static void import_read(struct turn *turn, struct import_job *m) {
    import_step(turn, m, STORE_FILE, read_run, read_done);
}

void command_import(struct turn *turn, struct request *r) {
    struct server *server = request_server(r);
    if (atomic_exchange(&server->importing, true)) { /* two of one account would get into each other's way */
        request_end(r, ERR_AGAIN, STR("Another import is under way."));
        return;
    }
    struct buf why = BUF_INIT;
    struct pie_reader *reader;
    struct str path = arena_printf(turn->arena, "%.*s", STR_FMT(request_arg(r, 0)));
    int err = pie_reader_open(path.p, &reader, &why);
    if (err) {
        atomic_store(&server->importing, false);
        request_end(r, err, buf_str(&why));
        buf_free(&why);
        return;
    }
    struct import_job *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->request = r;
    m->reader = reader;
    m->arena = arena_new();
    m->files.blobs = blobs_of(r);
    m->iterations = (unsigned)server->options.iterations;
    m->rules = (struct pie_rules){server->options.domain, server->id_key, archive_flags};
    import_read(turn, m);
}
