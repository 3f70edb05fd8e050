/*
 * upload.c: HTTP File Upload (XEP-0363): leave to upload one file, as two addresses that are secrets of different people. The server's own domain is
 * the service. On the requester's home; quota and rate are decided by the writer, in the transaction that makes the slot. The files
 * themselves come and go by HTTP (front/media*.c).
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "im/account.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/media.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

struct slot_job {
    struct store_job job;
    struct iq_later *later;
    struct server *server;
    struct slot_limits limits;
    int64_t retry_us;
    struct slot_row row;
    char secret[SLOT_ID_LEN + 1];
};

/* --- what is asked for --- */

/* A name for a file of somebody else's machine: no folders, nothing that ends a header or hides. */
static bool name_clean(struct arena *arena, struct str name, struct str *out) {
    if (name.len == 0 || name.len > SLOT_NAME_MAX) return false;
    char *clean = arena_alloc(arena, name.len);
    bool dots = true;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = (uint8_t)name.p[i];
        clean[i] = c < ' ' || c == 127 || c == '/' || c == '\\' ? '_' : name.p[i];
        if (clean[i] != '.') dots = false;
    }
    if (dots) clean[0] = '_'; /* "." and ".." are no names */
    *out = str_of(clean, name.len);
    return true;
}

static bool type_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$&-^_.+", c));
}

/* "type/subtype" in lower case without parameters; false: it is none. */
static bool type_clean(struct arena *arena, struct str type, struct str *out) {
    type = str_first(type, str_index(type, ';'));
    while (str_ends(type, STR(" "))) type.len--;
    size_t slash = str_index(type, '/');
    if (type.len > SLOT_TYPE_MAX || slash == 0 || slash + 1 >= type.len) return false;
    char *clean = arena_alloc(arena, type.len);
    for (size_t i = 0; i < type.len; i++) {
        char c = type.p[i];
        clean[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        if (i != slash && !type_char(clean[i])) return false;
    }
    *out = str_of(clean, type.len);
    return true;
}

/* One of [media] types: "image/png", "image/ *". */
static bool type_is_allowed(struct str words, struct str type) {
    if (!str_some(words)) return true;
    while (str_some(words)) {
        struct str word = str_first(words, str_index(words, ' '));
        words = str_from(words, word.len + 1);
        if (str_some(word) && str_eq(word, type)) return true;
        if (str_ends(word, STR("/*")) && str_starts(type, str_first(word, word.len - 1))) return true;
    }
    return false;
}

/* --- refusals --- */

static void refuse(struct walk *walk, enum stanza_error error, struct str text, struct xml_node *detail) {
    struct iq_later *later = iq_defer(walk);
    iq_later_refuse_with(walk->turn, &later, error, text, detail);
}

static void refuse_too_large(struct walk *walk, int64_t max) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *detail = xml_new(arena, NS_UPLOAD, STR("file-too-large"));
    xml_add_text(arena, xml_add(arena, detail, STR_NONE, STR("max-file-size")),
                 arena_printf(arena, "%lld", (long long)max));
    refuse(walk, STANZA_ERR_NOT_ACCEPTABLE,
           arena_printf(arena, "The largest file that may be uploaded has %lld bytes.", (long long)max), detail);
}

static void refuse_for_now(struct turn *turn, struct slot_job *j) {
    struct xml_node *detail = NULL;
    if (j->retry_us) {
        detail = xml_new(turn->arena, NS_UPLOAD, STR("retry"));
        xml_set(turn->arena, detail, STR("stamp"),
                datetime_format(turn->arena, j->retry_us / 1000000 * 1000000 + 1000000));
    }
    iq_later_refuse_with(turn, &j->later, STANZA_ERR_RESOURCE_CONSTRAINT,
                         STR("You have uploaded as much as one may for now."), detail);
}

/* --- purposes --- */

/* When the file goes; 0: never. False: refused. */
static bool purpose_take(struct walk *walk, struct slot_row *row, int64_t *out_max) {
    const struct options *o = &walk->im->server->options;
    *out_max = o->file_bytes;
    row->purpose = SLOT_MESSAGE;
    for (const struct xml_node *n = xml_first_element(walk->stanza.payload); n; n = xml_next_element(n)) {
        if (!str_eq(n->ns, NS_UPLOAD_PURPOSE) || str_eq(n->name, STR("message"))) continue;
        if (str_eq(n->name, STR("profile"))) {
            row->purpose = SLOT_PROFILE;
            if (o->profile_bytes < *out_max) *out_max = o->profile_bytes;
        } else if (str_eq(n->name, STR("ephemeral"))) {
            int64_t until_us;
            if (datetime_parse(xml_attr(n, STR("expire-before")), &until_us) || until_us <= walk->turn->wall_us) {
                refuse(walk, STANZA_ERR_BAD_REQUEST, STR("When does it expire?"), NULL);
                return false;
            }
            row->purpose = SLOT_EPHEMERAL;
            row->gone_us = until_us;
        } else {
            refuse(walk, STANZA_ERR_NOT_ALLOWED, STR("Files are not kept for that purpose here."), NULL);
            return false;
        }
    }
    return true;
}

/* --- the slot --- */

static int slot_run(struct db *db, struct store_job *job) {
    struct slot_job *j = (struct slot_job *)job;
    uint8_t hash[SLOT_HASH_LEN];
    slot_secret_hash(str_of(j->secret, SLOT_ID_LEN), hash);
    return slots_create(db, &j->row, hash, &j->limits, &j->retry_us);
}

static void slot_done(struct turn *turn, struct store_job *job) {
    struct slot_job *j = (struct slot_job *)job;
    if (job->result == ERR_LIMIT) {
        refuse_for_now(turn, j);
    } else if (job->result) {
        iq_later_failed(turn, &j->later, job->result);
    } else {
        struct str name = str_of(j->row.name, j->row.name_len);
        struct xml_node *slot = xml_new(turn->arena, NS_UPLOAD, STR("slot"));
        xml_set(turn->arena, xml_add(turn->arena, slot, STR_NONE, STR("put")), STR("url"),
                media_put_url(j->server, turn->arena, str_of(j->secret, SLOT_ID_LEN), name));
        xml_set(turn->arena, xml_add(turn->arena, slot, STR_NONE, STR("get")), STR("url"),
                media_get_url(j->server, turn->arena, str_of(j->row.get_id, SLOT_ID_LEN), name));
        iq_later_answer(turn, &j->later, slot);
    }
    bytes_wipe(j->secret, sizeof j->secret);
    free(j);
}

static void slot_submit(struct walk *walk, const struct slot_row *row) {
    struct server *server = walk->im->server;
    struct slot_job *j = msg_new(MSG_STORE_DONE, sizeof *j, 0);
    j->job.kind = STORE_WRITE;
    j->job.slot = walk->account->slot;
    j->job.run = slot_run;
    j->job.done = slot_done;
    j->server = server;
    j->limits.quota = server->options.media_quota;
    j->limits.per_hour = server->options.rates ? server->options.slots_per_hour : 0;
    j->row = *row;
    random_id(j->row.get_id);
    random_id(j->secret);
    j->later = iq_defer(walk);
    store_submit(server->store, walk->turn, &j->job);
}

static void on_request(struct walk *walk) {
    const struct options *o = &walk->im->server->options;
    const struct xml_node *request = walk->stanza.payload;
    struct turn *turn = walk->turn;
    struct slot_row row = {
        .account = walk->account->id, .created_us = turn->wall_us, .expires_us = turn->wall_us + o->slot_ms * 1000};
    struct str name, type = xml_attr(request, STR("content-type"));
    unsigned long long size;
    int64_t max;
    if (!media_is_served(o) || o->file_bytes == 0) {
        refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE, NULL);
    } else if (!name_clean(turn->arena, xml_attr(request, STR("filename")), &name) ||
               !str_to_u64(xml_attr(request, STR("size")), INT64_MAX, &size) ||
               (str_some(type) && !type_clean(turn->arena, type, &type))) {
        refuse(walk, STANZA_ERR_BAD_REQUEST, STR("A name of at most 255 bytes, a size and perhaps a type, please."),
               NULL);
    } else if (!type_is_allowed(o->media_types, str_some(type) ? type : STR("application/octet-stream"))) {
        refuse(walk, STANZA_ERR_NOT_ALLOWED, STR("Files of that type are not taken here."), NULL);
    } else if (purpose_take(walk, &row, &max)) {
        if (size > (unsigned long long)max) {
            refuse_too_large(walk, max);
            return;
        }
        row.size = (int64_t)size;
        row.name_len = (uint16_t)name.len;
        row.type_len = (uint16_t)type.len;
        memcpy(row.name, name.p, name.len);
        if (type.len) memcpy(row.type, type.p, type.len);
        slot_submit(walk, &row);
    }
}

static void on_disco_form(struct walk *walk, struct xml_node *query) {
    struct arena *arena = walk->turn->arena;
    const struct options *o = &walk->im->server->options;
    struct xml_node *form = form_new(arena, STR("result"), NS_UPLOAD);
    form_add(arena, form, STR_NONE, STR("max-file-size"), arena_printf(arena, "%lld", (long long)o->file_bytes));
    xml_append(query, form);
}

static const struct str upload_disco[] = {
    STR_INIT("urn:xmpp:http:upload:0"),
    STR_INIT("urn:xmpp:http:upload:purpose:0#message"),
    STR_INIT("urn:xmpp:http:upload:purpose:0#profile"),
    STR_INIT("urn:xmpp:http:upload:purpose:0#ephemeral"),
    {NULL, 0},
};

static const struct iq_handler upload_iq[] = {
    {IQ_GET, TO(SERVER), STR_INIT("urn:xmpp:http:upload:0"), STR_INIT("request"), on_request},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_upload = {
    .name = "upload",
    .spec = "XEP-0363",
    .version = "1.2.0",
    .text = "Leave to upload files by HTTP, within a quota; uploads can be resumed (docs/decisions/004-uploads.md); "
            "files are "
            "served with ranges.",
    .disco = upload_disco,
    .disco_form = on_disco_form,
    .iq = upload_iq,
};
