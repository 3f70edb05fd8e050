/*
 * backup_file.c: entries and trailer as bytes. Whoever reads believes nothing: every length is held against what is there before it is used.
 */
#include "store/backup_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"

#define MAGIC_OF_ALL "confab backup "
#define MAGIC MAGIC_OF_ALL "1\n"
_Static_assert(sizeof MAGIC - 1 == 16, "the trailer begins with 16 bytes");

static void number_put(uint8_t *to, uint64_t number, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t number_get(const uint8_t *from, int bytes) {
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++) number |= (uint64_t)from[i] << (8 * i);
    return number;
}

/* --- writing --- */

int backup_add(struct backup_out *out, struct str bytes) {
    int err = out->room ? out->room(out->arg, bytes.len) : 0;
    if (err) return err;
    hasher_add(out->hasher, bytes);
    while (bytes.len) {
        ssize_t n = pwrite(out->fd, bytes.p, bytes.len, (off_t)out->at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) ? ERR_FULL : ERR_IO;
        out->at += (uint64_t)n;
        bytes = str_from(bytes, (size_t)n);
    }
    return 0;
}

int backup_add_entry(struct backup_out *out, enum backup_kind kind, struct str name, uint64_t size) {
    CHECK(name.len <= BACKUP_NAME_MAX);
    uint8_t head[BACKUP_ENTRY + BACKUP_NAME_MAX] = {(uint8_t)kind, (uint8_t)name.len};
    number_put(head + 8, size, 8);
    memcpy(head + BACKUP_ENTRY, name.p, name.len);
    out->entries++;
    return backup_add(out, str_of(head, BACKUP_ENTRY + name.len));
}

int backup_add_trailer(struct backup_out *out, const struct backup_facts *facts) {
    uint8_t trailer[BACKUP_TRAILER] = MAGIC;
    number_put(trailer + 16, (uint64_t)facts->created_us, 8);
    number_put(trailer + 24, facts->database, 8);
    number_put(trailer + 32, out->entries, 8);
    number_put(trailer + 40, out->at + BACKUP_TRAILER, 8);
    number_put(trailer + 48, facts->media ? BACKUP_HAS_MEDIA : 0, 4);
    number_put(trailer + 52, facts->schema, 4);
    int err = backup_add(out, str_of(trailer, BACKUP_TRAILER - 32));
    if (err) return err;
    uint8_t sum[32];
    hasher_end(out->hasher, sum);
    hasher_free(&out->hasher);
    out->hasher = hasher_new(HASH_SHA256); /* nobody asks for it any more */
    return backup_add(out, str_of(sum, sizeof sum));
}

/* --- reading --- */

static int bytes_read(struct backup_in *in, void *to, size_t len) {
    char *at = to;
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(in->fd, at + done, len - done, (off_t)(in->at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? ERR_IO : ERR_INVALID;
        done += (size_t)n;
    }
    if (in->hasher) hasher_add(in->hasher, str_of(to, len));
    in->at += len;
    return 0;
}

int backup_begin(int fd, struct backup_in *in, struct backup_facts *out) {
    struct stat st;
    if (fstat(fd, &st)) return ERR_IO;
    if (!S_ISREG(st.st_mode) || st.st_size < BACKUP_TRAILER) return ERR_INVALID;
    uint64_t length = (uint64_t)st.st_size;
    uint8_t trailer[BACKUP_TRAILER];
    struct backup_in end = {.fd = fd, .at = length - BACKUP_TRAILER};
    int err = bytes_read(&end, trailer, sizeof trailer);
    if (err) return err;
    if (memcmp(trailer, MAGIC_OF_ALL, sizeof MAGIC_OF_ALL - 1) != 0) return ERR_INVALID;
    if (memcmp(trailer, MAGIC, sizeof MAGIC - 1) != 0) return ERR_UNSUPPORTED;
    struct backup_facts facts = {
        .created_us = (int64_t)number_get(trailer + 16, 8),
        .database = number_get(trailer + 24, 8),
        .length = number_get(trailer + 40, 8),
        .media = number_get(trailer + 48, 4) & BACKUP_HAS_MEDIA,
        .schema = (uint32_t)number_get(trailer + 52, 4),
    };
    if (facts.length != length || facts.database > length - BACKUP_TRAILER) return ERR_INVALID;
    *in = (struct backup_in){
        .fd = fd, .at = facts.database, .end = length - BACKUP_TRAILER, .entries = number_get(trailer + 32, 8)};
    memcpy(in->sum, trailer + BACKUP_TRAILER - sizeof in->sum, sizeof in->sum);
    *out = facts;
    return 0;
}

int backup_sum_database(struct backup_in *in, uint64_t database, bool (*stopped)(void)) {
    char *piece = malloc(BACKUP_PIECE);
    CHECK(piece);
    in->hasher = hasher_new(HASH_SHA256);
    in->at = 0;
    int err = 0;
    while (!err && in->at < database) {
        uint64_t left = database - in->at;
        err = stopped && stopped() ? ERR_CLOSED : bytes_read(in, piece, left < BACKUP_PIECE ? left : BACKUP_PIECE);
    }
    free(piece);
    return err;
}

static int entry_pass(struct backup_in *in) {
    char piece[4096];
    size_t len = 1;
    int err = 0;
    while (!err && len) err = backup_piece(in, piece, sizeof piece, &len);
    return err;
}

int backup_next(struct backup_in *in, struct backup_entry *out) {
    int err = entry_pass(in);
    if (err) return err;
    if (in->entries == 0) return ERR_NOT_FOUND;
    uint8_t head[BACKUP_ENTRY];
    if (in->end - in->at < sizeof head) return ERR_INVALID;
    err = bytes_read(in, head, sizeof head);
    if (err) return err;
    struct backup_entry e = {.kind = (enum backup_kind)head[0], .name_len = head[1], .size = number_get(head + 8, 8)};
    bool is_known = head[0] == BACKUP_OWN || head[0] == BACKUP_FILE || head[0] == BACKUP_GONE || head[0] == BACKUP_LOST;
    if (!is_known || e.name_len == 0 || e.name_len > BACKUP_NAME_MAX || in->end - in->at < e.name_len)
        return ERR_INVALID;
    err = bytes_read(in, e.name, e.name_len);
    if (err) return err;
    if (e.size > in->end - in->at) return ERR_INVALID;
    in->left = e.size;
    in->entries--;
    *out = e;
    return 0;
}

int backup_piece(struct backup_in *in, char *out, size_t max, size_t *out_len) {
    size_t len = in->left < max ? (size_t)in->left : max;
    int err = len ? bytes_read(in, out, len) : 0;
    if (err) return err;
    in->left -= len;
    *out_len = len;
    return 0;
}

int backup_end(struct backup_in *in) {
    int err = entry_pass(in);
    if (err) return err;
    if (in->entries || in->at != in->end || !in->hasher) return ERR_INVALID;
    uint8_t trailer[BACKUP_TRAILER - 32], sum[32];
    err = bytes_read(in, trailer, sizeof trailer);
    if (err) return err;
    hasher_end(in->hasher, sum);
    return memcmp(sum, in->sum, sizeof sum) == 0 ? 0 : ERR_INVALID;
}
