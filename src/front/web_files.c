/*
 * web_files.c: the folder of the built app, read whole at start: a few hundred kilobytes, served without a system call and without a file changing
 * under a request. NAME.br and NAME.gz are forms of NAME, made by the build. Each form has an ETag of its own: the hash of its bytes.
 */
#include "front/web_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"

enum { DEPTH_MAX = 8, FILE_MAX = 64 << 20, NAME_LEN_MAX = 1024 };

struct web_files {
    struct arena *arena;
    struct map files; /* path -> struct web_file */
};

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".gif", "image/gif"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".opus", "audio/ogg"},
    {".wav", "audio/wav"},
    {".map", "application/json"},
};

static const char *type_of(struct str path) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (str_ends(path, str_c(types[i].ending))) return types[i].type;
    }
    return "application/octet-stream";
}

/* The build names what is in assets by its content. */
static const char *caching_of(struct str path) {
    return str_starts(path, STR("/assets/")) ? "public, max-age=31536000, immutable" : "no-cache";
}

static const struct {
    enum web_coding coding;
    const char *ending, *name;
} codings[] = {{WEB_BR, ".br", "br"}, {WEB_GZIP, ".gz", "gzip"}};

const char *web_coding_name(enum web_coding coding) {
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        if (codings[i].coding == coding) return codings[i].name;
    }
    return NULL;
}

/* --- reading --- */

static bool file_read(int fd, size_t size, struct arena *arena, struct str *out) {
    char *bytes = arena_alloc(arena, size);
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false; /* shorter than a moment ago */
        len += (size_t)n;
    }
    *out = str_of(bytes, size);
    return true;
}

static void etag_make(struct str bytes, char out[32]) {
    uint8_t hash[HASH_LEN_MAX];
    hash_bytes(HASH_SHA256, bytes, hash);
    struct arena *arena = arena_new();
    struct str text = base64url_encode(arena, str_of(hash, 18));
    out[0] = '"';
    memcpy(out + 1, text.p, text.len);
    memcpy(out + 1 + text.len, "\"", 2);
    arena_free(&arena);
}

/* The entry for a path, made if need be. */
static struct web_file *file_at(struct web_files *files, struct str path) {
    struct web_file *file = map_get(&files->files, path);
    if (file) return file;
    file = ARENA_NEW(files->arena, struct web_file);
    file->path = arena_dup(files->arena, path);
    file->type = type_of(path);
    file->caching = caching_of(path);
    map_put(&files->files, file->path, file);
    return file;
}

static void file_add(struct web_files *files, struct str path, struct str bytes) {
    enum web_coding coding = WEB_PLAIN;
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        if (!str_ends(path, str_c(codings[i].ending))) continue;
        coding = codings[i].coding;
        path = str_first(path, path.len - strlen(codings[i].ending));
    }
    struct web_body *body = &file_at(files, path)->bodies[coding];
    body->bytes = bytes;
    etag_make(bytes, body->etag);
}

static int file_load(struct web_files *files, int dir, const char *name, struct str path) {
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat about;
    struct str bytes;
    bool good = fd >= 0 && fstat(fd, &about) == 0 && about.st_size <= FILE_MAX &&
                file_read(fd, (size_t)about.st_size, files->arena, &bytes);
    if (good) file_add(files, path, bytes);
    if (fd >= 0) close(fd);
    if (!good) LOG(LOG_ERROR, "web-file-unreadable", F_STR("path", path));
    return good ? 0 : ERR_IO;
}

static int dir_load(struct web_files *files, int parent, const char *name, struct str path, unsigned depth);

static int entry_load(struct web_files *files, int dir, const char *name, struct str parent, unsigned depth) {
    struct stat about;
    if (name[0] == '.' || fstatat(dir, name, &about, AT_SYMLINK_NOFOLLOW)) return 0;
    struct str path = ARENA_CONCAT(files->arena, parent, STR("/"), str_c(name));
    if (path.len > NAME_LEN_MAX) return 0;
    if (S_ISDIR(about.st_mode)) return depth < DEPTH_MAX ? dir_load(files, dir, name, path, depth + 1) : 0;
    return S_ISREG(about.st_mode) ? file_load(files, dir, name, path) : 0;
}

static int dir_load(struct web_files *files, int parent, const char *name, struct str path, unsigned depth) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return ERR_NOT_FOUND;
    }
    int err = 0;
    for (const struct dirent *entry; !err && (entry = readdir(dir));)
        err = entry_load(files, fd, entry->d_name, path, depth);
    closedir(dir);
    return err;
}

/* A form without the file that it is a form of is nothing to serve. */
static void files_drop_orphans(struct web_files *files) {
    size_t at = 0;
    for (struct web_file *file; (file = map_next(&files->files, &at));) {
        if (!file->bodies[WEB_PLAIN].bytes.p) map_remove(&files->files, file->path);
    }
}

int web_files_load(const char *dir, struct web_files **out) {
    struct web_files *files = calloc(1, sizeof *files);
    CHECK(files != NULL);
    files->arena = arena_new();
    int err = dir[0] ? dir_load(files, AT_FDCWD, dir, STR(""), 0) : 0;
    if (err == ERR_NOT_FOUND) {
        LOG(LOG_WARN, "web-dir-absent", F_C("path", dir));
        err = 0;
    }
    if (err) {
        web_files_free(&files);
        return err;
    }
    files_drop_orphans(files);
    map_hash(STR("")); /* its key is made before other threads look something up */
    LOG(LOG_INFO, "web-files", F_C("path", dir), F_INT("files", map_count(&files->files)));
    *out = files;
    return 0;
}

void web_files_free(struct web_files **slot) {
    struct web_files *files = *slot;
    if (!files) return;
    *slot = NULL;
    map_free(&files->files);
    arena_free(&files->arena);
    free(files);
}

/* --- asking --- */

const struct web_file *web_files_find(const struct web_files *files, struct str path) {
    return map_get(&files->files, str_eq(path, STR("/")) ? STR("/index.html") : path);
}

enum web_coding web_file_choose(const struct web_file *file, const struct http_request *request) {
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        if (file->bodies[codings[i].coding].bytes.p && http_accepts_coding(request, str_c(codings[i].name)))
            return codings[i].coding;
    }
    return WEB_PLAIN;
}

bool web_file_varies(const struct web_file *file) {
    return file->bodies[WEB_BR].bytes.p || file->bodies[WEB_GZIP].bytes.p;
}

bool web_etag_matches(struct str if_none_match, struct str etag) {
    for (struct str left = if_none_match; left.len;) {
        struct str one = str_first(left, str_index(left, ','));
        left = str_from(left, one.len + 1);
        while (one.len && (one.p[0] == ' ' || one.p[0] == '\t')) one = str_from(one, 1);
        while (one.len && (one.p[one.len - 1] == ' ' || one.p[one.len - 1] == '\t')) one.len--;
        if (str_starts(one, STR("W/"))) one = str_from(one, 2);
        if (str_eq(one, STR("*")) || str_eq(one, etag)) return true;
    }
    return false;
}
