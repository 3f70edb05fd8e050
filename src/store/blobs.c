/*
 * blobs.c: files in a folder. One that is being written has one writer, found by name in a table under a lock; each writer has a lock of its own,
 * held for one piece, so that taking it over waits for that piece and no longer. Files grow by appending only: their length is what is held.
 *
 * The hash is computed as bytes pass. What must hold: a sealed file is synced before it gets its name and its folder after.
 */
#include "store/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/map.h"

enum { NAME_LEN = 22, CATCH_UP_BYTES = 8 << 20, PIECE_BYTES = 65536 };

struct blobs {
    int dir, open; /* the folders */
    uint64_t reserve;
    pthread_mutex_t lock;
    struct map writers;      /* name -> the one that may write */
    pthread_mutex_t folders; /* who finds one made must not be ahead of its maker, who syncs that; the innermost */
};

struct blob_writer {
    struct blobs *blobs;
    pthread_mutex_t lock;
    int fd;
    bool lost;   /* somebody else has taken it over */
    bool found;  /* it was sealed when it was claimed: a commit had failed, or is on its way */
    bool sealed; /* by this writer */
    uint64_t offset, hashed;
    struct hasher *hasher;
    char name[NAME_LEN + 1];
};

static int error_of(int number) {
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_FULL;
    case ENOENT:
        return ERR_NOT_FOUND;
    default:
        return ERR_IO;
    }
}

static bool name_is_good(struct str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
    }
    return name.len == NAME_LEN;
}

/* "AB/NAME" */
struct sealed_path {
    char folder[3], path[NAME_LEN + 4];
};

static struct sealed_path sealed_path(const char *name) {
    struct sealed_path p = {{name[0], name[1], '\0'}, {name[0], name[1], '/'}};
    memcpy(p.path + 3, name, NAME_LEN);
    return p;
}

/* --- folders --- */

/* Opens it, made if need be; then its parent is synced. */
static int folder_open(int at, const char *name, int *out) {
    bool made = mkdirat(at, name, 0700) == 0;
    if (!made && errno != EEXIST) return error_of(errno);
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error_of(errno);
    int parent = made ? openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool failed = made && (parent < 0 || fsync(parent));
    if (parent >= 0) close(parent);
    if (failed) {
        close(fd);
        return ERR_IO;
    }
    *out = fd;
    return 0;
}

int blobs_open(struct str dir, uint64_t reserve, struct blobs **out) {
    struct blobs *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    b->dir = b->open = -1;
    b->reserve = reserve;
    pthread_mutex_init(&b->lock, NULL);
    pthread_mutex_init(&b->folders, NULL);
    char path[4096];
    int err = dir.len < sizeof path ? 0 : ERR_INVALID;
    if (!err) {
        memcpy(path, dir.p, dir.len);
        path[dir.len] = '\0';
        err = folder_open(AT_FDCWD, path, &b->dir);
    }
    if (!err) err = folder_open(b->dir, "open", &b->open);
    if (!err && fsync(b->dir)) err = ERR_IO; /* folders that were made by one that was killed before it could */
    if (err) {
        blobs_close(&b);
        return err;
    }
    *out = b;
    return 0;
}

void blobs_close(struct blobs **slot) {
    struct blobs *b = *slot;
    if (!b) return;
    *slot = NULL;
    CHECK(map_count(&b->writers) == 0);
    map_free(&b->writers);
    if (b->open >= 0) close(b->open);
    if (b->dir >= 0) close(b->dir);
    pthread_mutex_destroy(&b->lock);
    pthread_mutex_destroy(&b->folders);
    free(b);
}

/* --- writing --- */

static void writer_free(struct blob_writer *w) {
    if (w->fd >= 0) close(w->fd);
    hasher_free(&w->hasher);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* Under the lock of the table. */
static void writer_cut_off(struct blobs *b, struct str name) {
    struct blob_writer *old = map_remove(&b->writers, name);
    if (!old) return;
    pthread_mutex_lock(&old->lock); /* the piece under way is counted */
    old->lost = true;
    pthread_mutex_unlock(&old->lock);
}

/* Opens what there is. What is sealed is not touched: it may have got an owner by now. */
static int writer_open(struct blob_writer *w) {
    struct blobs *b = w->blobs;
    w->fd = openat(b->dir, sealed_path(w->name).path, O_RDONLY | O_CLOEXEC);
    w->found = w->fd >= 0;
    if (!w->found) w->fd = openat(b->open, w->name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat st;
    if (w->fd < 0 || fstat(w->fd, &st)) return error_of(errno);
    w->offset = (uint64_t)st.st_size;
    return 0;
}

int blob_claim(struct blobs *b, struct str name, struct blob_writer **out) {
    CHECK(name_is_good(name));
    struct blob_writer *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->blobs = b;
    w->fd = -1;
    w->hasher = hasher_new(HASH_SHA256);
    pthread_mutex_init(&w->lock, NULL);
    memcpy(w->name, name.p, NAME_LEN);
    pthread_mutex_lock(&b->lock);
    writer_cut_off(b, name);
    int err = writer_open(w);
    if (!err) map_put(&b->writers, str_of(w->name, NAME_LEN), w);
    pthread_mutex_unlock(&b->lock);
    if (err) {
        writer_free(w);
        return err;
    }
    *out = w;
    return 0;
}

uint64_t blob_offset(const struct blob_writer *w) {
    return w->offset;
}

int blob_read(int fd, uint64_t from, char *out, size_t len) {
    while (len > 0) {
        ssize_t n = pread(fd, out, len, (off_t)from);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return ERR_IO;
        out += n;
        from += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int blob_read_now(int fd, uint64_t from, char *out, size_t len, size_t *out_len) {
    struct iovec piece = {out, len};
    ssize_t n = preadv2(fd, &piece, 1, (off_t)from, RWF_NOWAIT);
    if (n <= 0) return ERR_AGAIN;
    *out_len = (size_t)n;
    return 0;
}

int blob_catch_up(struct blob_writer *w) {
    if (w->hashed == w->offset) return 0;
    char *piece = malloc(PIECE_BYTES);
    CHECK(piece != NULL);
    int err = 0;
    for (size_t done = 0; !err && done < CATCH_UP_BYTES && w->hashed < w->offset;) {
        uint64_t left = w->offset - w->hashed;
        size_t len = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        err = blob_read(w->fd, w->hashed, piece, len);
        if (err) break;
        hasher_add(w->hasher, str_of(piece, len));
        w->hashed += len;
        done += len;
    }
    free(piece);
    return err ? err : w->hashed < w->offset;
}

int blob_room(struct blob_writer *w, uint64_t more) {
    struct statvfs fs;
    if (more == 0) return 0;
    if (fstatvfs(w->blobs->dir, &fs)) return error_of(errno);
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize, reserve = w->blobs->reserve;
    return free_bytes < reserve || free_bytes - reserve < more ? ERR_FULL : 0;
}

static int piece_write(struct blob_writer *w, struct str bytes) {
    while (bytes.len > 0) {
        ssize_t n = pwrite(w->fd, bytes.p, bytes.len, (off_t)w->offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? error_of(errno) : ERR_IO;
        hasher_add(w->hasher, str_first(bytes, (size_t)n));
        w->offset += (uint64_t)n;
        w->hashed += (uint64_t)n;
        bytes = str_from(bytes, (size_t)n);
    }
    return 0;
}

int blob_append(struct blob_writer *w, struct str bytes) {
    CHECK(w->hashed == w->offset);
    pthread_mutex_lock(&w->lock);
    int err = w->lost || w->found ? ERR_CLOSED : blob_room(w, bytes.len);
    if (!err) err = piece_write(w, bytes);
    pthread_mutex_unlock(&w->lock);
    return err;
}

int blob_restart(struct blob_writer *w) {
    if (w->found) return ERR_EXISTS;
    pthread_mutex_lock(&w->lock);
    int err = w->lost ? ERR_CLOSED : w->offset && ftruncate(w->fd, 0) ? error_of(errno) : 0;
    pthread_mutex_unlock(&w->lock);
    if (err) return err;
    hasher_free(&w->hasher);
    w->hasher = hasher_new(HASH_SHA256);
    w->offset = w->hashed = 0;
    return 0;
}

static int writer_seal(struct blob_writer *w) {
    struct blobs *b = w->blobs;
    struct sealed_path sealed = sealed_path(w->name);
    int folder = -1, err = fsync(w->fd) ? error_of(errno) : 0;
    pthread_mutex_lock(&b->folders);
    if (!err) err = folder_open(b->dir, sealed.folder, &folder);
    pthread_mutex_unlock(&b->folders);
    if (!err && !w->found) {
        w->sealed = renameat2(b->open, w->name, b->dir, sealed.path, RENAME_NOREPLACE) == 0;
        if (!w->sealed) err = error_of(errno);
    }
    if (!err && fsync(folder)) err = error_of(errno);
    if (folder >= 0) close(folder);
    return err;
}

int blob_seal(struct blob_writer *w, uint8_t out[32]) {
    CHECK(w->hashed == w->offset);
    pthread_mutex_lock(&w->lock);
    int err = w->lost ? ERR_CLOSED : writer_seal(w);
    pthread_mutex_unlock(&w->lock);
    if (!err) hasher_end(w->hasher, out);
    return err;
}

void blob_unseal(struct blob_writer *w) {
    struct blobs *b = w->blobs;
    pthread_mutex_lock(&w->lock);
    if (w->sealed) (void)renameat(b->dir, sealed_path(w->name).path, b->open, w->name);
    pthread_mutex_unlock(&w->lock);
}

void blob_discard(struct blob_writer *w) {
    struct blobs *b = w->blobs;
    pthread_mutex_lock(&w->lock);
    if (w->sealed)
        unlinkat(b->dir, sealed_path(w->name).path, 0);
    else if (!w->found && !w->lost)
        unlinkat(b->open, w->name, 0);
    pthread_mutex_unlock(&w->lock);
}

void blob_release(struct blob_writer **slot) {
    struct blob_writer *w = *slot;
    if (!w) return;
    *slot = NULL;
    struct str name = str_of(w->name, NAME_LEN);
    pthread_mutex_lock(&w->blobs->lock);
    if (map_get(&w->blobs->writers, name) == w) map_remove(&w->blobs->writers, name);
    pthread_mutex_unlock(&w->blobs->lock);
    writer_free(w);
}

bool blob_is_claimed(struct blobs *b, struct str name) {
    pthread_mutex_lock(&b->lock);
    bool is = map_get(&b->writers, name) != NULL;
    pthread_mutex_unlock(&b->lock);
    return is;
}

/* For good: who forgets the name after this leaves nothing behind, even if it had gone without a sync before. */
static int sealed_delete(struct blobs *b, const char *name) {
    struct sealed_path sealed = sealed_path(name);
    int folder = openat(b->dir, sealed.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return errno == ENOENT ? 0 : ERR_IO;
    bool failed = (unlinkat(b->dir, sealed.path, 0) && errno != ENOENT) || fsync(folder);
    close(folder);
    return failed ? ERR_IO : 0;
}

int blob_delete(struct blobs *b, struct str name) {
    if (!name_is_good(name)) return 0; /* we have made none of that name */
    char text[NAME_LEN + 1] = "";
    memcpy(text, name.p, NAME_LEN);
    pthread_mutex_lock(&b->lock);
    writer_cut_off(b, name);
    bool failed = unlinkat(b->open, text, 0) && errno != ENOENT;
    pthread_mutex_unlock(&b->lock);
    return failed || sealed_delete(b, text) ? ERR_IO : 0;
}

/* --- reading --- */

int blob_read_open(struct blobs *b, struct str name, int *out) {
    if (!name_is_good(name)) return ERR_NOT_FOUND;
    char text[NAME_LEN + 1] = "";
    memcpy(text, name.p, NAME_LEN);
    int fd = openat(b->dir, sealed_path(text).path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_of(errno);
    *out = fd;
    return 0;
}

int blob_read_open_now(struct blobs *b, struct str name, int *out) {
    if (!name_is_good(name)) return ERR_NOT_FOUND;
    char text[NAME_LEN + 1] = "";
    memcpy(text, name.p, NAME_LEN);
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_CACHED};
    int fd = (int)syscall(SYS_openat2, b->dir, sealed_path(text).path, &how, sizeof how);
    if (fd < 0) return ERR_AGAIN; /* an old kernel, a careful container, a cold folder */
    *out = fd;
    return 0;
}

void blob_read_close(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* --- start-up --- */

int blobs_sweep(struct blobs *b, bool (*owned)(void *arg, struct str name), void *arg, unsigned *out_deleted) {
    int fd = openat(b->dir, "open", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) return ERR_IO;
    *out_deleted = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct str name = str_c(entry->d_name);
        if (!name_is_good(name) || owned(arg, name)) continue;
        if (unlinkat(b->open, entry->d_name, 0) == 0) (*out_deleted)++;
    }
    closedir(dir);
    return 0;
}
