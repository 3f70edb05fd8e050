/*
 * backup.c: making, verifying and restoring backups. Blocking, one thread, of a tool; the server whose data this is may go on.
 *
 * What must hold: a file has its name only when all of it is on disk and was read again; the view of the database is held while it is copied and no
 * longer, and given up when the server's log grows too long for it; nothing but a whole backup is ever put in the place of a database, and
 * from the first change to that place until the last, BACKUP_UNFINISHED is there.
 */
#include "store/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "store/blobs.h"
#include "store/migrate.h"
#include "store/schema.h"
#include "store/slots.h"

enum { STEP_PAGES = 1024 /* 4 MiB between two looks at everything else */ };
#define LOG_LEAST_MAX (UINT64_C(1) << 30) /* the server's log may always grow so far while we look at its database */
#define OWN_MAX (1 << 20)

/* What the server has made itself, and its clients may have come to trust. */
static const char *const own_files[] = {"self-signed.crt", "self-signed.key"};

/* One run of any of the three. */
struct run {
    struct backup_job *job;
    struct arena *arena;
    const char *dir, *temporary; /* NUL-terminated; temporary NULL: nothing to remove */
    struct backup_facts facts;
    char *piece; /* BACKUP_PIECE bytes */
};

static int fail(struct run *r, int err, const char *why) {
    if (buf_len(&r->job->why) == 0) buf_add_str(&r->job->why, str_c(why));
    return err;
}

static int fail_at(struct run *r, int err, const char *path) {
    const char *why = err == ERR_FULL ? "the disk is full" : errno ? strerror(errno) : err_text(err);
    if (buf_len(&r->job->why) == 0) buf_printf(&r->job->why, "%s: %s", path, why);
    return err;
}

static bool is_stopped(const struct run *r) {
    return r->job->stopped && r->job->stopped();
}

static const char *path_of(struct run *r, const char *name) {
    return arena_printf(r->arena, "%s/%s", r->dir, name).p;
}

static struct run run_new(struct backup_job *job) {
    struct run r = {.job = job, .arena = arena_new(), .piece = malloc(BACKUP_PIECE)};
    CHECK(r.piece);
    r.dir = job->data_dir.p ? arena_printf(r.arena, "%.*s", STR_FMT(job->data_dir)).p : NULL;
    return r;
}

static void run_free(struct run *r) {
    if (r->temporary) unlink(r->temporary);
    free(r->piece);
    arena_free(&r->arena);
}

static int folder_sync(struct run *r, const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 || fsync(fd) ? fail_at(r, ERR_IO, path) : 0;
    if (fd >= 0) close(fd);
    return err;
}

static const char *folder_of(struct run *r, const char *path) {
    const char *slash = strrchr(path, '/');
    return !slash ? "." : slash == path ? "/" : arena_printf(r->arena, "%.*s", (int)(slash - path), path).p;
}

/* --- verifying --- */

static int damaged(struct run *r, const char *what) {
    if (buf_len(&r->job->why) == 0) buf_printf(&r->job->why, "the backup is damaged: %s", what);
    return ERR_INVALID;
}

static int database_check(struct run *r, struct db *db) {
    static const char *const tables[] = {"migrations", "meta", "accounts", "messages", "slots", "blobs"};
    struct buf wrong = BUF_INIT;
    int err = db_check(db, &wrong);
    if (err) err = damaged(r, arena_printf(r->arena, "its database: %.*s", STR_FMT(buf_str(&wrong))).p);
    buf_free(&wrong);
    for (size_t i = 0; !err && i < sizeof tables / sizeof *tables; i++)
        if (!db_has_table(db, tables[i])) err = damaged(r, "its database is of something else");
    int64_t version;
    if (!err && migrate_version(db, &version)) err = damaged(r, "its database has no version");
    if (err) return err;
    r->facts.schema = (uint32_t)version;
    return version > schema_step_count ? fail(r, ERR_UNSUPPORTED, "the backup is of a newer version of this program")
                                       : 0;
}

/* The file that the database names next, and the entry that must be it. */
static int file_check(struct run *r, struct backup_in *in, struct str hash, struct str name, int64_t size) {
    struct backup_entry e;
    int err = backup_next(in, &e);
    bool is_it = !err && e.kind != BACKUP_OWN && str_eq(str_of(e.name, e.name_len), name);
    if (!is_it) return damaged(r, arena_printf(r->arena, "the file %.*s is not in it", STR_FMT(name)).p);
    if (e.kind != BACKUP_FILE) {
        r->facts.gone += e.kind == BACKUP_GONE;
        r->facts.lost += e.kind == BACKUP_LOST;
        return 0;
    }
    r->facts.files++;
    r->facts.file_bytes += e.size;
    struct hasher *hasher = hasher_new(HASH_SHA256);
    size_t len = 1;
    while (!err && len) {
        err = is_stopped(r) ? ERR_CLOSED : backup_piece(in, r->piece, BACKUP_PIECE, &len);
        if (!err) hasher_add(hasher, str_of(r->piece, len));
    }
    uint8_t sum[SLOT_HASH_LEN];
    hasher_end(hasher, sum);
    hasher_free(&hasher);
    if (err) return err;
    bool is_good = (int64_t)e.size == size && str_eq(hash, str_of(sum, sizeof sum));
    return is_good ? 0 : damaged(r, arena_printf(r->arena, "the file %.*s has changed", STR_FMT(name)).p);
}

static int media_check(struct run *r, struct backup_in *in, struct db *db) {
    struct db_statement *s = db_prepare(
        db, "SELECT count(*) FROM slots WHERE state = 1 AND NOT EXISTS (SELECT 1 FROM blobs WHERE hash = slots.blob)");
    int got = db_step(s);
    bool is_whole = got == 1 && db_int(s, 0) == 0;
    db_finish(s);
    if (!is_whole) return damaged(r, "uploads without their files");
    s = db_prepare(db, "SELECT hash, file, size FROM blobs ORDER BY hash");
    int err = 0;
    while (!err && (got = db_step(s)) == 1) err = file_check(r, in, db_blob(s, 0), db_text(s, 1), db_int(s, 2));
    db_finish(s);
    return err ? err : got < 0 ? damaged(r, "its database") : 0;
}

static int own_pass(struct backup_in *in) {
    for (size_t i = 0; i < sizeof own_files / sizeof *own_files; i++) {
        struct backup_entry e;
        int err = backup_next(in, &e);
        if (err) return err;
        if (e.kind != BACKUP_OWN || strcmp(e.name, own_files[i]) != 0 || e.size > OWN_MAX) return ERR_INVALID;
    }
    return 0;
}

/* Everything, once, in order; the database beside it by SQLite's own means. */
static int verify(struct run *r, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail_at(r, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path);
    struct backup_in in = {.fd = fd};
    struct backup_facts said;
    struct db *db = NULL;
    struct db_options options = {.path = path, .read_only = true, .unchanging = true};
    errno = 0;
    int err = backup_begin(fd, &in, &r->facts);
    if (err == ERR_UNSUPPORTED) err = fail(r, err, "the backup is of a newer version of this program");
    if (err == ERR_INVALID) err = fail(r, err, "this is no backup, or its end is missing");
    said = r->facts;
    if (!err) err = backup_sum_database(&in, said.database, r->job->stopped);
    if (!err) err = own_pass(&in);
    bool is_opened = !err && db_open(&options, &db) == 0;
    if (!err && !is_opened) err = damaged(r, "its database cannot be opened");
    /* The sum before all that is dear; what SQLite thinks of bytes that are not those of the backup is no matter. */
    if (!err && said.media) err = media_check(r, &in, db);
    if (!err) err = backup_end(&in);
    if (err == ERR_INVALID) err = damaged(r, "its sum is another");
    if (!err) err = database_check(r, db);
    if (!err && r->facts.schema != said.schema) err = damaged(r, "it says another version of its database");
    if (err == ERR_CLOSED) fail(r, err, "stopped");
    if (err) fail_at(r, err, path);
    db_close(&db);
    hasher_free(&in.hasher);
    close(fd);
    return err;
}

int backup_verify(struct backup_job *job, struct backup_facts *out) {
    struct run r = run_new(job);
    int err = verify(&r, job->path);
    if (!err) *out = r.facts;
    run_free(&r);
    return err;
}

/* --- writing --- */

/* The server goes on writing to that disk, and it goes first. */
static int room(void *arg, uint64_t more) {
    struct run *r = arg;
    struct statvfs data, to;
    if (statvfs(r->dir, &data) || statvfs(folder_of(r, r->temporary), &to)) return fail_at(r, ERR_IO, r->dir);
    if (data.f_fsid == to.f_fsid && (uint64_t)data.f_bavail * data.f_frsize < r->job->reserve + more)
        return fail(r, ERR_FULL, "the disk of the server's data is all but full ([limits] disk_reserve)");
    return is_stopped(r) ? fail(r, ERR_CLOSED, "stopped") : 0;
}

/* As long as we look at one state of the database its log cannot begin anew. */
static int log_watch(struct run *r, uint64_t database) {
    struct stat st;
    if (stat(path_of(r, BACKUP_DATABASE "-wal"), &st)) return 0;
    uint64_t max = database > LOG_LEAST_MAX ? database : LOG_LEAST_MAX;
    return (uint64_t)st.st_size <= max
               ? 0
               : fail(r, ERR_LIMIT, "the server writes faster than the copy does: try a faster disk, or a calmer hour");
}

static int copy_run(struct run *r, struct db_copy *copy, uint64_t database) {
    int more = 1;
    while (more == 1) {
        struct arena_mark mark = arena_mark(r->arena);
        int err = room(r, (uint64_t)STEP_PAGES * 4096);
        if (!err) err = log_watch(r, database);
        arena_release(r->arena, mark);
        if (err) return err;
        more = db_copy_step(copy, STEP_PAGES);
    }
    return more;
}

static int database_copy(struct run *r) {
    const char *path = path_of(r, BACKUP_DATABASE);
    struct stat st;
    if (stat(path, &st)) return fail_at(r, ERR_NOT_FOUND, path);
    if (st.st_uid != geteuid())
        return fail(r, ERR_DENIED, "only the user that the server runs as can make a backup of it");
    struct db *db = NULL;
    struct db_copy *copy = NULL;
    struct db_options options = {.path = path, .read_only = true};
    int64_t version = 0;
    int err = db_open(&options, &db);
    if (!err) err = db_begin(db);
    bool has_begun = !err;
    if (!err) err = migrate_version(db, &version); /* and from here on we see one state */
    if (!err) err = db_copy_begin(db, r->temporary, &copy);
    if (err) fail_at(r, err, path);
    if (!err) err = copy_run(r, copy, (uint64_t)st.st_size);
    int end = db_copy_end(&copy);
    if (end && (!err || err == ERR_STORE)) err = fail_at(r, end, r->job->path);
    if (has_begun) db_commit(db);
    db_close(&db);
    r->facts.schema = (uint32_t)version;
    return err;
}

/* What there is of it already, for the sum. */
static int database_sum(struct run *r, struct backup_out *out) {
    struct stat st;
    if (fstat(out->fd, &st)) return fail_at(r, ERR_IO, r->temporary);
    r->facts.database = (uint64_t)st.st_size;
    struct backup_in in = {.fd = out->fd};
    int err = backup_sum_database(&in, r->facts.database, r->job->stopped);
    out->hasher = in.hasher;
    out->at = in.at;
    return err ? fail(r, err, err == ERR_CLOSED ? "stopped" : "what was written cannot be read") : 0;
}

static int own_add(struct run *r, struct backup_out *out) {
    int err = 0;
    for (size_t i = 0; !err && i < sizeof own_files / sizeof *own_files; i++) {
        int fd = open(path_of(r, own_files[i]), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t len = fd < 0 ? 0 : read(fd, r->piece, BACKUP_PIECE);
        if (fd >= 0) close(fd);
        if (len < 0 || len > OWN_MAX) return fail_at(r, ERR_IO, own_files[i]);
        err = backup_add_entry(out, BACKUP_OWN, str_c(own_files[i]), (uint64_t)len);
        if (!err) err = backup_add(out, str_of(r->piece, (size_t)len));
    }
    return err;
}

/* Whether the server still thinks that it has it, now. */
static bool is_named(struct db *now, struct str hash) {
    struct db_statement *s = db_prepare(now, "SELECT 1 FROM blobs WHERE hash = ?1");
    db_bind_blob(s, 1, hash);
    int got = db_step(s);
    db_finish(s);
    return got == 1;
}

static int file_add(struct run *r, struct backup_out *out, struct blobs *blobs, struct db *now,
                    struct db_statement *s) {
    struct str hash = db_blob(s, 0), name = db_text(s, 1);
    uint64_t size = (uint64_t)db_int(s, 2);
    int handle = -1, err = blob_read_open(blobs, name, &handle);
    if (err == ERR_NOT_FOUND) return backup_add_entry(out, is_named(now, hash) ? BACKUP_LOST : BACKUP_GONE, name, 0);
    if (!err) err = backup_add_entry(out, BACKUP_FILE, name, size);
    for (uint64_t at = 0; !err && at < size;) {
        size_t len = size - at < BACKUP_PIECE ? (size_t)(size - at) : BACKUP_PIECE;
        err = blob_read(handle, at, r->piece, len);
        if (!err) err = backup_add(out, str_of(r->piece, len));
        at += len;
    }
    blob_read_close(&handle);
    return err ? fail_at(r, err, arena_printf(r->arena, "the file %.*s", STR_FMT(name)).p) : 0;
}

/* The files that the copy names, in the order in which it names them: so they are verified without remembering any. */
static int media_add(struct run *r, struct backup_out *out) {
    struct blobs *blobs = NULL;
    struct db *copy = NULL, *now = NULL;
    int err = blobs_open(str_c(path_of(r, "files")), 0, &blobs);
    if (!err) err = db_open(&(struct db_options){.path = r->temporary, .read_only = true, .unchanging = true}, &copy);
    if (!err) err = db_open(&(struct db_options){.path = path_of(r, BACKUP_DATABASE), .read_only = true}, &now);
    struct db_statement *s = err ? NULL : db_prepare(copy, "SELECT hash, file, size FROM blobs ORDER BY hash");
    int got = 0;
    while (!err && (got = db_step(s)) == 1) {
        struct arena_mark mark = arena_mark(r->arena);
        err = file_add(r, out, blobs, now, s);
        arena_release(r->arena, mark);
    }
    if (!err && got < 0) err = got;
    db_finish(s);
    db_close(&copy);
    db_close(&now);
    blobs_close(&blobs);
    return err;
}

/* In the folder of the backup, of a name that nobody can know before: what was planted there is not followed. */
static int temporary_make(struct run *r, int *out_fd) {
    const char *path = r->job->path, *slash = strrchr(path, '/');
    char id[23];
    struct stat st;
    if (lstat(path, &st) == 0) {
        errno = EEXIST;
        return fail_at(r, ERR_EXISTS, path);
    }
    random_id(id);
    const char *name = arena_printf(r->arena, "%s/.%s.%s.partial", folder_of(r, path), slash ? slash + 1 : path, id).p;
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return fail_at(r, errno == ENOSPC ? ERR_FULL : ERR_IO, path);
    r->temporary = name;
    *out_fd = fd;
    return 0;
}

/* The last step: all or nothing, and never over something else. */
static int name_give(struct run *r) {
    const char *path = r->job->path;
    int failed = renameat2(AT_FDCWD, r->temporary, AT_FDCWD, path, RENAME_NOREPLACE);
    if (failed && (errno == EINVAL || errno == ENOSYS)) failed = link(r->temporary, path) || unlink(r->temporary);
    if (failed) return fail_at(r, errno == EEXIST ? ERR_EXISTS : ERR_IO, path);
    r->temporary = NULL;
    return folder_sync(r, folder_of(r, path));
}

int backup_write(struct backup_job *job, struct backup_facts *out_facts) {
    struct run r = run_new(job);
    struct backup_out out = {.fd = -1, .room = room, .arg = &r};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    r.facts =
        (struct backup_facts){.created_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, .media = job->media};
    errno = 0;
    int err = temporary_make(&r, &out.fd);
    if (!err) err = database_copy(&r);
    if (!err) err = database_sum(&r, &out);
    if (!err) err = own_add(&r, &out);
    if (!err && job->media) err = media_add(&r, &out);
    if (!err) err = backup_add_trailer(&out, &r.facts);
    if (!err && fsync(out.fd)) err = ERR_IO;
    if (err) fail_at(&r, err, job->path);
    if (!err) posix_fadvise(out.fd, 0, 0, POSIX_FADV_DONTNEED); /* what is read again comes from the disk */
    if (!err) err = verify(&r, r.temporary);
    if (!err) err = name_give(&r);
    hasher_free(&out.hasher);
    if (out.fd >= 0) close(out.fd);
    if (!err) *out_facts = r.facts;
    run_free(&r);
    return err;
}

/* --- restoring --- */

/* A new file of that name in data_dir, synced. */
static int file_make(struct run *r, const char *name, struct backup_in *in, uint64_t size) {
    const char *path = path_of(r, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return fail_at(r, errno == ENOSPC ? ERR_FULL : errno == EEXIST ? ERR_EXISTS : ERR_IO, path);
    struct backup_out out = {.fd = fd, .hasher = hasher_new(HASH_SHA256)};
    in->left = size;
    size_t len = 1;
    int err = 0;
    while (!err && len) {
        err = is_stopped(r) ? ERR_CLOSED : backup_piece(in, r->piece, BACKUP_PIECE, &len);
        if (!err) err = backup_add(&out, str_of(r->piece, len));
    }
    if (!err && fsync(fd)) err = ERR_IO;
    if (err) fail_at(r, err, path);
    hasher_free(&out.hasher);
    close(fd);
    return err;
}

/* Its slots go as if they had been deleted: they were, or their file was lost before. */
static int file_forget(struct db *db, struct str name) {
    for (;;) {
        struct db_statement *s = db_prepare(db, "SELECT id FROM slots WHERE state = 1 AND blob = (SELECT hash FROM "
                                                "blobs WHERE file = ?1) LIMIT 1");
        db_bind_text(s, 1, name);
        int got = db_step(s);
        int64_t id = got == 1 ? db_int(s, 0) : 0;
        db_finish(s);
        int err = got == 1 ? slots_remove(db, id) : got;
        if (err || got != 1) return err;
    }
}

static int file_restore(struct run *r, struct blobs *blobs, struct backup_in *in, const struct backup_entry *e) {
    struct blob_writer *w = NULL;
    int err = blob_claim(blobs, str_of(e->name, e->name_len), &w);
    if (!err && blob_offset(w) == e->size &&
        blob_restart(w) == ERR_EXISTS) { /* it is there: names are never used twice */
        blob_release(&w);
        return 0;
    }
    if (!err) err = blob_restart(w);
    size_t len = 1;
    while (!err && len) {
        err = is_stopped(r) ? ERR_CLOSED : backup_piece(in, r->piece, BACKUP_PIECE, &len);
        if (!err) err = blob_append(w, str_of(r->piece, len));
    }
    uint8_t sum[SLOT_HASH_LEN];
    if (!err) err = blob_seal(w, sum);
    if (w) blob_release(&w);
    return err ? fail_at(r, err, "the folder of files") : 0;
}

static bool name_is_of_file(const struct backup_entry *e) {
    struct str name = str_of(e->name, e->name_len);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
    }
    return name.len == SLOT_ID_LEN;
}

static int media_restore(struct run *r, struct backup_in *in, struct db *db) {
    struct blobs *blobs = NULL;
    struct backup_entry e;
    int end, err = blobs_open(str_c(path_of(r, "files")), 0, &blobs);
    while (!err && (end = backup_next(in, &e)) != ERR_NOT_FOUND) {
        if (end || !name_is_of_file(&e))
            err = damaged(r, "an entry");
        else
            err = e.kind == BACKUP_FILE ? file_restore(r, blobs, in, &e) : file_forget(db, str_of(e.name, e.name_len));
    }
    blobs_close(&blobs);
    return err;
}

static int own_restore(struct run *r, struct backup_in *in) {
    struct backup_entry e;
    for (size_t i = 0; i < sizeof own_files / sizeof *own_files; i++) {
        if (backup_next(in, &e)) return damaged(r, "an entry");
        if (e.size == 0 || access(path_of(r, own_files[i]), F_OK) == 0) continue; /* what is there is in use */
        int err = file_make(r, own_files[i], in, e.size);
        if (err) return err;
    }
    return 0;
}

/* What clients remember by number may not mean something else now: no version of a roster is the one that somebody has seen. */
static int database_adjust(struct run *r, struct backup_in *in) {
    struct db *db = NULL;
    int err = db_open(&(struct db_options){.path = path_of(r, BACKUP_UNFINISHED)}, &db);
    if (!err) err = db_begin(db);
    if (err) {
        db_close(&db);
        return fail_at(r, err, BACKUP_UNFINISHED);
    }
    struct db_statement *s = db_prepare(db, "UPDATE accounts SET roster_version = roster_version + ?1");
    db_bind_int(s, 1, (int64_t)(1000000 + random_u64() % 1000000));
    err = db_run(s);
    if (!err && r->facts.media) err = media_restore(r, in, db);
    if (err)
        db_rollback(db);
    else
        err = db_commit(db);
    db_close(&db);
    return err ? fail_at(r, err, BACKUP_UNFINISHED) : 0;
}

/* The old database with its log, which belong together, to the side. */
static int old_put_aside(struct run *r) {
    const char *log = path_of(r, BACKUP_DATABASE "-wal"), *database = path_of(r, BACKUP_DATABASE);
    unlink(path_of(r, BACKUP_DATABASE "-shm"));
    bool is_there = access(database, F_OK) == 0;
    if (is_there) unlink(path_of(r, BACKUP_DATABASE ".old-wal")); /* of one before */
    if (rename(log, path_of(r, BACKUP_DATABASE ".old-wal")) && errno != ENOENT) return fail_at(r, ERR_IO, log);
    if (is_there && rename(database, path_of(r, BACKUP_DATABASE ".old"))) return fail_at(r, ERR_IO, database);
    return folder_sync(r, r->dir);
}

static int place_check(struct run *r) {
    if (mkdir(r->dir, 0700) && errno != EEXIST) return fail_at(r, ERR_IO, r->dir);
    if (access(path_of(r, BACKUP_DATABASE), F_OK) == 0 && !r->job->force)
        return fail(r, ERR_EXISTS, "there is a database already; --force puts it aside as " BACKUP_DATABASE ".old");
    if (r->job->in_use && r->job->in_use(r->job->arg)) return fail(r, ERR_AGAIN, "the server is running there");
    return 0;
}

static int restore(struct run *r, struct backup_in *in) {
    static const char *const leftovers[] = {BACKUP_UNFINISHED, BACKUP_UNFINISHED "-wal", BACKUP_UNFINISHED "-shm"};
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) unlink(path_of(r, leftovers[i]));
    uint64_t entries = in->at;
    in->at = 0;
    int err = file_make(r, BACKUP_UNFINISHED, in, r->facts.database);
    if (err) return err;
    in->at = entries;
    /* Who starts now sees it; who has started before is seen. */
    if (r->job->in_use && r->job->in_use(r->job->arg)) err = fail(r, ERR_AGAIN, "the server is running there");
    if (!err) err = own_restore(r, in);
    if (!err) err = database_adjust(r, in);
    if (err) {
        for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) unlink(path_of(r, leftovers[i]));
        return err;
    }
    err = old_put_aside(r);
    if (err) return err; /* the mark stays: what stands there now is no server's */
    if (rename(path_of(r, BACKUP_UNFINISHED), path_of(r, BACKUP_DATABASE))) return fail_at(r, ERR_IO, r->dir);
    return folder_sync(r, r->dir);
}

int backup_restore(struct backup_job *job, struct backup_facts *out) {
    struct run r = run_new(job);
    struct backup_in in;
    int fd = -1;
    errno = 0;
    int err = place_check(&r);
    if (!err) err = verify(&r, job->path);
    if (!err && (fd = open(job->path, O_RDONLY | O_CLOEXEC)) < 0) err = fail_at(&r, ERR_IO, job->path);
    struct backup_facts again;
    if (!err) err = backup_begin(fd, &in, &again);
    if (!err && again.length != r.facts.length) err = damaged(&r, "it was changed while it was read");
    if (!err) err = restore(&r, &in);
    if (err) fail_at(&r, err, job->path);
    if (fd >= 0) close(fd);
    if (!err) *out = r.facts;
    run_free(&r);
    return err;
}
