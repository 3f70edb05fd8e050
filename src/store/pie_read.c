/*
 * pie_read.c: a document of pie.h as a row of events: the beginning and the end of what is too large for a tree, and everything else as trees. XML
 * by the same parser as a stream (no DTD, entities, comments, processing instructions), with bounds for every piece. Parts may stand in files
 * of their own (XInclude): below the folder of the document, and nowhere else.
 *
 * Blocking reads: a thread for files, or a tool.
 */
#include "store/pie.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "xml/parser.h"

#define NS_XINCLUDE STR("http://www.w3.org/2001/XInclude")

enum { LEVELS = 8, FILES = 4, READ = 256 << 10 };

static const struct xml_limits limits = {
    .bytes_max = 16 << 20, .depth_max = 200, .attrs_max = 100, .children_max = 1000000};

/* A file that is being read; the one that includes it waits below. */
struct source {
    int fd;
    bool is_over;    /* no more bytes */
    unsigned levels; /* open elements when it began */
    struct buf in, folder;
    uint64_t taken;
};

/* An element that is read piece by piece. */
struct level {
    struct xml_node *el; /* its opening tag */
    struct str tag;      /* its name as it is written, with the prefix */
    struct xml_scope scope;
    struct arena_mark before;
};

struct pie_reader {
    struct source sources[FILES];
    struct level levels[LEVELS];
    unsigned source_count, level_count;
    struct arena *arena; /* of the levels */
    struct xml_framer framer;
    uint64_t bytes;
    bool is_begun, is_empty; /* is_empty: the level that was opened last has nothing in it */
    struct buf why;
};

/* What holds so much, or so many, that it is opened, by what is around it ("": the document). */
static const struct {
    const char *around, *name;
} containers[] = {
    {"", "server-data"}, {"server-data", "host"},      {"host", "user"}, {"user", "pubsub"}, {"pubsub", "items"},
    {"user", "archive"}, {"user", "offline-messages"}, {"user", "file"},
};

static int fail(struct pie_reader *r, int err, const char *why) {
    if (buf_len(&r->why)) return err;
    const struct source *s = r->source_count ? &r->sources[r->source_count - 1] : NULL;
    buf_printf(&r->why, "%s", why);
    if (s) buf_printf(&r->why, " (at byte %llu)", (unsigned long long)s->taken);
    return err;
}

struct str pie_reader_why(const struct pie_reader *r) {
    return buf_str(&r->why);
}

uint64_t pie_reader_bytes(const struct pie_reader *r) {
    return r->bytes;
}

/* --- files --- */

static int source_open(struct pie_reader *r, int folder, struct str folder_path, const char *name) {
    if (r->source_count == FILES) return fail(r, ERR_LIMIT, "files include one another too deeply");
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) || !S_ISREG(facts.st_mode)) {
        int why = errno;
        if (fd >= 0) close(fd);
        return fail(r, ERR_IO, fd < 0 ? strerror(why) : "this is no file");
    }
    struct source *s = &r->sources[r->source_count++];
    *s = (struct source){.fd = fd, .levels = r->level_count};
    buf_add_str(&s->folder, folder_path);
    size_t slash = strlen(name);
    while (slash && name[slash - 1] != '/') slash--;
    buf_add(&s->folder, name, slash);
    return 0;
}

static void source_close(struct pie_reader *r) {
    struct source *s = &r->sources[--r->source_count];
    close(s->fd);
    buf_free(&s->in);
    buf_free(&s->folder);
}

static int source_fill(struct pie_reader *r, struct source *s) {
    ssize_t n;
    do {
        n = read(s->fd, buf_reserve(&s->in, READ), READ);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return fail(r, ERR_IO, strerror(errno));
    buf_commit(&s->in, (size_t)n);
    r->bytes += (uint64_t)n;
    s->is_over = n == 0;
    return 0;
}

static void source_take(struct source *s, size_t len) {
    buf_consume(&s->in, len);
    s->taken += len;
}

/* A relative reference without dots that lead out; its escapes resolved. */
static bool href_read(struct arena *arena, struct str href, struct str *out) {
    char *path = arena_alloc(arena, href.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < href.len; i++) {
        char c = href.p[i];
        if (c == '%') {
            static const char hex[] = "0123456789abcdef";
            const char *high = i + 2 < href.len ? strchr(hex, href.p[i + 1] | 32) : NULL;
            const char *low = high ? strchr(hex, href.p[i + 2] | 32) : NULL;
            if (!low) return false;
            c = (char)((high - hex) << 4 | (low - hex));
            i += 2;
        }
        if (c == 0 || c == ':' || c == '?' || c == '#') return false;
        path[len++] = c;
    }
    path[len] = '\0';
    *out = str_of(path, len);
    for (struct str left = *out; left.p;) {
        size_t end = str_index(left, '/');
        struct str step = str_first(left, end);
        if (step.len == 0 || str_eq(step, STR("..")) || str_eq(step, STR("."))) return false;
        left = end < left.len ? str_from(left, end + 1) : STR_NONE;
    }
    return true;
}

static int include(struct pie_reader *r, struct arena *arena, const struct xml_node *el) {
    struct str path;
    bool is_plain = !xml_attr(el, STR("parse")).p && !xml_attr(el, STR("xpointer")).p;
    if (!is_plain || !href_read(arena, xml_attr(el, STR("href")), &path))
        return fail(r, ERR_INVALID, "an inclusion is not of a file below the document's folder");
    struct str folder = buf_str(&r->sources[r->source_count - 1].folder);
    return source_open(r, AT_FDCWD, STR(""), ARENA_CONCAT(arena, folder, path, str_of("", 1)).p);
}

/* --- the reader --- */

int pie_reader_open(const char *path, struct pie_reader **out, struct buf *out_why) {
    struct pie_reader *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->arena = arena_new();
    size_t len;
    enum xml_error error;
    /* From here on it is inside a stream: what comes are whole elements. */
    CHECK(xml_frame(&r->framer, STR("<x>"), &limits, &len, &error) == XML_FRAME_HEADER);
    int err = source_open(r, AT_FDCWD, STR(""), path);
    if (!err) {
        *out = r;
        return 0;
    }
    buf_add_str(out_why, buf_str(&r->why));
    pie_reader_free(&r);
    return err;
}

void pie_reader_free(struct pie_reader **slot) {
    struct pie_reader *r = *slot;
    if (!r) return;
    *slot = NULL;
    while (r->source_count) source_close(r);
    arena_free(&r->arena);
    buf_free(&r->why);
    free(r);
}

/* --- pieces --- */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The length of the tag that bytes begin with, its brackets too; 0: it is not whole yet. */
static size_t tag_len(struct str bytes) {
    char quote = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.p[i];
        if (quote) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            return i + 1;
        }
    }
    return 0;
}

static struct str tag_name(struct str tag) {
    size_t from = tag.len > 1 && tag.p[1] == '/' ? 2 : 1, to = from;
    while (to < tag.len && !is_space(tag.p[to]) && tag.p[to] != '/' && tag.p[to] != '>') to++;
    return str_first(str_from(tag, from), to - from);
}

static bool is_container(const struct pie_reader *r, struct str tag) {
    struct str around = r->level_count ? r->levels[r->level_count - 1].el->name : STR("");
    struct str name = tag_name(tag);
    size_t colon = str_index(name, ':');
    if (colon < name.len) name = str_from(name, colon + 1);
    /* The first element of an included file too: it may be a host or a user. */
    for (size_t i = 0; i < sizeof containers / sizeof *containers; i++)
        if (str_eq(name, str_c(containers[i].name)) && str_eq(around, str_c(containers[i].around))) return true;
    return false;
}

static int fail_xml(struct pie_reader *r, enum xml_error error) {
    return fail(r, ERR_INVALID,
                error == XML_RESTRICTED    ? "a DTD, comment, processing instruction or section that is not allowed"
                : error == XML_TOO_BIG     ? "an element is too large"
                : error == XML_TOO_COMPLEX ? "an element is too complex"
                                           : "this is not well-formed XML");
}

static int level_open(struct pie_reader *r, struct source *s, struct str tag, struct arena *arena,
                      struct pie_event *out) {
    if (r->level_count == LEVELS) return fail(r, ERR_LIMIT, "too deep");
    struct level *level = &r->levels[r->level_count];
    const struct xml_scope none = {0}, *scope = r->level_count ? &level[-1].scope : &none;
    level->before = arena_mark(r->arena);
    bool is_empty = tag.p[tag.len - 2] == '/';
    struct str opening =
        is_empty ? ARENA_CONCAT(r->arena, str_first(tag, tag.len - 2), STR(">")) : arena_dup(r->arena, tag);
    enum xml_error error = xml_parse_tag(r->arena, opening, scope, &limits, &level->el, &level->scope);
    if (error) return fail_xml(r, error);
    if (!r->level_count && !xml_is(level->el, NS_PIE, STR("server-data")))
        return fail(r, ERR_INVALID, "this is no export: it begins with something else");
    r->is_begun = true;
    level->tag = arena_dup(r->arena, tag_name(tag));
    r->level_count++;
    r->is_empty = is_empty;
    source_take(s, tag.len);
    *out = (struct pie_event){PIE_OPEN, xml_copy_deep(arena, level->el), NULL, NULL};
    return 1;
}

static int level_end(struct pie_reader *r, struct arena *arena, struct pie_event *out) {
    struct level *level = &r->levels[--r->level_count];
    *out = (struct pie_event){PIE_CLOSE, xml_copy_deep(arena, level->el), NULL, NULL};
    arena_release(r->arena, level->before);
    r->is_empty = false;
    return 1;
}

static int level_close(struct pie_reader *r, struct source *s, struct str tag, struct arena *arena,
                       struct pie_event *out) {
    const struct level *level = r->level_count > s->levels ? &r->levels[r->level_count - 1] : NULL;
    struct str rest = level ? str_from(tag, 2 + level->tag.len) : STR("");
    while (rest.len > 1 && is_space(rest.p[0])) rest = str_from(rest, 1);
    if (!level || !str_eq(tag_name(tag), level->tag) || !str_eq(rest, STR(">")))
        return fail_xml(r, XML_NOT_WELL_FORMED);
    source_take(s, tag.len);
    return level_end(r, arena, out);
}

/* 1: an element; 0: more bytes are needed. */
static int element(struct pie_reader *r, struct source *s, struct arena *arena, struct pie_event *out) {
    size_t len;
    enum xml_error error = XML_OK;
    enum xml_frame_kind kind = xml_frame(&r->framer, buf_str(&s->in), &limits, &len, &error);
    if (kind == XML_FRAME_NONE) return 0;
    if (kind != XML_FRAME_ELEMENT || !r->level_count) return fail_xml(r, error ? error : XML_NOT_WELL_FORMED);
    struct xml_node *el;
    struct str bytes = arena_dup(arena, str_first(buf_str(&s->in), len));
    error = xml_parse(arena, bytes, &r->levels[r->level_count - 1].scope, &limits, &el);
    if (error) return fail_xml(r, error);
    source_take(s, len);
    if (xml_is(el, NS_XINCLUDE, STR("include")) && r->level_count <= 3) {
        int err = include(r, arena, el);
        return err ? err : 2; /* go on there */
    }
    /* Namespaces were of levels, which may end. */
    *out = (struct pie_event){PIE_ELEMENT, xml_copy_deep(arena, el), NULL, NULL};
    return 1;
}

/* <?xml ...?>, at the beginning of a file. 1: there was one; 0: more bytes are needed. */
static int declaration(struct pie_reader *r, struct source *s, struct str bytes) {
    if (s->taken || !str_starts(bytes, STR("<?xml"))) return fail_xml(r, XML_RESTRICTED);
    size_t len = tag_len(bytes);
    if (!len) return 0;
    struct str text = str_first(bytes, len);
    if (memmem(text.p, text.len, "encoding", 8) && !memmem(text.p, text.len, "UTF-8", 5) &&
        !memmem(text.p, text.len, "utf-8", 5))
        return fail(r, ERR_INVALID, "only UTF-8 is understood");
    source_take(s, len);
    return 2;
}

/* 1: an event; 2: look again; 0: more bytes are needed. */
static int piece(struct pie_reader *r, struct source *s, struct arena *arena, struct pie_event *out) {
    struct str bytes = buf_str(&s->in);
    size_t space = 0;
    if (r->framer.scanned) return element(r, s, arena, out);
    while (space < bytes.len && is_space(bytes.p[space])) space++;
    if (space) source_take(s, space);
    bytes = buf_str(&s->in);
    if (bytes.len < 2) return bytes.len && bytes.p[0] != '<' ? fail_xml(r, XML_NOT_WELL_FORMED) : 0;
    if (bytes.p[0] != '<') return fail_xml(r, XML_NOT_WELL_FORMED);
    if (bytes.p[1] == '?') return declaration(r, s, bytes);
    if (bytes.p[1] == '!') return fail_xml(r, XML_RESTRICTED);
    size_t len = tag_len(bytes);
    if (!len) return bytes.len > 65536 ? fail_xml(r, XML_TOO_BIG) : 0;
    struct str tag = str_first(bytes, len);
    if (tag.p[1] == '/') return level_close(r, s, tag, arena, out);
    return is_container(r, tag) ? level_open(r, s, tag, arena, out) : element(r, s, arena, out);
}

int pie_read(struct pie_reader *r, struct arena *arena, struct pie_event *out) {
    if (r->is_empty) return level_end(r, arena, out);
    for (;;) {
        struct source *s = &r->sources[r->source_count - 1];
        int got = piece(r, s, arena, out);
        if (got == 1 || got < 0) return got;
        if (got == 2) continue;
        if (s->is_over) {
            if (buf_len(&s->in) || r->level_count != s->levels || !r->is_begun)
                return fail(r, ERR_INVALID, "it ends too early");
            if (r->source_count == 1) return 0;
            source_close(r);
            continue;
        }
        int err = source_fill(r, s);
        if (err) return err;
    }
}
