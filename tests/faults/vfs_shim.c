/*
 * vfs_shim.c: keeps, beside every real file, what of it is on the disk for sure (as of its last sync) and the list of
 * writes since. A sync adds the list to the sure part; a power cut adds a random part of the list instead, sector
 * by sector. Reads, locks and shared memory go straight to the system's VFS.
 *
 * The model: a sector is written or not, whatever was asked later or earlier; bytes that were not part of a write stay; a
 * file that was made but never synced may be missing; one that was removed may be back, until the directory is synced: SQLite
 * does that with the first sync of a new journal or log.
 */
#include "vfs_shim.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define SECTOR 512

/* A write, or with data NULL a truncation to `at`. */
struct change {
    int64_t at;
    uint32_t len;
    uint8_t *data;
};

struct image {
    uint8_t *data;
    int64_t len, cap;
    bool exists;
};

struct tracked {
    struct tracked *next;
    char *path;
    struct image synced;
    struct change *changes;
    size_t change_count, change_cap;
    bool removed; /* without a sync of the directory */
};

struct shim_file {
    sqlite3_file base;
    struct tracked *tracked; /* NULL: a temporary file */
    sqlite3_file *real;      /* right behind this struct */
    bool new_log;            /* its first sync is one of the directory too */
};

static struct {
    pthread_mutex_t lock;
    sqlite3_vfs vfs, *real;
    struct tracked *files;
    uint64_t seed;
    uint64_t fail_at, operations, cut_at, cut_operations;
    enum vfs_shim_failure fail_how;
    bool fail_for_ever, failed;
    bool cut_kills, dead;
    char cut_image[1024];
} shim = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t random_next(void) {
    shim.seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = shim.seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* --- images --- */

static void image_resize(struct image *image, int64_t len) {
    if (len > image->cap) {
        image->cap = len * 2;
        image->data = realloc(image->data, (size_t)image->cap);
        CHECK(image->data);
    }
    if (len > image->len) memset(image->data + image->len, 0, (size_t)(len - image->len));
    image->len = len;
}

static void image_write(struct image *image, int64_t at, const uint8_t *data, int64_t len) {
    if (at + len > image->len) image_resize(image, at + len);
    memcpy(image->data + at, data, (size_t)len);
}

static void image_apply(struct image *image, const struct change *c) {
    if (c->data)
        image_write(image, c->at, c->data, c->len);
    else
        image_resize(image, c->at);
}

static void image_read(struct image *image, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    image_resize(image, st.st_size);
    CHECK(st.st_size == 0 || pread(fd, image->data, (size_t)st.st_size, 0) == st.st_size);
    image->exists = true;
    close(fd);
}

static void image_save(const struct image *image, const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (int64_t at = 0; at < image->len;) {
        ssize_t n = write(fd, image->data + at, (size_t)(image->len - at));
        CHECK(n > 0);
        at += n;
    }
    close(fd);
}

/* --- what is tracked --- */

static void tracked_forget_changes(struct tracked *t) {
    for (size_t i = 0; i < t->change_count; i++) free(t->changes[i].data);
    t->change_count = 0;
}

static void tracked_sync(struct tracked *t) {
    for (size_t i = 0; i < t->change_count; i++) image_apply(&t->synced, &t->changes[i]);
    tracked_forget_changes(t);
    t->synced.exists = true;
    t->removed = false;
}

/* Who is there is there, who is gone is gone. */
static void directory_sync(void) {
    for (struct tracked *t = shim.files; t; t = t->next) {
        if (t->removed) t->synced.len = 0;
        t->synced.exists = !t->removed;
    }
}

static void tracked_note(struct tracked *t, int64_t at, const void *data, uint32_t len) {
    if (t->change_count == t->change_cap) {
        t->change_cap = t->change_cap ? t->change_cap * 2 : 64;
        t->changes = realloc(t->changes, t->change_cap * sizeof *t->changes);
        CHECK(t->changes);
    }
    struct change *c = &t->changes[t->change_count++];
    *c = (struct change){.at = at, .len = len};
    if (!data) return;
    c->data = malloc(len);
    CHECK(c->data);
    memcpy(c->data, data, len);
}

static struct tracked *tracked_find(const char *path) {
    struct tracked *t = shim.files;
    while (t && strcmp(t->path, path) != 0) t = t->next;
    return t;
}

static struct tracked *tracked_get(const char *path) {
    struct tracked *t = tracked_find(path);
    if (t) return t;
    t = calloc(1, sizeof *t);
    CHECK(t);
    t->path = strdup(path);
    CHECK(t->path);
    image_read(&t->synced, path);
    t->next = shim.files;
    shim.files = t;
    return t;
}

/* --- the cut --- */

/* Each sector of the write by itself: kept or lost. */
static void write_survives(struct image *image, const struct change *c) {
    for (int64_t at = c->at, end = c->at + c->len; at < end;) {
        int64_t next = (at / SECTOR + 1) * SECTOR;
        if (next > end) next = end;
        if (random_next() & 1) image_write(image, at, c->data + (at - c->at), next - at);
        at = next;
    }
}

static void file_cut(const struct tracked *t, const char *directory) {
    struct image image = {0};
    image_resize(&image, t->synced.len);
    if (t->synced.len) memcpy(image.data, t->synced.data, (size_t)t->synced.len);
    bool exists = t->synced.exists || (random_next() & 1);
    if (t->removed && (!t->synced.exists || (random_next() & 1))) exists = false;
    uint64_t luck = random_next() % 4; /* 0: nothing more got to the disk; 1: everything; else some of it */
    for (size_t i = 0; i < t->change_count && luck; i++) {
        const struct change *c = &t->changes[i];
        if (luck == 1 || (!c->data && (random_next() & 1)))
            image_apply(&image, c);
        else if (c->data)
            write_survives(&image, c);
    }
    const char *name = strrchr(t->path, '/');
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", directory, name ? name + 1 : t->path);
    unlink(path);
    if (exists) image_save(&image, path);
    free(image.data);
}

static void cut_locked(const char *directory) {
    mkdir(directory, 0700);
    for (const struct tracked *t = shim.files; t; t = t->next) file_cut(t, directory);
}

void vfs_shim_cut(const char *directory) {
    pthread_mutex_lock(&shim.lock);
    cut_locked(directory);
    pthread_mutex_unlock(&shim.lock);
}

/* --- failing --- */

enum operation { OP_WRITE, OP_SYNC, OP_TRUNCATE, OP_OPEN };

/* Whether this operation fails. With the lock held. */
static bool fails(enum operation op) {
    if (op != OP_OPEN && shim.cut_at && !shim.dead && ++shim.cut_operations >= shim.cut_at) {
        cut_locked(shim.cut_image);
        shim.dead = true;
        if (shim.cut_kills) kill(getpid(), SIGKILL);
    }
    if (shim.dead) return true;
    if (shim.fail_how == VFS_SHIM_FULL && op != OP_WRITE) return false;
    shim.operations++;
    if (!shim.fail_at) return false;
    bool fail = shim.operations == shim.fail_at || (shim.fail_for_ever && shim.operations > shim.fail_at);
    shim.failed |= fail;
    return fail;
}

void vfs_shim_cut_at(uint64_t nth, const char *directory) {
    pthread_mutex_lock(&shim.lock);
    snprintf(shim.cut_image, sizeof shim.cut_image, "%s", directory);
    shim.cut_operations = 0;
    shim.cut_at = nth;
    pthread_mutex_unlock(&shim.lock);
}

bool vfs_shim_is_cut(void) {
    pthread_mutex_lock(&shim.lock);
    bool cut = shim.dead;
    pthread_mutex_unlock(&shim.lock);
    return cut;
}

void vfs_shim_fail(uint64_t nth, enum vfs_shim_failure how, bool for_ever) {
    pthread_mutex_lock(&shim.lock);
    shim.fail_at = nth;
    shim.fail_how = how;
    shim.fail_for_ever = for_ever;
    shim.operations = 0;
    shim.failed = false;
    pthread_mutex_unlock(&shim.lock);
}

uint64_t vfs_shim_operations(void) {
    pthread_mutex_lock(&shim.lock);
    uint64_t n = shim.operations;
    pthread_mutex_unlock(&shim.lock);
    return n;
}

bool vfs_shim_failed(void) {
    pthread_mutex_lock(&shim.lock);
    bool failed = shim.failed;
    pthread_mutex_unlock(&shim.lock);
    return failed;
}

/* --- a file --- */

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((struct shim_file *)file)->real;
}

static int file_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at) {
    return real_of(file)->pMethods->xRead(real_of(file), out, len, at);
}

static int write_locked(struct shim_file *f, const void *data, int len, sqlite3_int64 at) {
    int wanted = len;
    bool fail = fails(OP_WRITE);
    if (fail) wanted = len / 2; /* half of it got there */
    int rc = wanted ? f->real->pMethods->xWrite(f->real, data, wanted, at) : SQLITE_OK;
    if (rc == SQLITE_OK && wanted && f->tracked) tracked_note(f->tracked, at, data, (uint32_t)wanted);
    return !fail ? rc : !shim.dead && shim.fail_how == VFS_SHIM_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at) {
    pthread_mutex_lock(&shim.lock);
    int rc = write_locked((struct shim_file *)file, data, len, at);
    pthread_mutex_unlock(&shim.lock);
    return rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 len) {
    struct shim_file *f = (struct shim_file *)file;
    pthread_mutex_lock(&shim.lock);
    int rc = fails(OP_TRUNCATE) ? SQLITE_IOERR_TRUNCATE : f->real->pMethods->xTruncate(f->real, len);
    if (rc == SQLITE_OK && f->tracked) tracked_note(f->tracked, len, NULL, 0);
    pthread_mutex_unlock(&shim.lock);
    return rc;
}

/* The real sync is left out: nobody cuts the real power, and the tests are many. */
static int file_sync(sqlite3_file *file, int flags) {
    (void)flags;
    struct shim_file *f = (struct shim_file *)file;
    pthread_mutex_lock(&shim.lock);
    bool fail = fails(OP_SYNC);
    if (!fail && f->tracked) tracked_sync(f->tracked);
    if (!fail && f->new_log) directory_sync();
    f->new_log &= fail;
    pthread_mutex_unlock(&shim.lock);
    return fail ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out) {
    return real_of(file)->pMethods->xFileSize(real_of(file), out);
}

static int file_lock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *out) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int file_control(sqlite3_file *file, int op, void *arg) {
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_traits(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int region, int len, int extend, void volatile **out) {
    return real_of(file)->pMethods->xShmMap(real_of(file), region, len, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int at, int n, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), at, n, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* no memory mapping of the database */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* --- the VFS --- */

static int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs;
    struct shim_file *f = (struct shim_file *)file;
    f->base.pMethods = NULL; /* as long as it is not open */
    f->real = (sqlite3_file *)(f + 1);
    f->tracked = NULL;
    f->new_log = path && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) && access(path, F_OK) != 0;
    pthread_mutex_lock(&shim.lock);
    int rc = SQLITE_CANTOPEN;
    if (!fails(OP_OPEN)) {
        if (path) f->tracked = tracked_get(path); /* before the real one makes it */
        rc = shim.real->xOpen(shim.real, path, f->real, flags, out_flags);
    }
    if (rc == SQLITE_OK) f->base.pMethods = &methods;
    if (rc == SQLITE_OK && f->tracked && f->tracked->removed) { /* a new file of an old name */
        tracked_forget_changes(f->tracked);
        tracked_note(f->tracked, 0, NULL, 0);
        f->tracked->removed = false;
    }
    pthread_mutex_unlock(&shim.lock);
    return rc;
}

static int shim_delete(sqlite3_vfs *vfs, const char *path, int sync_directory) {
    (void)vfs;
    pthread_mutex_lock(&shim.lock);
    struct tracked *t = tracked_find(path);
    int rc = shim.real->xDelete(shim.real, path, sync_directory);
    if (t && rc == SQLITE_OK) {
        tracked_forget_changes(t);
        t->removed = true;
    }
    if (rc == SQLITE_OK && sync_directory) directory_sync();
    pthread_mutex_unlock(&shim.lock);
    return rc;
}

void vfs_shim_register(uint64_t seed) {
    pthread_mutex_lock(&shim.lock);
    while (shim.files) {
        struct tracked *t = shim.files;
        shim.files = t->next;
        tracked_forget_changes(t);
        free(t->changes);
        free(t->synced.data);
        free(t->path);
        free(t);
    }
    shim.seed = seed;
    shim.fail_at = shim.operations = shim.cut_at = 0;
    shim.dead = shim.cut_kills = false;
    bool known = shim.real != NULL;
    if (!known) {
        shim.real = sqlite3_vfs_find(NULL);
        CHECK(shim.real);
        shim.vfs = *shim.real;
        shim.vfs.pNext = NULL;
        shim.vfs.zName = VFS_SHIM_NAME;
        shim.vfs.szOsFile = (int)sizeof(struct shim_file) + shim.real->szOsFile;
        shim.vfs.xOpen = shim_open;
        shim.vfs.xDelete = shim_delete;
    }
    pthread_mutex_unlock(&shim.lock);
    if (!known) CHECK(sqlite3_vfs_register(&shim.vfs, 0) == SQLITE_OK);
}

/* --- in a running server --- */

static uint64_t word_number(const char *words, const char *name, bool *out_plus) {
    const char *at = strstr(words, name);
    if (!at) return 0;
    char *end;
    uint64_t n = strtoull(at + strlen(name), &end, 10);
    if (out_plus) *out_plus = *end == '+';
    return n;
}

const char *vfs_shim_from_environment(void) {
    const char *words = getenv("CONFAB_TEST_VFS");
    if (!words) return NULL;
    vfs_shim_register(word_number(words, "seed=", NULL));
    bool for_ever = true;
    uint64_t full = word_number(words, "full=", NULL), io = word_number(words, "io=", &for_ever);
    if (full || io) vfs_shim_fail(full ? full : io, full ? VFS_SHIM_FULL : VFS_SHIM_IO, full ? true : for_ever);
    const char *image = strstr(words, "image=");
    if (!image) return VFS_SHIM_NAME;
    char directory[sizeof shim.cut_image];
    snprintf(directory, sizeof directory, "%.*s", (int)strcspn(image + 6, " "), image + 6);
    shim.cut_kills = true;
    vfs_shim_cut_at(word_number(words, "cut=", NULL), directory);
    return VFS_SHIM_NAME;
}
