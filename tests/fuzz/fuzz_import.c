/*
 * fuzz_import.c: a document of accounts (store/pie.h), put in place against a real database. A first byte that says after how many events the import is cut off,
 * then the document. Files of accounts are in it. What holds for any bytes: the reader ends; one that is cut off and begun again makes what one that was not makes; and what was
 * exported, imported elsewhere and exported again is the same document.
 */
#include "fuzz.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "database.h"
#include "im/archive.h"
#include "store/pie.h"

#define NOW_US 1900000000000000
enum { EVENTS = 3000, PIECES = 4000 };

static const uint8_t key[PIE_KEY_LEN];
static const struct pie_rules rules = {STR_INIT("x"), key, archive_flags};

static struct blobs *blobs;
static const char *home;

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *where) {
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

static void tidy(void) {
    nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* As many events as that, or all; what a broken document says up to there counts, as it does with the server. */
static void import(struct db *db, struct str document, uint32_t most, int64_t now_us, struct pie_state *out) {
    int fd = memfd_create("document", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, document.p, document.len) == (ssize_t)document.len && lseek(fd, 0, SEEK_SET) == 0);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct pie_reader *reader;
    struct buf why = BUF_INIT;
    struct arena *arena = arena_new();
    *out = (struct pie_state){.now_us = now_us};
    MUST(pie_reader_open(path, &reader, &why) == 0);
    struct pie_files files = {.blobs = blobs};
    int got = 0;
    for (uint32_t i = 0; i < most && i < EVENTS; i++) {
        struct pie_event event;
        bool done;
        arena_reset(arena);
        if ((got = pie_read(reader, arena, &event)) != 1) break;
        MUST(event.el->name.len);
        enum pie_fate fate;
        int err = pie_files_take(&files, out, arena, &event, &fate);
        MUST(!err || err == ERR_FULL);
        if (err) break;
        if (fate == PIE_TAKEN) continue;
        MUST(pie_apply(db, &rules, arena, &event, out, &done) == 0);
        MUST(!done || out->bare_len);
    }
    MUST(got >= 0 || str_some(pie_reader_why(reader)));
    pie_files_release(&files);
    pie_reader_free(&reader);
    arena_free(&arena);
    buf_free(&why);
    close(fd);
}

static struct buf export(struct db *db) {
    struct buf out = BUF_INIT;
    struct pie_export *export =
        pie_export_new(&(struct pie_export_options){.domain = rules.domain, .credentials = true, .blobs = blobs});
    bool more = true;
    for (uint32_t i = 0; more; i++) MUST(i < PIECES && pie_export_next(db, export, &out, &more) == 0);
    pie_export_free(&export);
    return out;
}

static void must_be_same(const struct buf *a, const struct buf *b, const char *when) {
    if (str_eq(buf_str(a), buf_str(b))) return;
    fprintf(stderr, "%s:\n%.*s\nand\n%.*s\n", when, (int)buf_len(a), buf_str(a).p, (int)buf_len(b), buf_str(b).p);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct db *db;
    if (!db) {
        db = database_new();
        static char memory[] = "/dev/shm/confab-fuzz-XXXXXX", disk[] = "/tmp/confab-fuzz-XXXXXX";
        home = mkdtemp(memory);
        if (!home) home = mkdtemp(disk);
        MUST(home && blobs_open(str_c(home), 0, &blobs) == 0);
        atexit(tidy);
    }
    if (size < 2) return 0;
    struct str document = str_of((const char *)data + 1, size - 1);
    struct pie_state state, again;
    MUST(db_begin(db) == 0);
    import(db, document, UINT32_MAX, NOW_US, &state);
    struct buf once = export(db);
    db_rollback(db);
    MUST(db_begin(db) == 0);
    import(db, document, data[0], NOW_US, &again);
    import(db, document, UINT32_MAX, NOW_US, &again);
    struct buf resumed = export(db);
    db_rollback(db);
    must_be_same(&once, &resumed, "cut off and gone on");
    MUST(db_begin(db) == 0);
    import(db, buf_str(&once), UINT32_MAX, NOW_US + 1000000000, &again); /* later: nothing in it is of the future */
    struct buf moved = export(db);
    db_rollback(db);
    MUST(again.counts.unknown == 0 && again.counts.refused == 0);
    must_be_same(&once, &moved, "exported, imported, exported");
    buf_free(&once);
    buf_free(&resumed);
    buf_free(&moved);
    return 0;
}
