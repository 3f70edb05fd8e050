/*
 * parser.c: the XMPP subset of XML in two steps, framing and parsing (parser.h says why).
 *
 * Framing is a small table of states over classes of bytes; in the states where most bytes fall (text, quoted values,
 * the insides of tags) it runs ahead with memchr or a tight loop. It knows just enough to find the end of a frame
 * that is well-formed, and stops at whatever cannot be.
 *
 * Parsing is one pass over a complete element, after one pass that checks all of its bytes to be UTF-8 and characters
 * that XML allows; so the second pass may treat bytes from 0x80 as opaque except in names. Strings are slices of the
 * input, copied only where a reference or a line end must be resolved. Open elements are a list of frames in the arena,
 * not recursion: a deep tree costs a limit, not the stack.
 *
 * What must hold: what is accepted here, expat accepts with the same tree (tests/fuzz/fuzz_xml.c). The one exception
 * is names with characters from outside ASCII: they follow the fifth edition of XML 1.0, expat the fourth.
 * Pure; any thread.
 */
#include "xml/parser.h"

#include "base/codec.h"
#include "base/scan.h"

#define XMLNS_NS STR("http://www.w3.org/2000/xmlns/")

/* --- framing --- */

enum byte_class { C_OTHER, C_SPACE, C_LT, C_GT, C_SLASH, C_BANG, C_QUERY, C_QUOT, C_APOS, CLASSES };

static const uint8_t byte_classes[256] = {
    [' '] = C_SPACE, ['\t'] = C_SPACE, ['\n'] = C_SPACE, ['\r'] = C_SPACE, ['<'] = C_LT,    ['>'] = C_GT,
    ['/'] = C_SLASH, ['!'] = C_BANG,   ['?'] = C_QUERY,  ['"'] = C_QUOT,   ['\''] = C_APOS,
};

enum frame_state {
    S_START, /* between frames; 0, so that a zeroed framer begins here */
    S_SPACE, /* white space between frames: left at its end or that of the input */
    S_TEXT,
    S_LT, /* behind < */
    S_TAG,
    S_TAG_SLASH, /* behind / in a tag */
    S_QUOT,
    S_APOS,
    S_END_TAG,
    S_DECL,       /* inside <? */
    S_DECL_QUERY, /* behind ? in there */
    S_DECL_DONE,  /* behind ?> */
    STATES,
    /* What a byte can mean beyond a new state: */
    A_SPACE_ENDS = STATES,
    A_OPENS,
    A_EMPTY,
    A_CLOSES,
    A_BAD,
    A_RESTRICTED,
    A_QUERY, /* <?: a declaration or restricted */
};

static const uint8_t transitions[STATES][CLASSES] = {
    [S_START] = {A_BAD, S_SPACE, S_LT, A_BAD, A_BAD, A_BAD, A_BAD, A_BAD, A_BAD},
    [S_SPACE] = {A_SPACE_ENDS, S_SPACE, A_SPACE_ENDS, A_SPACE_ENDS, A_SPACE_ENDS, A_SPACE_ENDS, A_SPACE_ENDS,
                 A_SPACE_ENDS, A_SPACE_ENDS},
    [S_TEXT] = {S_TEXT, S_TEXT, S_LT, S_TEXT, S_TEXT, S_TEXT, S_TEXT, S_TEXT, S_TEXT},
    [S_LT] = {S_TAG, A_BAD, A_BAD, A_BAD, S_END_TAG, A_RESTRICTED, A_QUERY, A_BAD, A_BAD},
    [S_TAG] = {S_TAG, S_TAG, A_BAD, A_OPENS, S_TAG_SLASH, S_TAG, S_TAG, S_QUOT, S_APOS},
    [S_TAG_SLASH] = {A_BAD, A_BAD, A_BAD, A_EMPTY, A_BAD, A_BAD, A_BAD, A_BAD, A_BAD},
    [S_QUOT] = {S_QUOT, S_QUOT, A_BAD, S_QUOT, S_QUOT, S_QUOT, S_QUOT, S_TAG, S_QUOT},
    [S_APOS] = {S_APOS, S_APOS, A_BAD, S_APOS, S_APOS, S_APOS, S_APOS, S_APOS, S_TAG},
    [S_END_TAG] = {S_END_TAG, S_END_TAG, A_BAD, A_CLOSES, A_BAD, S_END_TAG, S_END_TAG, A_BAD, A_BAD},
    [S_DECL] = {S_DECL, S_DECL, A_BAD, A_BAD, S_DECL, S_DECL, S_DECL_QUERY, S_DECL, S_DECL},
    [S_DECL_QUERY] = {A_BAD, A_BAD, A_BAD, S_DECL_DONE, A_BAD, A_BAD, A_BAD, A_BAD, A_BAD},
    [S_DECL_DONE] = {A_BAD, S_DECL_DONE, S_LT, A_BAD, A_BAD, A_BAD, A_BAD, A_BAD, A_BAD},
};

static inline uint8_t class_of(char c) {
    return byte_classes[(unsigned char)c];
}

/* Runs over bytes that leave `state` as it is. */
static inline const char *frame_skip(uint8_t state, const char *at, const char *end) {
    const char *lt;
    switch (state) {
    case S_TEXT:
        lt = memchr(at, '<', (size_t)(end - at));
        return lt ? lt : end;
    case S_QUOT:
    case S_APOS:
        return scan_to(at, end, state == S_QUOT ? '"' : '\'', '<', '<', '<', '<');
    case S_TAG:
    case S_END_TAG:
        while (at < end && class_of(*at) <= C_SPACE) at++;
        return at;
    default:
        return at;
    }
}

static enum xml_frame_kind frame_bad(enum xml_error error, enum xml_error *out_error) {
    *out_error = error;
    return XML_FRAME_BAD;
}

/* What a tag that just ended means: NONE: go on inside. */
static enum xml_frame_kind frame_tag(struct xml_framer *f, uint8_t action, const struct xml_limits *limits,
                                     enum xml_error *out_error) {
    if (!f->in_stream) {
        if (action != A_OPENS) return frame_bad(XML_NOT_WELL_FORMED, out_error);
        f->in_stream = 1;
        return XML_FRAME_HEADER;
    }
    if (action == A_CLOSES) {
        if (f->depth == 0) return XML_FRAME_END;
        f->depth--;
    } else {
        if (f->depth >= limits->depth_max) return frame_bad(XML_TOO_COMPLEX, out_error);
        if (action == A_OPENS) f->depth++;
    }
    f->state = S_TEXT;
    return f->depth == 0 ? XML_FRAME_ELEMENT : XML_FRAME_NONE;
}

/* One byte that is no mere new state; `offset` of it in the frame. */
static enum xml_frame_kind frame_act(struct xml_framer *f, uint8_t action, size_t offset,
                                     const struct xml_limits *limits, enum xml_error *out_error) {
    switch (action) {
    case A_SPACE_ENDS:
        return XML_FRAME_SPACE;
    case A_RESTRICTED:
        return frame_bad(XML_RESTRICTED, out_error);
    case A_QUERY:
        if (f->in_stream || offset != 1) return frame_bad(XML_RESTRICTED, out_error);
        f->state = S_DECL;
        return XML_FRAME_NONE;
    case A_BAD:
        return frame_bad(XML_NOT_WELL_FORMED, out_error);
    default:
        return frame_tag(f, action, limits, out_error);
    }
}

static enum xml_frame_kind frame_done(struct xml_framer *f, enum xml_frame_kind kind, size_t len, size_t *out_len) {
    f->scanned = 0;
    f->depth = 0;
    f->state = S_START;
    *out_len = len;
    return kind;
}

enum xml_frame_kind xml_frame(struct xml_framer *f, struct str bytes, const struct xml_limits *limits, size_t *out_len,
                              enum xml_error *out_error) {
    size_t len = bytes.len < limits->bytes_max ? bytes.len : limits->bytes_max;
    if (len <= f->scanned) return bytes.len >= limits->bytes_max ? frame_bad(XML_TOO_BIG, out_error) : XML_FRAME_NONE;
    const char *at = bytes.p + f->scanned, *end = bytes.p + len;
    while (at < end) {
        at = frame_skip(f->state, at, end);
        if (at == end) break;
        uint8_t next = transitions[f->state][class_of(*at)];
        if (next < STATES) {
            f->state = next;
        } else {
            enum xml_frame_kind kind = frame_act(f, next, (size_t)(at - bytes.p), limits, out_error);
            if (kind == XML_FRAME_BAD) return kind;
            size_t frame_len = (size_t)(at - bytes.p) + (next != A_SPACE_ENDS);
            if (kind != XML_FRAME_NONE) return frame_done(f, kind, frame_len, out_len);
        }
        at++;
    }
    if (f->state == S_SPACE) return frame_done(f, XML_FRAME_SPACE, len, out_len);
    if (bytes.len >= limits->bytes_max) return frame_bad(XML_TOO_BIG, out_error);
    f->scanned = (uint32_t)len;
    return XML_FRAME_NONE;
}

void xml_framer_restart(struct xml_framer *framer) {
    *framer = (struct xml_framer){0};
}

/* --- parsing --- */

/* At once, around and in an element. They are looked up one by one, so a stranger must not be able to pile them up. */
#define BINDINGS_MAX 64

struct binding {
    struct str prefix, uri;
    unsigned count; /* with all around it */
    struct binding *outer;
};

/* An open element. */
struct frame {
    struct frame *outer, *inner; /* inner: made by an earlier sibling's child, used again */
    struct xml_node *node;
    struct str raw_name;      /* with prefix, as the closing tag must repeat it */
    struct str default_ns;    /* in force inside */
    struct binding *bindings; /* in force inside, innermost first */
};

struct parser {
    const char *at, *end;
    struct arena *arena;
    const struct xml_limits *limits;
    const struct xml_scope *scope;
    struct frame *top;
    struct xml_node *root;
    uint32_t nodes;
    uint16_t depth;
};

/* A name as it stands there: prefix:local. */
struct qname {
    struct str raw, prefix, local; /* prefix.p NULL: none */
};

enum { NAME_START = 1, NAME = 2, SPACE = 4, TEXT_RESOLVE = 8, VALUE_RESOLVE = 16 };

__extension__ static const uint8_t char_flags[256] = {
    ['a' ... 'z'] = NAME_START | NAME,
    ['A' ... 'Z'] = NAME_START | NAME,
    ['_'] = NAME_START | NAME,
    ['0' ... '9'] = NAME,
    ['-'] = NAME,
    ['.'] = NAME,
    [' '] = SPACE,
    ['\t'] = SPACE | VALUE_RESOLVE,
    ['\n'] = SPACE | VALUE_RESOLVE,
    ['\r'] = SPACE | VALUE_RESOLVE | TEXT_RESOLVE,
    ['&'] = TEXT_RESOLVE | VALUE_RESOLVE,
};

static inline bool has_flag(char c, unsigned flag) {
    return char_flags[(unsigned char)c] & flag;
}

static bool skip_space(struct parser *p) {
    const char *from = p->at;
    while (p->at < p->end && has_flag(*p->at, SPACE)) p->at++;
    return p->at > from;
}

static bool take(struct parser *p, char c) {
    if (p->at == p->end || *p->at != c) return false;
    p->at++;
    return true;
}

static struct str rest_of(const struct parser *p) {
    return str_of(p->at, (size_t)(p->end - p->at));
}

static bool take_literal(struct parser *p, struct str literal) {
    if (!str_starts(rest_of(p), literal)) return false;
    p->at += literal.len;
    return true;
}

/* --- names --- */

struct range {
    uint32_t first, last;
};

/* XML 1.0, fifth edition, productions [4] and [4a], from outside ASCII. */
static const struct range start_ranges[] = {
    {0xc0, 0xd6},     {0xd8, 0xf6},     {0xf8, 0x2ff},    {0x370, 0x37d},   {0x37f, 0x1fff},  {0x200c, 0x200d},
    {0x2070, 0x218f}, {0x2c00, 0x2fef}, {0x3001, 0xd7ff}, {0xf900, 0xfdcf}, {0xfdf0, 0xfffd}, {0x10000, 0xeffff},
};
static const struct range more_ranges[] = {{0xb7, 0xb7}, {0x300, 0x36f}, {0x203f, 0x2040}};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    }
    return false;
}

/* Takes one name character of any alphabet. */
static bool take_name_char(struct parser *p, unsigned flag) {
    if (p->at == p->end) return false;
    if (has_flag(*p->at, flag)) return p->at++, true;
    if ((unsigned char)*p->at < 0x80) return false;
    uint32_t c = 0;
    size_t n = utf8_next(rest_of(p), &c);
    bool good = in_ranges(c, start_ranges, sizeof start_ranges / sizeof start_ranges[0]) ||
                (flag == NAME && in_ranges(c, more_ranges, sizeof more_ranges / sizeof more_ranges[0]));
    if (n && good) p->at += n;
    return n && good;
}

/* A name without colon. */
static bool take_ncname(struct parser *p, struct str *out) {
    const char *from = p->at;
    if (p->at < p->end && has_flag(*p->at, NAME_START)) {
        p->at++;
    } else if (!take_name_char(p, NAME_START)) {
        return false;
    }
    do {
        while (p->at < p->end && has_flag(*p->at, NAME)) p->at++;
    } while (p->at < p->end && (unsigned char)*p->at >= 0x80 && take_name_char(p, NAME));
    *out = str_of(from, (size_t)(p->at - from));
    return true;
}

static bool take_qname(struct parser *p, struct qname *out) {
    struct str first;
    if (!take_ncname(p, &first)) return false;
    if (!take(p, ':')) {
        *out = (struct qname){first, STR_NONE, first};
        return true;
    }
    out->prefix = first;
    if (!take_ncname(p, &out->local)) return false;
    out->raw = str_of(first.p, (size_t)(p->at - first.p));
    return true;
}

/* --- references --- */

/* Behind "&#": digits and the semicolon. */
static enum xml_error take_char_reference(struct parser *p, uint32_t *out) {
    bool hex = take(p, 'x');
    uint32_t c = 0;
    const char *from = p->at;
    for (; p->at < p->end && *p->at != ';'; p->at++) {
        char d = *p->at;
        uint32_t digit = d >= '0' && d <= '9'   ? (uint32_t)(d - '0')
                         : d >= 'a' && d <= 'f' ? (uint32_t)(d - 'a' + 10)
                         : d >= 'A' && d <= 'F' ? (uint32_t)(d - 'A' + 10)
                                                : 99;
        if (digit >= (hex ? 16 : 10)) return XML_NOT_WELL_FORMED;
        c = c * (hex ? 16 : 10) + digit;
        if (c > 0x10ffff) return XML_NOT_WELL_FORMED;
    }
    if (p->at == from || !take(p, ';')) return XML_NOT_WELL_FORMED;
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return XML_NOT_WELL_FORMED;
    if ((c >= 0xd800 && c <= 0xdfff) || c == 0xfffe || c == 0xffff) return XML_NOT_WELL_FORMED;
    *out = c;
    return XML_OK;
}

/* At '&'. */
static enum xml_error take_reference(struct parser *p, uint32_t *out) {
    static const struct {
        struct str name;
        uint32_t c;
    } entities[] = {{STR_INIT("lt;"), '<'},
                    {STR_INIT("gt;"), '>'},
                    {STR_INIT("amp;"), '&'},
                    {STR_INIT("apos;"), '\''},
                    {STR_INIT("quot;"), '"'}};
    struct str name;
    p->at++;
    if (take(p, '#')) return take_char_reference(p, out);
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        if (!str_starts(rest_of(p), entities[i].name)) continue;
        p->at += entities[i].name.len;
        *out = entities[i].c;
        return XML_OK;
    }
    if (!take_ncname(p, &name) || !take(p, ';')) return XML_NOT_WELL_FORMED;
    return XML_RESTRICTED;
}

/* --- text and values --- */

/* Takes one character where something has to be resolved; resolving never makes text longer. */
static enum xml_error resolve_one(struct parser *p, bool in_value, char **to) {
    if (*p->at == '&') {
        uint32_t c = 0;
        enum xml_error error = take_reference(p, &c);
        if (error) return error;
        *to += utf8_put(*to, c);
        return XML_OK;
    }
    char c = *p->at++;
    if (c == '\r') { /* the two spellings of a line end become one */
        if (p->at < p->end && *p->at == '\n') p->at++;
        c = '\n';
    }
    if (in_value && has_flag(c, SPACE)) c = ' ';
    *(*to)++ = c;
    return XML_OK;
}

/* A string being taken: a slice of the input as long as that will do, else a copy. */
struct taking {
    const char *from;
    char *copy, *to; /* NULL: still a slice */
};

/* From here on a copy, which never gets longer than the input up to `stop`. False: there is no `stop`. */
static bool taking_copy(struct parser *p, struct taking *t, char stop) {
    if (t->copy) return true;
    const char *limit = memchr(p->at, stop, (size_t)(p->end - p->at));
    if (!limit) return false;
    t->copy = arena_alloc(p->arena, (size_t)(limit - t->from));
    memcpy(t->copy, t->from, (size_t)(p->at - t->from));
    t->to = t->copy + (p->at - t->from);
    return true;
}

static void taking_add(struct taking *t, const char *run, size_t len) {
    if (!t->copy) return;
    memcpy(t->to, run, len);
    t->to += len;
}

/* From p->at to the next `stop` ('<' or the closing quote), which is not taken. */
static enum xml_error take_resolved(struct parser *p, char stop, struct str *out) {
    const bool in_value = stop != '<';
    const unsigned resolve = in_value ? VALUE_RESOLVE : TEXT_RESOLVE;
    struct taking t = {.from = p->at};
    for (;;) {
        const char *run = p->at;
        p->at = scan_to(run, p->end, stop, '&', in_value ? '<' : ']', stop, stop);
        taking_add(&t, run, (size_t)(p->at - run));
        if (p->at == p->end) return XML_NOT_WELL_FORMED;
        if (*p->at == stop) break;
        if (*p->at == '<' || (*p->at == ']' && str_starts(rest_of(p), STR("]]>")))) return XML_NOT_WELL_FORMED;
        if (!has_flag(*p->at, resolve)) { /* is what it is */
            taking_add(&t, p->at++, 1);
            continue;
        }
        if (!taking_copy(p, &t, stop)) return XML_NOT_WELL_FORMED;
        do { /* one seldom comes alone */
            enum xml_error error = resolve_one(p, in_value, &t.to);
            if (error) return error;
        } while (p->at < p->end && has_flag(*p->at, resolve));
    }
    *out = t.copy ? str_of(t.copy, (size_t)(t.to - t.copy)) : str_of(t.from, (size_t)(p->at - t.from));
    return XML_OK;
}

/* --- namespaces --- */

static bool prefix_find(const struct parser *p, const struct frame *f, struct str prefix, struct str *out_uri) {
    for (const struct binding *b = f->bindings; b; b = b->outer) {
        if (str_eq(b->prefix, prefix)) {
            *out_uri = b->uri;
            return true;
        }
    }
    if (str_eq(prefix, STR("xml"))) {
        *out_uri = XML_NS_XML;
        return true;
    }
    for (uint32_t i = 0; p->scope && i < p->scope->prefix_count; i++) {
        if (str_eq(p->scope->prefixes[i][0], prefix)) {
            *out_uri = p->scope->prefixes[i][1];
            return true;
        }
    }
    return false;
}

/* xmlns='uri' (prefix absent) or xmlns:prefix='uri'. */
static enum xml_error prefix_declare(struct parser *p, struct frame *f, struct str prefix, struct str uri) {
    if (str_eq(uri, XMLNS_NS) || str_eq(uri, XML_NS_XML) != str_eq(prefix, STR("xml"))) return XML_NOT_WELL_FORMED;
    if (!prefix.p) {
        f->default_ns = uri;
        return XML_OK;
    }
    if (uri.len == 0 || str_eq(prefix, STR("xmlns"))) return XML_NOT_WELL_FORMED;
    unsigned count = f->bindings ? f->bindings->count + 1 : 1;
    if (count > BINDINGS_MAX) return XML_TOO_COMPLEX;
    struct binding *b = arena_alloc(p->arena, sizeof *b);
    *b = (struct binding){prefix, uri, count, f->bindings};
    f->bindings = b;
    return XML_OK;
}

/* Of one start tag. Declarations count as attributes until they are dropped at the end. */
struct attr_list {
    struct xml_attr *first, **tail;
    unsigned count;
    bool has_prefixed;
};

static bool attr_repeated(const struct xml_attr *first, const struct xml_attr *until, struct str ns, struct str name) {
    for (const struct xml_attr *a = first; a != until; a = a->next) {
        /* There may be thousands of pairs; names are not empty, and those made by counting differ at the end. */
        if (a->name.len != name.len || a->name.p[name.len - 1] != name.p[name.len - 1]) continue;
        if (str_eq(a->name, name) && str_eq(a->ns, ns)) return true;
    }
    return false;
}

/* name S? = S? "value" */
static enum xml_error take_attr(struct parser *p, struct frame *f, struct attr_list *list) {
    struct qname name;
    if (!take_qname(p, &name)) return XML_NOT_WELL_FORMED;
    skip_space(p);
    if (!take(p, '=')) return XML_NOT_WELL_FORMED;
    skip_space(p);
    if (p->at == p->end || (*p->at != '"' && *p->at != '\'')) return XML_NOT_WELL_FORMED;
    char quote = *p->at++;
    struct str value;
    enum xml_error error = take_resolved(p, quote, &value);
    if (error) return error;
    p->at++;
    /* Until all declarations are read, `ns` holds the prefix; so this also finds declarations that are repeated. */
    if (attr_repeated(list->first, NULL, name.prefix, name.local)) return XML_NOT_WELL_FORMED;
    struct xml_attr *a = arena_alloc(p->arena, sizeof *a);
    *a = (struct xml_attr){name.local, name.prefix, value, NULL};
    *list->tail = a;
    list->tail = &a->next;
    list->has_prefixed |= name.prefix.p != NULL;
    if (str_eq(name.raw, STR("xmlns"))) {
        list->has_prefixed = true;
        return prefix_declare(p, f, STR_NONE, value);
    }
    return str_eq(name.prefix, STR("xmlns")) ? prefix_declare(p, f, name.local, value) : XML_OK;
}

/* Drops the declarations, turns prefixes into namespaces, and looks for names that are then the same. */
static enum xml_error attrs_resolve(struct parser *p, const struct frame *f, struct attr_list *list) {
    struct xml_attr **at = &list->first;
    while (*at) {
        struct xml_attr *a = *at;
        bool declares = a->ns.p ? str_eq(a->ns, STR("xmlns")) : str_eq(a->name, STR("xmlns"));
        if (declares) {
            *at = a->next;
            continue;
        }
        if (a->ns.p) {
            if (!prefix_find(p, f, a->ns, &a->ns)) return XML_NOT_WELL_FORMED;
            if (attr_repeated(list->first, a, a->ns, a->name)) return XML_NOT_WELL_FORMED;
        }
        at = &a->next;
    }
    return XML_OK;
}

static enum xml_error take_attrs(struct parser *p, struct frame *f) {
    struct attr_list list = {.tail = &list.first};
    for (;;) {
        bool spaced = skip_space(p);
        if (p->at == p->end) return XML_NOT_WELL_FORMED;
        if (*p->at == '>' || *p->at == '/') break;
        if (!spaced) return XML_NOT_WELL_FORMED;
        if (list.count++ == p->limits->attrs_max || p->nodes++ == p->limits->children_max) return XML_TOO_COMPLEX;
        enum xml_error error = take_attr(p, f, &list);
        if (error) return error;
    }
    enum xml_error error = list.has_prefixed ? attrs_resolve(p, f, &list) : XML_OK;
    if (!error) f->node->attrs = list.first;
    return error;
}

/* --- elements --- */

static struct frame *frame_push(struct parser *p) {
    struct frame *outer = p->top, *f = outer ? outer->inner : NULL;
    if (!f) {
        f = ARENA_NEW(p->arena, struct frame);
        f->outer = outer;
        if (outer) outer->inner = f;
    }
    f->bindings = outer ? outer->bindings : NULL;
    f->default_ns = outer ? outer->default_ns : p->scope ? p->scope->default_ns : STR_NONE;
    f->node = NULL;
    p->top = f;
    p->depth++;
    return f;
}

static void frame_pop(struct parser *p) {
    p->top = p->top->outer;
    p->depth--;
}

static enum xml_error node_add(struct parser *p, struct xml_node *parent, struct xml_node **out) {
    if (p->nodes++ == p->limits->children_max) return XML_TOO_COMPLEX;
    struct xml_node *n = ARENA_NEW(p->arena, struct xml_node);
    if (parent)
        xml_append(parent, n);
    else
        p->root = n;
    *out = n;
    return XML_OK;
}

/* A start tag up to but without its > or />; leaves its frame on top. */
static enum xml_error take_tag(struct parser *p) {
    struct xml_node *parent = p->top ? p->top->node : NULL;
    struct qname name;
    if (p->depth >= p->limits->depth_max) return XML_TOO_COMPLEX;
    if (!take(p, '<') || !take_qname(p, &name)) return XML_NOT_WELL_FORMED;
    struct frame *f = frame_push(p);
    enum xml_error error = node_add(p, parent, &f->node);
    if (!error) error = take_attrs(p, f);
    if (error) return error;
    f->raw_name = name.raw;
    f->node->name = name.local;
    f->node->ns = f->default_ns;
    if (!name.prefix.p) return XML_OK;
    if (str_eq(name.prefix, STR("xmlns"))) return XML_NOT_WELL_FORMED;
    return prefix_find(p, f, name.prefix, &f->node->ns) ? XML_OK : XML_NOT_WELL_FORMED;
}

static enum xml_error take_start(struct parser *p) {
    enum xml_error error = take_tag(p);
    if (error) return error;
    if (take(p, '/')) frame_pop(p);
    return take(p, '>') ? XML_OK : XML_NOT_WELL_FORMED;
}

static enum xml_error take_end(struct parser *p) {
    p->at += 2;
    if (!take_literal(p, p->top->raw_name)) return XML_NOT_WELL_FORMED;
    skip_space(p);
    frame_pop(p);
    return take(p, '>') ? XML_OK : XML_NOT_WELL_FORMED;
}

static enum xml_error take_text(struct parser *p) {
    struct xml_node *text;
    enum xml_error error = node_add(p, p->top->node, &text);
    return error ? error : take_resolved(p, '<', &text->text);
}

/* At '<', with something behind it: a start tag, an end tag or what is forbidden. */
static enum xml_error take_markup(struct parser *p) {
    if (p->end - p->at < 2) return XML_NOT_WELL_FORMED;
    char c = p->at[1];
    if (c == '!' || c == '?') return XML_RESTRICTED;
    if (c == '/') return p->top ? take_end(p) : XML_NOT_WELL_FORMED;
    return take_start(p);
}

static struct parser parser_over(struct arena *arena, struct str bytes, const struct xml_scope *scope,
                                 const struct xml_limits *limits) {
    const char *p = bytes.p ? bytes.p : "";
    return (struct parser){.at = p, .end = p + bytes.len, .arena = arena, .limits = limits, .scope = scope};
}

enum xml_error xml_parse(struct arena *arena, struct str bytes, const struct xml_scope *scope,
                         const struct xml_limits *limits, struct xml_node **out) {
    if (bytes.len > limits->bytes_max) return XML_TOO_BIG;
    if (!utf8_valid_xml(bytes)) return XML_NOT_WELL_FORMED;
    struct parser p = parser_over(arena, bytes, scope, limits);
    skip_space(&p);
    if (p.at == p.end || *p.at != '<') return XML_NOT_WELL_FORMED;
    enum xml_error error = take_markup(&p);
    while (!error && p.top) {
        if (p.at == p.end)
            error = XML_NOT_WELL_FORMED;
        else
            error = *p.at == '<' ? take_markup(&p) : take_text(&p);
    }
    if (error) return error;
    skip_space(&p);
    if (p.at != p.end) return XML_NOT_WELL_FORMED;
    *out = p.root;
    return XML_OK;
}

struct xml_node *xml_parse_own(struct arena *arena, struct str bytes) {
    static const struct xml_limits none = {UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT32_MAX};
    struct xml_node *el;
    return xml_parse(arena, bytes, NULL, &none, &el) == XML_OK ? el : NULL;
}

/* --- the stream header --- */

/* S name S? = S? "value", as in an XML declaration. False: it is not there, or broken, on which what follows fails. */
static bool take_pseudo_attr(struct parser *p, struct str name, struct str *out_value) {
    const char *from = p->at;
    if (!skip_space(p) || !take_literal(p, name)) {
        p->at = from;
        return false;
    }
    skip_space(p);
    bool equals = take(p, '=');
    skip_space(p);
    char quote = p->at < p->end ? *p->at : '\0';
    *out_value = STR_NONE;
    if (!equals || (quote != '"' && quote != '\'')) return false;
    const char *value = ++p->at, *close = memchr(value, quote, (size_t)(p->end - value));
    if (!close) return false;
    *out_value = str_of(value, (size_t)(close - value));
    p->at = close + 1;
    return true;
}

static bool is_utf8_name(struct str s) {
    static const char lower[] = "utf-8";
    if (s.len != sizeof lower - 1) return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
        if (c != lower[i]) return false;
    }
    return true;
}

/* <?xml version='1.0' encoding='utf-8' standalone='yes'?>, if it is there. */
static enum xml_error take_declaration(struct parser *p) {
    struct str version = STR_NONE, encoding = STR_NONE, standalone = STR_NONE;
    if (!take_literal(p, STR("<?xml"))) return XML_OK;
    if (!take_pseudo_attr(p, STR("version"), &version) || !str_eq(version, STR("1.0"))) return XML_NOT_WELL_FORMED;
    if (take_pseudo_attr(p, STR("encoding"), &encoding) && !is_utf8_name(encoding)) return XML_BAD_ENCODING;
    if (take_pseudo_attr(p, STR("standalone"), &standalone) && !str_eq(standalone, STR("yes")) &&
        !str_eq(standalone, STR("no")))
        return XML_NOT_WELL_FORMED;
    skip_space(p);
    return take_literal(p, STR("?>")) ? XML_OK : XML_NOT_WELL_FORMED;
}

/* What the frame declares, before what is in force around it. */
static struct xml_scope scope_of(struct arena *arena, const struct frame *f, const struct xml_scope *around) {
    struct xml_scope scope = {.default_ns = f->default_ns};
    uint32_t inherited = around ? around->prefix_count : 0, i = 0;
    for (const struct binding *b = f->bindings; b; b = b->outer) scope.prefix_count++;
    struct str(*pairs)[2] = arena_alloc(arena, (scope.prefix_count + inherited) * sizeof *pairs);
    for (const struct binding *b = f->bindings; b; b = b->outer, i++) {
        pairs[i][0] = b->prefix;
        pairs[i][1] = b->uri;
    }
    for (uint32_t at = 0; at < inherited; at++, i++) {
        pairs[i][0] = around->prefixes[at][0];
        pairs[i][1] = around->prefixes[at][1];
    }
    scope.prefix_count = i;
    scope.prefixes = (const struct str(*)[2])pairs;
    return scope;
}

static enum xml_error parse_tag(struct parser *p, struct xml_node **out, struct xml_scope *out_scope) {
    skip_space(p);
    if (p->end - p->at >= 2 && p->at[0] == '<' && (p->at[1] == '?' || p->at[1] == '!')) return XML_RESTRICTED;
    enum xml_error error = take_tag(p);
    if (error) return error;
    if (!take(p, '>') || p->at != p->end) return XML_NOT_WELL_FORMED;
    *out = p->root;
    *out_scope = scope_of(p->arena, p->top, p->scope);
    return XML_OK;
}

enum xml_error xml_parse_header(struct arena *arena, struct str bytes, const struct xml_limits *limits,
                                struct xml_node **out, struct xml_scope *out_scope) {
    if (bytes.len > limits->bytes_max) return XML_TOO_BIG;
    if (!utf8_valid_xml(bytes)) return XML_NOT_WELL_FORMED;
    struct parser p = parser_over(arena, bytes, NULL, limits);
    enum xml_error error = take_declaration(&p);
    return error ? error : parse_tag(&p, out, out_scope);
}

enum xml_error xml_parse_tag(struct arena *arena, struct str bytes, const struct xml_scope *scope,
                             const struct xml_limits *limits, struct xml_node **out, struct xml_scope *out_scope) {
    if (bytes.len > limits->bytes_max) return XML_TOO_BIG;
    if (!utf8_valid_xml(bytes)) return XML_NOT_WELL_FORMED;
    struct parser p = parser_over(arena, bytes, scope, limits);
    return parse_tag(&p, out, out_scope);
}
