/*
 * fuzz_xml.c: our XML against expat. What we accept, expat must accept with the same tree; we may be stricter. Framing
 * fed in pieces must give the frames that it gives of the whole. What the writer writes must be read as the same tree.
 *
 * The first byte chooses the sizes of the pieces, the rest is the document.
 */
#include "fuzz.h"

#include <expat.h>

#include "base/buf.h"
#include "xml/parser.h"
#include "xml/writer.h"

static const struct xml_limits limits = {.bytes_max = 1 << 16, .depth_max = 32, .attrs_max = 32, .children_max = 4096};

/* --- a tree as canonical text: (ns\1name @ns\1name=value ... T text ... ) --- */

struct dump {
    struct buf out, text;
};

static void dump_free(struct dump *d) {
    buf_free(&d->out);
    buf_free(&d->text);
}

static void dump_text_end(struct dump *d) {
    if (buf_len(&d->text)) {
        buf_add_char(&d->out, 'T');
        buf_add_str(&d->out, buf_str(&d->text));
        buf_add_char(&d->out, '\n');
    }
    buf_clear(&d->text);
}

static int by_bytes(const void *a, const void *b) {
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void dump_start(struct dump *d, struct str name, struct str *attrs, size_t n) {
    dump_text_end(d);
    buf_add_char(&d->out, '(');
    buf_add_str(&d->out, name);
    if (n) qsort(attrs, n, sizeof *attrs, by_bytes);
    for (size_t i = 0; i < n; i++) {
        BUF_ADD_LIT(&d->out, "\n@");
        buf_add_str(&d->out, attrs[i]);
    }
    buf_add_char(&d->out, '\n');
}

static void dump_end(struct dump *d) {
    dump_text_end(d);
    BUF_ADD_LIT(&d->out, ")\n");
}

static struct str expanded(struct arena *arena, struct str ns, struct str name) {
    return ns.len ? ARENA_CONCAT(arena, ns, STR("\1"), name) : name;
}

static void dump_tree(struct dump *d, struct arena *arena, const struct xml_node *n, bool only_start) {
    struct str attrs[64];
    size_t count = 0;
    for (const struct xml_attr *a = n->attrs; a; a = a->next)
        attrs[count++] = ARENA_CONCAT(arena, expanded(arena, a->ns, a->name), STR("="), a->value);
    dump_start(d, expanded(arena, n->ns, n->name), attrs, count);
    if (only_start) return;
    for (const struct xml_node *c = n->first; c; c = c->next) {
        if (xml_is_text(c))
            buf_add_str(&d->text, c->text);
        else
            dump_tree(d, arena, c, false);
    }
    dump_end(d);
}

/* --- expat --- */

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **atts) {
    struct arena *arena = arena_new();
    struct str attrs[64];
    size_t count = 0;
    for (; atts[0] && count < 64; atts += 2)
        attrs[count++] = ARENA_CONCAT(arena, str_c(atts[0]), STR("="), str_c(atts[1]));
    dump_start(user, str_c(name), attrs, count);
    arena_free(&arena);
}

static void XMLCALL on_end(void *user, const XML_Char *name) {
    (void)name;
    dump_end(user);
}

static void XMLCALL on_text(void *user, const XML_Char *text, int len) {
    struct dump *d = user;
    buf_add(&d->text, text, (size_t)len);
}

/* Whether expat accepts; its tree in `d`. is_whole false: the root stays open. */
static bool expat_dump(struct dump *d, struct str bytes, bool is_whole) {
    XML_Parser parser = XML_ParserCreateNS("UTF-8", '\1');
    XML_SetUserData(parser, d);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    bool good = XML_Parse(parser, bytes.p, (int)bytes.len, is_whole) == XML_STATUS_OK;
    XML_ParserFree(parser);
    dump_text_end(d);
    return good;
}

/* Names in other alphabets: the fifth edition of XML allows some that the fourth, expat's, does not. */
static bool has_foreign_name(struct str s) {
    char quote = 0;
    bool in_tag = false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (in_tag && (c == '"' || c == '\''))
            quote = c;
        else if (c == '<' || c == '>')
            in_tag = c == '<';
        else if (in_tag && (unsigned char)c >= 0x80)
            return true;
    }
    return false;
}

/* --- the checks --- */

static void check_element(struct str doc) {
    struct arena *arena = arena_new();
    struct xml_node *n = NULL, *again = NULL;
    if (xml_parse(arena, doc, NULL, &limits, &n) == XML_OK) {
        struct dump ours = {BUF_INIT, BUF_INIT}, theirs = ours, rewritten = ours;
        dump_tree(&ours, arena, n, false);
        bool accepted = expat_dump(&theirs, doc, true);
        MUST(accepted || has_foreign_name(doc));
        if (accepted) MUST(str_eq(buf_str(&ours.out), buf_str(&theirs.out)));
        struct xml_limits wide = limits; /* made-up prefixes take attributes and room */
        wide.attrs_max = 64;
        wide.bytes_max = UINT32_MAX;
        struct str text = xml_string(arena, n, STR_NONE);
        /* At the top `stream:` stands undeclared, for the stream's header declares it. */
        struct str pair[1][2] = {{STR("stream"), STR("http://etherx.jabber.org/streams")}};
        struct xml_scope scope = {STR_NONE, 1, (const struct str(*)[2])pair};
        MUST(xml_parse(arena, text, &scope, &wide, &again) == XML_OK);
        dump_tree(&rewritten, arena, again, false);
        MUST(str_eq(buf_str(&ours.out), buf_str(&rewritten.out)));
        dump_free(&ours), dump_free(&theirs), dump_free(&rewritten);
    }
    arena_free(&arena);
}

struct frames {
    struct buf text; /* kinds and bytes; runs of white space as one */
    bool in_space;
};

static void frames_add(struct frames *f, enum xml_frame_kind kind, struct str bytes, enum xml_error error) {
    if (!(kind == XML_FRAME_SPACE && f->in_space)) buf_printf(&f->text, "\n%d %d ", (int)kind, (int)error);
    buf_add_str(&f->text, bytes);
    f->in_space = kind == XML_FRAME_SPACE;
}

/* All frames of the document, fed in pieces whose sizes come from `seed`; 0: at once. */
static void frames_read(struct frames *out, struct str doc, unsigned seed) {
    struct xml_framer framer = {0};
    size_t have = 0;
    bool is_end = false;
    while (!is_end) {
        seed = seed * 1103515245 + (seed ? 12345 : 0);
        size_t more = seed ? 1 + (seed >> 16) % ((seed >> 8) % 2 ? 3 : 40) : doc.len;
        have = more < doc.len - have ? have + more : doc.len;
        is_end = have == doc.len;
        for (;;) {
            size_t len = 0;
            enum xml_error error = XML_OK;
            char *copy = malloc(have + 1); /* exactly what is there, for ASan */
            if (have) memcpy(copy, doc.p, have);
            enum xml_frame_kind kind = xml_frame(&framer, str_of(copy, have), &limits, &len, &error);
            free(copy);
            if (kind == XML_FRAME_NONE) break;
            MUST(kind == XML_FRAME_BAD || (len > 0 && len <= have));
            frames_add(out, kind, str_first(doc, kind == XML_FRAME_BAD ? 0 : len), error);
            if (kind == XML_FRAME_BAD || kind == XML_FRAME_END) return;
            doc = str_from(doc, len);
            have -= len;
        }
    }
}

static void check_frames(struct str doc, unsigned seed) {
    struct frames whole = {BUF_INIT, false}, pieces = {BUF_INIT, false};
    frames_read(&whole, doc, 0);
    frames_read(&pieces, doc, seed | 1);
    MUST(str_eq(buf_str(&whole.text), buf_str(&pieces.text)));
    buf_free(&whole.text);
    buf_free(&pieces.text);
}

/* A stream: header and elements, each parsed alone with the header's scope, against expat over all of them. */
static void check_stream(struct str doc) {
    struct arena *arena = arena_new();
    struct dump ours = {BUF_INIT, BUF_INIT}, theirs = ours;
    struct xml_framer framer = {0};
    struct xml_scope scope = {0};
    struct xml_node *n = NULL;
    struct buf accepted = BUF_INIT;
    for (;;) {
        size_t len = 0;
        enum xml_error error = XML_OK;
        enum xml_frame_kind kind = xml_frame(&framer, doc, &limits, &len, &error);
        struct str frame = str_first(doc, len);
        if (kind != XML_FRAME_HEADER && kind != XML_FRAME_ELEMENT && kind != XML_FRAME_SPACE) break;
        if (kind == XML_FRAME_HEADER && xml_parse_header(arena, frame, &limits, &n, &scope)) break;
        if (kind == XML_FRAME_ELEMENT && xml_parse(arena, frame, &scope, &limits, &n)) break;
        if (kind != XML_FRAME_SPACE) {
            buf_add_str(&accepted, frame);
            dump_tree(&ours, arena, n, kind == XML_FRAME_HEADER);
        }
        doc = str_from(doc, len);
    }
    if (buf_len(&accepted)) {
        bool good = expat_dump(&theirs, buf_str(&accepted), false);
        MUST(good || has_foreign_name(buf_str(&accepted)));
        if (good) MUST(str_eq(buf_str(&ours.out), buf_str(&theirs.out)));
    }
    buf_free(&accepted);
    dump_free(&ours), dump_free(&theirs);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 1 || len > 4096) return 0;
    struct str doc = str_of(data + 1, len - 1);
    check_element(doc);
    check_frames(doc, data[0]);
    check_stream(doc);
    return 0;
}
