/* disk_shim.c: a model of the disk beside the real one: which bytes and names are sure. */
#include "disk_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

enum { FILES_MAX = 4096, NAMES_MAX = 4096, FDS_MAX = 1024, NAME_MAX_ = 32, FOLDER = -1 };

struct content {
    char *bytes, *sure;
    size_t len, sure_len;
    bool dirty;
};

struct name {
    char dir[8], name[NAME_MAX_]; /* dir "": the root */
    int file;                     /* FOLDER, or which content */
};

struct names {
    struct name all[NAMES_MAX];
    int count;
};

/* A change of names that no sync has made sure. */
struct change {
    struct name from, to; /* from.file or to.file -2: none of it */
};
enum { NOTHING = -2 };

static struct content files[FILES_MAX];
static int file_count;
static struct names now, sure;
static struct change changes[NAMES_MAX];
static int change_count;
static struct {
    bool is_dir;
    char dir[8];
    int file;
} fds[FDS_MAX];
static bool watching, syncs_work, is_cut;
static uint64_t dice, left;
static const char *image_dir;
static void (*on_cut)(void);

static uint64_t roll(uint64_t n) {
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice >> 33) % n;
}

/* --- names --- */

static int find(const struct names *in, const char *dir, const char *name) {
    for (int i = 0; i < in->count; i++)
        if (!strcmp(in->all[i].dir, dir) && !strcmp(in->all[i].name, name)) return i;
    return -1;
}

static void drop(struct names *in, const struct name *n) {
    int at = find(in, n->dir, n->name);
    if (at >= 0) in->all[at] = in->all[--in->count];
}

static void apply(struct names *to, const struct change *c) {
    if (c->from.file != NOTHING) drop(to, &c->from);
    if (c->to.file == NOTHING) return;
    drop(to, &c->to);
    CHECK(to->count < NAMES_MAX);
    to->all[to->count++] = c->to;
}

static struct name name_of(const char *dir, const char *name, int file) {
    struct name n = {.file = file};
    snprintf(n.dir, sizeof n.dir, "%s", dir);
    snprintf(n.name, sizeof n.name, "%s", name);
    return n;
}

static const struct name none = {.file = NOTHING};

static void changed(struct name from, struct name to) {
    struct change c = {from, to};
    CHECK(change_count < NAMES_MAX);
    apply(&now, &c);
    changes[change_count++] = c;
}

/* What stands in that folder is sure; how a name that went elsewhere came to its place is of no interest any more. */
static void folder_sync(const char *dir) {
    int kept = 0;
    for (int i = 0; i < change_count; i++) {
        struct change *c = &changes[i];
        const struct name *place = c->to.file == NOTHING ? &c->from : &c->to;
        if (strcmp(place->dir, dir) == 0) {
            apply(&sure, c);
            for (int k = 0; c->from.file != NOTHING && k < kept; k++)
                if (!strcmp(changes[k].to.dir, c->from.dir) && !strcmp(changes[k].to.name, c->from.name))
                    changes[k].from = changes[k].to = none;
        } else {
            changes[kept++] = *c;
        }
    }
    change_count = kept;
}

/* --- the cut --- */

static void file_write(const char *path, struct content *c) {
    bool old = c->dirty && roll(3) == 0;
    const char *bytes = old || !c->dirty ? c->sure : c->bytes;
    size_t len = !c->dirty || old ? c->sure_len : c->len;
    if (c->dirty && !old) { /* it grew, or began anew */
        size_t least =
            c->sure_len <= c->len && (!c->sure_len || !memcmp(c->sure, c->bytes, c->sure_len)) ? c->sure_len : 0;
        len = least + roll(c->len - least + 1);
    }
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

void disk_shim_cut(void) {
    if (is_cut || !watching) return;
    is_cut = true;
    for (int i = 0; i < change_count; i++)
        if (roll(2)) apply(&sure, &changes[i]);
    char path[512];
    snprintf(path, sizeof path, "%s/files", image_dir);
    CHECK(mkdir(path, 0700) == 0);
    for (int i = 0; i < sure.count; i++) {
        snprintf(path, sizeof path, "%s/files/%s", image_dir, sure.all[i].name);
        if (sure.all[i].file == FOLDER) CHECK(mkdir(path, 0700) == 0);
    }
    for (int i = 0; i < sure.count; i++) {
        const struct name *n = &sure.all[i];
        if (n->file < 0 || find(&sure, "", n->dir) < 0) continue;
        snprintf(path, sizeof path, "%s/files/%s/%s", image_dir, n->dir, n->name);
        file_write(path, &files[n->file]);
    }
    on_cut();
}

/* False: nobody is there any more. */
static bool step(void) {
    if (!watching) return true;
    if (!is_cut && left && --left == 0) disk_shim_cut();
    if (is_cut) errno = EIO;
    return !is_cut;
}

void disk_shim_begin(uint64_t seed, bool syncs) {
    for (int i = 0; i < file_count; i++) free(files[i].bytes), free(files[i].sure);
    memset(files, 0, sizeof files);
    file_count = change_count = now.count = sure.count = 0;
    dice = seed;
    left = 0;
    syncs_work = syncs;
    is_cut = false;
    watching = true;
}

void disk_shim_cut_at(uint64_t nth, const char *image, void (*cut)(void)) {
    left = nth;
    image_dir = image;
    on_cut = cut;
}

bool disk_shim_is_cut(void) {
    return is_cut;
}

void disk_shim_end(void) {
    watching = false;
}

/* --- the calls --- */

int __real_openat64(int at, const char *path, int flags, ...);
int __real_mkdirat(int at, const char *path, mode_t mode);
int __real_unlinkat(int at, const char *path, int flags);
int __real_renameat2(int from, const char *path, int to, const char *path2, unsigned flags);
int __real_renameat(int from, const char *path, int to, const char *path2);
ssize_t __real_pwrite64(int fd, const void *p, size_t len, off_t at);
int __real_ftruncate64(int fd, off_t len);
int __real_fsync(int fd);

/* "NAME" in that folder, or "AB/NAME" in the root. */
static struct name resolve(int at, const char *path) {
    const char *slash = strchr(path, '/');
    if (at == AT_FDCWD) return name_of("", "", FOLDER);
    if (!slash) return name_of(fds[at].dir, path, NOTHING);
    char dir[8];
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    return name_of(dir, slash + 1, NOTHING);
}

int __wrap_openat64(int at, const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    struct name n = resolve(at, path);
    bool creates = watching && (flags & O_CREAT) && find(&now, n.dir, n.name) < 0;
    if (creates && !step()) return -1;
    int fd = __real_openat64(at, path, flags, mode);
    if (fd < 0 || !watching) return fd;
    CHECK(fd < FDS_MAX);
    memset(&fds[fd], 0, sizeof fds[fd]);
    fds[fd].is_dir = flags & O_DIRECTORY;
    if (fds[fd].is_dir) {
        snprintf(fds[fd].dir, sizeof fds[fd].dir, "%s", at == AT_FDCWD || !strcmp(path, "..") ? "" : path);
        return fd;
    }
    if (creates) {
        CHECK(file_count < FILES_MAX);
        n.file = file_count++;
        changed(none, n);
    }
    fds[fd].file = now.all[find(&now, n.dir, n.name)].file;
    return fd;
}

int __wrap_mkdirat(int at, const char *path, mode_t mode) {
    if (!step()) return -1;
    int err = __real_mkdirat(at, path, mode);
    if (!err && watching && at != AT_FDCWD) changed(none, name_of("", path, FOLDER));
    return err;
}

int __wrap_unlinkat(int at, const char *path, int flags) {
    if (!step()) return -1;
    int err = __real_unlinkat(at, path, flags);
    if (!err && watching) {
        struct name n = resolve(at, path);
        n.file = now.all[find(&now, n.dir, n.name)].file;
        changed(n, none);
    }
    return err;
}

static void renamed(int from, const char *path, int to, const char *path2) {
    struct name a = resolve(from, path), b = resolve(to, path2);
    a.file = b.file = now.all[find(&now, a.dir, a.name)].file;
    changed(a, b);
}

int __wrap_renameat2(int from, const char *path, int to, const char *path2, unsigned flags) {
    if (!step()) return -1;
    int err = __real_renameat2(from, path, to, path2, flags);
    if (!err && watching) renamed(from, path, to, path2);
    return err;
}

int __wrap_renameat(int from, const char *path, int to, const char *path2) {
    if (!step()) return -1;
    int err = __real_renameat(from, path, to, path2);
    if (!err && watching) renamed(from, path, to, path2);
    return err;
}

ssize_t __wrap_pwrite64(int fd, const void *p, size_t len, off_t at) {
    if (!step()) return -1;
    ssize_t n = __real_pwrite64(fd, p, len, at);
    if (n <= 0 || !watching) return n;
    struct content *c = &files[fds[fd].file];
    CHECK((size_t)at == c->len);
    c->bytes = realloc(c->bytes, c->len + (size_t)n);
    memcpy(c->bytes + c->len, p, (size_t)n);
    c->len += (size_t)n;
    c->dirty = true;
    return n;
}

int __wrap_ftruncate64(int fd, off_t len) {
    if (!step()) return -1;
    int err = __real_ftruncate64(fd, len);
    if (err || !watching) return err;
    CHECK(len == 0);
    files[fds[fd].file].len = 0;
    files[fds[fd].file].dirty = true;
    return 0;
}

int __wrap_fsync(int fd) {
    if (!step()) return -1;
    if (!watching || !syncs_work) return 0;
    if (fds[fd].is_dir) {
        folder_sync(fds[fd].dir);
        return 0;
    }
    struct content *c = &files[fds[fd].file];
    c->sure = realloc(c->sure, c->len ? c->len : 1);
    if (c->len) memcpy(c->sure, c->bytes, c->len);
    c->sure_len = c->len;
    c->dirty = false;
    return 0;
}
