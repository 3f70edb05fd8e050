/*
 * archive_request.c: reads queries of archives. Strict: a field, a time or an id that is misread is a message that somebody misses.
 * On the account's home.
 */
#include "im/archive_request.h"

#include <stdlib.h>

#include "base/codec.h"
#include "im/archive.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"
#include "xmpp/rsm.h"

enum { SEARCH_BYTES_MAX = 512, SEARCH_TERMS_MAX = 12 };

struct reading {
    struct turn *turn;
    int64_t owner;
    struct arena *arena;
    struct archive_request *out;
    struct str *out_text; /* why it is refused */
    uint32_t named_cap;
};

/* --- ids --- */

static void name(struct reading *r, int64_t sequence) {
    struct archive_request *out = r->out;
    if (out->named_count == r->named_cap) {
        r->named_cap = r->named_cap ? r->named_cap * 2 : 4;
        int64_t *more = arena_alloc(r->arena, r->named_cap * sizeof *more);
        if (out->named_count) memcpy(more, out->named, out->named_count * sizeof *more);
        out->named = more;
    }
    out->named[out->named_count++] = sequence;
}

static enum stanza_error read_id(struct reading *r, struct str id, int64_t *out) {
    if (archive_id_decode(im_of(r->turn)->ids, r->turn->arena, r->owner, id, out)) return STANZA_ERR_ITEM_NOT_FOUND;
    name(r, *out);
    return STANZA_ERR_NONE;
}

/* Two bounds on one side: the nearer one. */
static enum stanza_error read_after(struct reading *r, struct str id) {
    int64_t sequence;
    enum stanza_error error = read_id(r, id, &sequence);
    if (!error && sequence > r->out->query.after) r->out->query.after = sequence;
    return error;
}

static enum stanza_error read_before(struct reading *r, struct str id) {
    int64_t sequence, *before = &r->out->query.before;
    enum stanza_error error = read_id(r, id, &sequence);
    if (!error && (*before == 0 || sequence < *before)) *before = sequence;
    return error;
}

static int order(const void *left, const void *right) {
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* --- the form --- */

static enum stanza_error field_start(struct reading *r, const struct xml_node *field) {
    return datetime_parse(form_value(r->arena, field), &r->out->query.from) ? STANZA_ERR_BAD_REQUEST : STANZA_ERR_NONE;
}

static enum stanza_error field_end(struct reading *r, const struct xml_node *field) {
    int64_t *to = &r->out->query.to;
    if (datetime_parse(form_value(r->arena, field), to)) return STANZA_ERR_BAD_REQUEST;
    if (*to == 0) *to = -1; /* 1970 itself: 0 would mean no bound */
    return STANZA_ERR_NONE;
}

static enum stanza_error field_with(struct reading *r, const struct xml_node *field) {
    struct jid jid;
    if (r->owner < 0) return STANZA_ERR_FEATURE_NOT_IMPLEMENTED; /* in a room it would tell who is behind a nick */
    if (jid_parse(r->arena, form_value(r->arena, field), &jid)) return STANZA_ERR_JID_MALFORMED;
    jid = jid_dup(r->arena, jid);
    r->out->query.with = jid_bare_str(jid);
    if (!jid_is_bare(jid)) r->out->query.with_resource = jid_str(jid);
    return STANZA_ERR_NONE;
}

static enum stanza_error field_after(struct reading *r, const struct xml_node *field) {
    return read_after(r, form_value(r->arena, field));
}

static enum stanza_error field_before(struct reading *r, const struct xml_node *field) {
    return read_before(r, form_value(r->arena, field));
}

/* As many as fit a page; rising, each once. */
static enum stanza_error field_ids(struct reading *r, const struct xml_node *field) {
    struct archive_query *q = &r->out->query;
    uint32_t count = 0, unique = 0, max = (uint32_t)im_of(r->turn)->server->options.mam_page;
    int64_t *ids = arena_alloc(r->arena, max * sizeof *ids);
    for (const struct xml_node *v = xml_child(field, NS_DATA, STR("value")); v; v = xml_again(v)) {
        if (count == max) {
            *r->out_text = STR("More ids than fit a page.");
            return STANZA_ERR_POLICY_VIOLATION;
        }
        enum stanza_error error = read_id(r, xml_text(r->arena, v), &ids[count++]);
        if (error) return error;
    }
    qsort(ids, count, sizeof *ids, order);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || ids[i] != ids[i - 1]) ids[unique++] = ids[i];
    q->ids = ids;
    q->ids_count = unique;
    return STANZA_ERR_NONE;
}

/* XEP-0431: how it matches is the server's affair: each word begins a word of the message (xmpp/terms.h). Empty: as if it were not there. */
static enum stanza_error field_fulltext(struct reading *r, const struct xml_node *field) {
    struct str text = form_value(r->arena, field);
    if (!str_some(text)) return STANZA_ERR_NONE;
    if (text.len > SEARCH_BYTES_MAX) {
        *r->out_text = STR("That is too long to search for.");
        return STANZA_ERR_POLICY_VIOLATION;
    }
    struct terms terms = terms_read(r->arena, text);
    if (terms.count == 0 || terms.count > SEARCH_TERMS_MAX) {
        *r->out_text =
            terms.count ? STR("Too many words to search for.") : STR("There is no word in it to search for.");
        return terms.count ? STANZA_ERR_POLICY_VIOLATION : STANZA_ERR_BAD_REQUEST;
    }
    r->out->terms = terms;
    return STANZA_ERR_NONE;
}

static enum stanza_error field_form_type(struct reading *r, const struct xml_node *field) {
    (void)r;
    (void)field; /* looked at before the others */
    return STANZA_ERR_NONE;
}

static const struct known_field {
    struct str var, type;
    enum stanza_error (*read)(struct reading *r, const struct xml_node *field);
} known_fields[] = {
    {STR_INIT("FORM_TYPE"), STR_INIT("hidden"), field_form_type},
    {STR_INIT("with"), STR_INIT("jid-single"), field_with},
    {STR_INIT("start"), STR_INIT("text-single"), field_start},
    {STR_INIT("end"), STR_INIT("text-single"), field_end},
    {STR_INIT("before-id"), STR_INIT("text-single"), field_before},
    {STR_INIT("after-id"), STR_INIT("text-single"), field_after},
    {STR_INIT("ids"), STR_INIT("list-multi"), field_ids},
    {STR_INIT("{urn:xmpp:fulltext:0}fulltext"), STR_INIT("text-single"), field_fulltext},
};
enum { FIELDS = sizeof known_fields / sizeof *known_fields };

static unsigned field_find(struct str var) {
    unsigned at = 0;
    while (at < FIELDS && !str_eq(known_fields[at].var, var)) at++;
    return at;
}

/* All are known before any is read; none comes twice. */
static enum stanza_error read_form(struct reading *r, const struct xml_node *form) {
    unsigned seen = 0;
    if (!form) return STANZA_ERR_NONE;
    if (xml_again(form) || !str_eq(form_type(r->arena, form), NS_MAM)) return STANZA_ERR_BAD_REQUEST;
    for (const struct xml_node *f = xml_child(form, NS_DATA, STR("field")); f; f = xml_again(f)) {
        unsigned at = field_find(xml_attr(f, STR("var")));
        if (at == FIELDS) return STANZA_ERR_FEATURE_NOT_IMPLEMENTED;
        if (seen & 1u << at) return STANZA_ERR_BAD_REQUEST;
        seen |= 1u << at;
    }
    for (const struct xml_node *f = xml_child(form, NS_DATA, STR("field")); f; f = xml_again(f)) {
        enum stanza_error error = known_fields[field_find(xml_attr(f, STR("var")))].read(r, f);
        if (error) return error;
    }
    return STANZA_ERR_NONE;
}

struct xml_node *archive_request_form(struct arena *arena, int64_t owner) {
    struct xml_node *form = form_new(arena, STR("form"), NS_MAM);
    for (unsigned i = 1; i < FIELDS; i++) { /* form_new has written the first */
        if (owner < 0 && known_fields[i].read == field_with) continue;
        struct xml_node *field = form_add(arena, form, known_fields[i].type, known_fields[i].var, STR_NONE);
        if (known_fields[i].read != field_ids) continue;
        /* XEP-0122: any value, because the list of all ids is not for sending. */
        struct xml_node *validate = xml_add(arena, field, NS_VALIDATE, STR("validate"));
        xml_set(arena, validate, STR("datatype"), STR("xs:string"));
        xml_add(arena, validate, NS_VALIDATE, STR("open"));
    }
    return form;
}

/* --- the page --- */

/* Profanity (0.13) asks for its next page with <after/> beside the form, not in a <set/>; it would get its first page again. */
static enum stanza_error read_page(struct reading *r, const struct xml_node *query) {
    struct rsm_query rsm;
    uint32_t max = (uint32_t)im_of(r->turn)->server->options.mam_page;
    if (rsm_read(r->turn->arena, query, &rsm)) return STANZA_ERR_BAD_REQUEST;
    if (rsm.has_index) return STANZA_ERR_FEATURE_NOT_IMPLEMENTED;
    r->out->query.max = rsm.has_max && rsm.max < max ? rsm.max : max;
    r->out->query.backwards = rsm.has_before;
    if (rsm.has_after) return read_after(r, rsm.after);
    struct str bare = xml_child_text(r->turn->arena, query, NS_MAM, STR("after"));
    if (str_some(bare) && !rsm.has_before) return read_after(r, bare);
    return str_some(rsm.before) ? read_before(r, rsm.before) : STANZA_ERR_NONE;
}

enum stanza_error archive_request_read(struct turn *turn, int64_t owner, struct arena *arena,
                                       const struct xml_node *query, struct archive_request *out,
                                       struct str *out_text) {
    struct reading r = {turn, owner, arena, out, out_text, 0};
    *out = (struct archive_request){.query = {.account = owner}};
    *out_text = STR_NONE;
    if (xml_attr(query, STR("node")).p) return STANZA_ERR_ITEM_NOT_FOUND; /* of pubsub */
    out->flip = xml_child(query, NS_MAM, STR("flip-page")) != NULL;
    struct str id = xml_attr(query, STR("queryid"));
    out->query_id = id.p ? arena_dup(arena, id) : STR_NONE;
    enum stanza_error error = read_form(&r, xml_child(query, NS_DATA, STR("x")));
    if (!error) error = read_page(&r, query);
    return error;
}
