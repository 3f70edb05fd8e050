/*
 * fuzz_backup_file.c: any bytes as a backup, and with an end made for them so that the entries are reached: no length is believed that is not held
 * against what is there.
 */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "store/backup_file.h"

/* True: to the last entry. */
static bool walk(struct backup_in *in) {
    char piece[64];
    size_t len;
    struct backup_entry e;
    uint64_t seen = 0;
    int err;
    while ((err = backup_next(in, &e)) == 0) {
        MUST(e.name_len > 0 && e.name_len <= BACKUP_NAME_MAX && e.name[e.name_len] == '\0');
        MUST(in->at + e.size <= in->end);
        if (++seen % 2) MUST(backup_piece(in, piece, sizeof piece, &len) == 0 && len <= e.size);
    }
    MUST(err == ERR_NOT_FOUND || err == ERR_INVALID);
    return err == ERR_NOT_FOUND;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int fd = memfd_create("backup", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    struct backup_in in;
    struct backup_facts facts = {.length = 0};
    if (backup_begin(fd, &in, &facts) == 0) walk(&in);
    /* The same bytes as entries, behind nothing, and with a trailer of their own. */
    struct backup_out out = {.fd = fd, .at = size, .entries = size ? data[0] : 0, .hasher = hasher_new(HASH_SHA256)};
    facts = (struct backup_facts){.database = size > 1 ? data[1] % size : 0};
    MUST(backup_add_trailer(&out, &facts) == 0);
    hasher_free(&out.hasher);
    MUST(backup_begin(fd, &in, &facts) == 0);
    MUST(facts.length == size + BACKUP_TRAILER && in.end == size);
    MUST(backup_sum_database(&in, facts.database, NULL) == 0);
    if (walk(&in)) {
        int err = backup_end(&in); /* its sum was of no bytes before the trailer */
        MUST(err == ERR_INVALID || size == 0);
    }
    hasher_free(&in.hasher);
    close(fd);
    return 0;
}
