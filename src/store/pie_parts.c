/*
 * pie_parts.c: what stands inside a user (pie.h), element by element, by a table. Values are taken as strictly as from a client: what is no address,
 * no date, no number is left out and counted.
 *
 * Writer thread, inside a job.
 */
#include "store/pie.h"

#include <string.h>

#include "base/codec.h"
#include "base/err.h"
#include "store/archive.h"
#include "store/archive_index.h"
#include "store/documents.h"
#include "store/items.h"
#include "store/prefs.h"
#include "store/roster.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

/* No file is larger: what says so is wrong, and not a disk that is too small. */
#define FILE_MAX ((int64_t)1 << 40)

enum { ROOM = 1 << 20, NAME_MAX_LEN = 1023, ITERATIONS_MAX = 10000000 };

/* One part under way. */
struct part {
    struct db *db;
    const struct pie_rules *rules;
    struct arena *arena;
    const struct xml_node *el;
    struct pie_state *st;
};

static int refuse(struct part *p) {
    p->st->counts.refused++;
    return 0;
}

static struct str own(const struct part *p) {
    return str_of(p->st->bare, p->st->bare_len);
}

static bool int_attr(const struct xml_node *el, const char *name, int64_t *out) {
    struct str text = xml_attr(el, str_c(name));
    bool is_negative = str_starts(text, STR("-"));
    unsigned long long n;
    if (!str_to_u64(is_negative ? str_from(text, 1) : text, INT64_MAX, &n)) return false;
    *out = is_negative ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool jid_attr(struct part *p, const struct xml_node *el, const char *name, struct jid *out) {
    return !jid_parse(p->arena, xml_attr(el, str_c(name)), out);
}

/* --- credentials --- */

static bool bytes_child(struct part *p, struct str name, size_t min, size_t max, uint8_t *out, uint8_t *out_len) {
    struct str bytes, text = xml_child_text(p->arena, p->el, NS_PIE_SCRAM, name);
    if (!text.p || base64_decode(p->arena, text, &bytes) || bytes.len < min || bytes.len > max) return false;
    memcpy(out, bytes.p, bytes.len);
    if (out_len) *out_len = (uint8_t)bytes.len;
    return true;
}

static int part_keys(struct part *p) {
    struct str mechanism = xml_attr(p->el, STR("mechanism"));
    bool is_256 = str_eq(mechanism, STR("SCRAM-SHA-256"));
    if (!is_256 && !str_eq(mechanism, STR("SCRAM-SHA-1"))) return refuse(p);
    size_t len = hash_len(is_256 ? HASH_SHA256 : HASH_SHA1);
    struct scram_keys keys = {.iterations = 0};
    unsigned long long iterations;
    struct str count = xml_child_text(p->arena, p->el, NS_PIE_SCRAM, STR("iter-count"));
    if (!str_to_u64(count, ITERATIONS_MAX, &iterations) || iterations == 0 ||
        !bytes_child(p, STR("salt"), 1, SASL_SALT_MAX, keys.salt, &keys.salt_len) ||
        !bytes_child(p, STR("server-key"), len, len, keys.server, NULL) ||
        !bytes_child(p, STR("stored-key"), len, len, keys.stored, NULL))
        return refuse(p);
    keys.iterations = (uint32_t)iterations;
    *(is_256 ? &p->st->sha256 : &p->st->sha1) = keys;
    bytes_wipe(&keys, sizeof keys);
    return 0;
}

/* --- contacts --- */

static unsigned contact_flags(const struct xml_node *item) {
    struct str subscription = xml_attr(item, STR("subscription"));
    unsigned flags = xml_child(item, NS_PIE_CONFAB, STR("unlisted")) ? 0 : ROSTER_LISTED;
    bool is_both = str_eq(subscription, STR("both"));
    if (is_both || str_eq(subscription, STR("to"))) flags |= ROSTER_TO;
    if (is_both || str_eq(subscription, STR("from"))) flags |= ROSTER_FROM;
    if (str_eq(xml_attr(item, STR("ask")), STR("subscribe"))) flags |= ROSTER_ASK;
    if (str_eq(xml_attr(item, STR("approved")), STR("true"))) flags |= ROSTER_APPROVED;
    return flags;
}

static int contact_put(struct part *p, const struct xml_node *item) {
    struct jid jid;
    if (!jid_attr(p, item, "jid", &jid)) return refuse(p);
    struct roster_row row = {.jid = jid_str(jid), .name = STR(""), .groups = STR(""), .flags = contact_flags(item)};
    struct str name = xml_attr(item, STR("name"));
    if (name.p && name.len <= NAME_MAX_LEN) row.name = name;
    for (const struct xml_node *g = xml_child(item, NS_ROSTER, STR("group")); g; g = xml_again(g)) {
        struct str group = xml_text(p->arena, g);
        if (!str_some(group) || group.len > NAME_MAX_LEN || str_index(group, '\n') < group.len) continue;
        row.groups = ARENA_CONCAT(p->arena, row.groups, group, STR("\n"));
    }
    return roster_put(p->db, p->st->account, &row, p->st->started_us);
}

static int part_roster(struct part *p) {
    int err = 0;
    for (const struct xml_node *i = xml_child(p->el, NS_ROSTER, STR("item")); !err && i; i = xml_again(i))
        err = contact_put(p, i);
    return err;
}

static int part_request(struct part *p) {
    struct jid from;
    if (!str_eq(xml_attr(p->el, STR("type")), STR("subscribe")) || !jid_attr(p, p->el, "from", &from)) return refuse(p);
    return requests_put(p->db, p->st->account, jid_bare_str(from), xml_string(p->arena, p->el, STR_NONE),
                        p->st->started_us);
}

static int part_blocked(struct part *p) {
    int err = 0;
    for (const struct xml_node *i = xml_child(p->el, NS_BLOCKING, STR("item")); !err && i; i = xml_again(i)) {
        struct jid jid;
        err = jid_attr(p, i, "jid", &jid) ? blocked_put(p->db, p->st->account, jid_str(jid)) : refuse(p);
    }
    return err;
}

/* --- documents --- */

static int document(struct part *p, enum document_kind kind, struct str name, const struct xml_node *el) {
    return documents_put(p->db, p->st->account, kind, name, xml_string(p->arena, el, STR_NONE), p->st->now_us, ROOM);
}

static int part_vcard(struct part *p) {
    return document(p, DOCUMENT_VCARD, STR(""), p->el);
}

static int part_private(struct part *p) {
    int err = 0;
    for (const struct xml_node *c = xml_first_element(p->el); !err && c; c = xml_next_element(c))
        err = document(p, DOCUMENT_PRIVATE, ARENA_CONCAT(p->arena, c->name, STR("\n"), c->ns), c);
    return err;
}

static uint32_t listed_read(struct part *p, struct str name, bool always, struct prefs_listed *out) {
    uint32_t count = 0;
    const struct xml_node *list = xml_child(p->el, NS_MAM, name);
    const struct xml_node *el = list ? xml_child(list, NS_MAM, STR("jid")) : NULL;
    for (; el; el = xml_again(el)) {
        struct jid jid;
        if (jid_parse(p->arena, xml_text(p->arena, el), &jid)) {
            refuse(p);
            continue;
        }
        if (out) out[count] = (struct prefs_listed){jid_str(jid), always};
        count++;
    }
    return count;
}

static int part_prefs(struct part *p) {
    static const struct str names[] = {STR_INIT("always"), STR_INIT("roster"), STR_INIT("never")};
    int policy = 0;
    for (int i = 0; i < 3; i++)
        if (str_eq(xml_attr(p->el, STR("default")), names[i])) policy = i + 1;
    if (!policy) return refuse(p);
    struct prefs_row row = {.policy = policy};
    uint32_t always = listed_read(p, STR("always"), true, NULL), never = listed_read(p, STR("never"), false, NULL);
    struct prefs_listed *listed = arena_alloc(p->arena, (always + never + 1) * sizeof *listed);
    listed_read(p, STR("always"), true, listed);
    listed_read(p, STR("never"), false, listed + always);
    row.listed = listed;
    /* An address in both says nothing, and twice the same is once. */
    for (uint32_t i = 0; i < always + never; i++) {
        bool is_new = true;
        for (uint32_t k = 0; k < row.count; k++) is_new = is_new && !str_eq(listed[k].jid, listed[i].jid);
        if (is_new) listed[row.count++] = listed[i];
    }
    return prefs_put(p->db, p->st->account, &row);
}

/* --- publish-subscribe --- */

static int node_of(struct part *p, struct node_row *out) {
    struct str name = xml_attr(p->el, STR("node"));
    if (!str_some(name) || name.len > NAME_MAX_LEN) return ERR_INVALID;
    int err = nodes_find(p->db, p->arena, p->st->account, name, out);
    if (err != ERR_NOT_FOUND) return err;
    struct pubsub_config config = pubsub_config_default(name);
    *out = (struct node_row){.name = name, .config = config};
    return nodes_create(p->db, p->st->account, name, &config, ROOM, &out->id);
}

static bool is_access(const struct xml_node *field) {
    return str_eq(xml_attr(field, STR("var")), STR("pubsub#access_model"));
}

/* What is not understood is left as it is by default, but for who may read: then nobody may. */
static void config_field(struct part *p, const struct xml_node *field, struct pubsub_config *config) {
    struct xml_node *form = xml_new(p->arena, NS_DATA, STR("x"));
    struct pubsub_config next = *config;
    xml_append(form, xml_copy_shallow(p->arena, field));
    if (pubsub_config_read(p->arena, form, &next) == 0)
        *config = next;
    else if (is_access(field))
        config->access = PUBSUB_WHITELIST;
}

static int part_configure(struct part *p) {
    struct node_row row;
    int err = node_of(p, &row);
    if (err) return err == ERR_INVALID ? refuse(p) : err;
    const struct xml_node *form = xml_child(p->el, NS_DATA, STR("x"));
    const struct xml_node *field = form ? xml_child(form, NS_DATA, STR("field")) : NULL;
    for (; field; field = xml_again(field)) config_field(p, field, &row.config);
    return nodes_configure(p->db, row.id, &row.config);
}

/* The other half of the row stays. */
static int person_put(struct part *p, int64_t node, const struct xml_node *el) {
    struct jid jid;
    struct person_row row;
    if (!jid_attr(p, el, "jid", &jid)) return refuse(p);
    int err = people_find(p->db, node, jid_str(jid), &row);
    if (err) return err;
    row.jid = jid_str(jid);
    struct str affiliation = xml_attr(el, STR("affiliation")), subscription = xml_attr(el, STR("subscription"));
    if (affiliation.p ? !pubsub_affiliation_read(affiliation, &row.affiliation)
                      : !pubsub_subscription_read(subscription, &row.subscription))
        return refuse(p);
    if (row.affiliation == PUBSUB_OWNER) return 0; /* whose account it is */
    return people_put(p->db, node, &row, ROOM);
}

static int part_people(struct part *p) {
    struct node_row row;
    int err = node_of(p, &row);
    if (err) return err == ERR_INVALID ? refuse(p) : err;
    for (const struct xml_node *c = xml_first_element(p->el); !err && c; c = xml_next_element(c))
        err = person_put(p, row.id, c);
    return err;
}

static int part_items(struct part *p) {
    struct node_row row;
    p->st->node = 0;
    int err = node_of(p, &row);
    if (err) return err == ERR_INVALID ? refuse(p) : err;
    p->st->node = row.id;
    return 0;
}

static int part_item(struct part *p) {
    const struct xml_node *payload = xml_first_element(p->el);
    struct str id = xml_attr(p->el, STR("id"));
    if (!p->st->node || !str_some(id) || id.len > NAME_MAX_LEN) return refuse(p);
    struct str xml = payload ? xml_string(p->arena, payload, STR_NONE) : STR("");
    return items_put(p->db, p->st->node, id, xml, p->st->now_us, ROOM);
}

/* --- messages --- */

static bool is_stanza_id(const struct xml_node *child, const void *arg) {
    (void)arg;
    return xml_is(child, NS_SID, STR("stanza-id"));
}

static int row_is_there(struct part *p, int64_t sequence) {
    int err = archive_index_ready(p->db, p->st->account);
    if (err) return err;
    struct db_statement *s = db_prepare(p->db, "SELECT 1 FROM archive_rows WHERE account = ?1 AND sequence = ?2");
    db_bind_int(s, 1, p->st->account);
    db_bind_int(s, 2, sequence);
    int got = db_step(s);
    db_finish(s);
    return got == 1 ? ERR_EXISTS : got;
}

static struct str child_attr(const struct xml_node *el, struct str ns, const char *name, const char *attr) {
    const struct xml_node *child = xml_child(el, ns, str_c(name));
    return child ? xml_attr(child, str_c(attr)) : STR_NONE;
}

/* Whose side it is on. False: it is nobody's message here. */
static bool entry_read(struct part *p, struct xml_node *message, int64_t sequence, struct archive_entry *out) {
    struct jid from, to;
    unsigned flags = p->rules->flags(message);
    if (!jid_attr(p, message, "from", &from)) return false;
    if (!jid_attr(p, message, "to", &to)) to = jid_trusted(own(p));
    bool is_out = str_eq(jid_bare_str(from), own(p)), to_oneself = is_out && str_eq(jid_bare_str(to), own(p));
    *out = (struct archive_entry){0};
    struct archive_owner *owner = is_out && !to_oneself ? &out->out : &out->in;
    owner->account = p->st->account;
    owner->sequence = sequence;
    owner->peer = jid_bare_str(is_out ? to : from);
    owner->flags = is_out && !to_oneself
                       ? ARCHIVE_OUT | (flags & (ARCHIVE_COUNTS | ARCHIVE_MARKER))
                       : (to_oneself ? ARCHIVE_OUT : 0u) | (flags & (ARCHIVE_COUNTS | ARCHIVE_OFFLINE));
    struct str origin = child_attr(message, NS_SID, "origin-id", "id"), to_bare = jid_bare_str(to);
    out->origin = archive_origin_hash(p->arena, p->rules->id_key, to_bare, origin);
    if (!xml_child(message, NS_RETRACT, STR("retract")))
        out->about =
            archive_origin_hash(p->arena, p->rules->id_key, to_bare, child_attr(message, NS_CORRECT, "replace", "id"));
    xml_remove_children(message, is_stanza_id, NULL);
    out->stanza = xml_string(p->arena, message, STR_NONE);
    return true;
}

static int message_put(struct part *p, const struct xml_node *message, int64_t sequence, unsigned more_flags) {
    struct archive_entry entry;
    if (!message || !entry_read(p, xml_copy_shallow(p->arena, message), sequence, &entry)) return refuse(p);
    entry.in.flags |= entry.in.account ? more_flags : 0;
    int err = p->st->is_again ? row_is_there(p, sequence) : 0;
    if (!err) err = archive_add(p->db, &entry);
    if (!err && entry.about) err = archive_correct(p->db, &entry);
    if (err == ERR_EXISTS) p->st->counts.repeated++;
    if (!err) p->st->counts.messages++;
    return err == ERR_EXISTS ? 0 : err;
}

/* Its place is its time, which for us is exact; from others several may have one time. Nothing is of the future. */
static int part_result(struct part *p) {
    const struct xml_node *forwarded = xml_child(p->el, NS_FORWARD, STR("forwarded"));
    const struct xml_node *delay = forwarded ? xml_child(forwarded, NS_DELAY, STR("delay")) : NULL;
    const struct xml_node *message = forwarded ? xml_child(forwarded, NS_CLIENT, STR("message")) : NULL;
    int64_t time_us;
    if (!message || !delay || datetime_parse(xml_attr(delay, STR("stamp")), &time_us) || time_us <= 0) return refuse(p);
    if (time_us >= p->st->started_us) time_us = p->st->started_us - 1;
    if (time_us <= p->st->last) time_us = p->st->last + 1;
    p->st->last = time_us;
    return message_put(p, message, time_us, 0);
}

/* Handed over at the next sign-in; in no query, because the archive has it if it was to have it. */
static int part_offline(struct part *p) {
    int64_t sequence = p->st->last_owed < p->st->started_us ? p->st->started_us : p->st->last_owed + 1;
    p->st->last_owed = sequence;
    return message_put(p, p->el, sequence, ARCHIVE_HIDDEN | ARCHIVE_OFFLINE);
}

/* --- what only this server says --- */

static int part_place(struct part *p) {
    int64_t place;
    if (!int_attr(p->el, "handed-over", &place) || place < 0) return refuse(p);
    p->st->has_place = true;
    p->st->place = place < p->st->started_us ? place : p->st->started_us - 1;
    return 0;
}

static int part_read(struct part *p) {
    int64_t peer, upto, changed;
    if (!int_attr(p->el, "peer", &peer) || !int_attr(p->el, "upto", &upto) || !int_attr(p->el, "changed", &changed))
        return refuse(p);
    struct db_statement *s =
        db_prepare(p->db, "INSERT INTO inbox (account, peer, newest, first, unread, mark, changed) VALUES (?1, ?2, 0, "
                          "0, 0, ?3, ?4) ON CONFLICT DO NOTHING");
    db_bind_int(s, 1, p->st->account);
    db_bind_int(s, 2, peer);
    db_bind_int(s, 3, upto);
    db_bind_int(s, 4, changed);
    return db_run(s);
}

static bool hash_attr(struct part *p, const char *name, uint8_t out[SLOT_HASH_LEN]) {
    struct str bytes, text = xml_attr(p->el, str_c(name));
    if (!text.p || base64_decode(p->arena, text, &bytes) || bytes.len != SLOT_HASH_LEN) return false;
    memcpy(out, bytes.p, SLOT_HASH_LEN);
    return true;
}

static bool text_attr(struct part *p, const char *name, char *out, size_t max, uint16_t *out_len) {
    struct str text = xml_attr(p->el, str_c(name));
    if (text.len > max) return false;
    if (text.len) memcpy(out, text.p, text.len);
    *out_len = (uint16_t)text.len;
    return true;
}

/* Out of it nobody makes an address, and the same import again makes the same. */
static void nobodys(const struct part *p, struct pie_file *file) {
    struct str what = ARENA_CONCAT(p->arena, STR("file without a secret "), str_of(file->name, SLOT_ID_LEN));
    hmac(HASH_SHA256, str_of((const char *)p->rules->id_key, PIE_KEY_LEN), what, file->secret);
}

static bool slot_of(struct part *p, struct slot_row *row, struct pie_file *file) {
    *row = (struct slot_row){.account = p->st->account};
    struct str raw, id = xml_attr(p->el, STR("id")), purpose = xml_attr(p->el, STR("purpose"));
    for (int i = 0; i < SLOT_PURPOSES; i++)
        if (str_eq(purpose, slot_purpose_name((enum slot_purpose)i))) row->purpose = (enum slot_purpose)i;
    if (id.len != SLOT_ID_LEN || base64url_decode(p->arena, id, &raw)) return false;
    memcpy(row->get_id, id.p, SLOT_ID_LEN);
    memcpy(file->name, id.p, SLOT_ID_LEN);
    if (!hash_attr(p, "secret", file->secret)) nobodys(p, file);
    if (datetime_parse(xml_attr(p->el, STR("until")), &file->until_us)) file->until_us = 0;
    if (datetime_parse(xml_attr(p->el, STR("created")), &row->created_us) || row->created_us > p->st->now_us)
        row->created_us = p->st->now_us;
    return text_attr(p, "name", row->name, SLOT_NAME_MAX, &row->name_len) &&
           text_attr(p, "type", row->type, SLOT_TYPE_MAX, &row->type_len) && hash_attr(p, "sha-256", file->hash) &&
           int_attr(p->el, "size", &row->size) && row->size >= 0 && row->size <= FILE_MAX;
}

/* Its content follows, and then its end. A day is what an import that was cut off may take to go on without sending it again. */
static int part_file(struct part *p) {
    const int64_t day_us = 86400 * (int64_t)1000000;
    struct slot_row row;
    struct pie_file *file = &p->st->file;
    if (!slot_of(p, &row, file)) return refuse(p);
    if (file->until_us && file->until_us <= p->st->now_us) return 0;
    row.expires_us = p->st->now_us + day_us;
    file->size = row.size;
    struct pie_file unwritable = *file;
    nobodys(p, &unwritable);
    int err = slots_adopt(p->db, &row, unwritable.secret, &file->slot);
    if (err) file->slot = 0;
    if (err == ERR_EXISTS) p->st->counts.repeated++;
    return err == ERR_EXISTS ? 0 : err;
}

int pie_file_end(struct db *db, const struct pie_event *event, struct pie_state *st) {
    const struct pie_file *file = &st->file;
    int64_t slot = file->slot;
    st->file.slot = 0;
    if (!slot) return 0;
    if (event->hash && memcmp(event->hash, file->hash, SLOT_HASH_LEN) == 0) {
        int err = slots_adopted(db, slot, file->hash, file->secret, st->now_us, file->until_us);
        if (!err) st->counts.files++;
        if (err != ERR_NOT_FOUND) return err;
    }
    st->counts.refused++;
    int err = slots_remove(db, slot);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static int nothing(struct part *p) {
    (void)p;
    return 0;
}

int pie_part(struct db *db, const struct pie_rules *rules, struct arena *arena, const struct xml_node *el,
             struct pie_state *state, bool *out_known) {
    static const struct {
        struct str ns, name;
        int (*put)(struct part *p);
    } table[] = {
        {STR_INIT("urn:xmpp:pie:0#scram"), STR_INIT("scram-credentials"), part_keys},
        {STR_INIT("jabber:iq:roster"), STR_INIT("query"), part_roster},
        {STR_INIT("jabber:client"), STR_INIT("presence"), part_request},
        {STR_INIT("urn:xmpp:blocking"), STR_INIT("blocklist"), part_blocked},
        {STR_INIT("vcard-temp"), STR_INIT("vCard"), part_vcard},
        {STR_INIT("jabber:iq:private"), STR_INIT("query"), part_private},
        {STR_INIT("urn:xmpp:mam:2"), STR_INIT("prefs"), part_prefs},
        {STR_INIT("http://jabber.org/protocol/pubsub#owner"), STR_INIT("pubsub"), nothing},
        {STR_INIT("http://jabber.org/protocol/pubsub#owner"), STR_INIT("configure"), part_configure},
        {STR_INIT("http://jabber.org/protocol/pubsub#owner"), STR_INIT("affiliations"), part_people},
        {STR_INIT("http://jabber.org/protocol/pubsub#owner"), STR_INIT("subscriptions"), part_people},
        {STR_INIT("http://jabber.org/protocol/pubsub"), STR_INIT("pubsub"), nothing},
        {STR_INIT("http://jabber.org/protocol/pubsub"), STR_INIT("items"), part_items},
        {STR_INIT("http://jabber.org/protocol/pubsub"), STR_INIT("item"), part_item},
        {STR_INIT("urn:xmpp:pie:0#mam"), STR_INIT("archive"), nothing},
        {STR_INIT("urn:xmpp:mam:2"), STR_INIT("result"), part_result},
        {STR_INIT("urn:xmpp:pie:0"), STR_INIT("offline-messages"), nothing},
        {STR_INIT("jabber:client"), STR_INIT("message"), part_offline},
        {STR_INIT("urn:confab:export:0"), STR_INIT("file"), part_file},
        {STR_INIT("urn:confab:export:0"), STR_INIT("piece"), nothing},
        {STR_INIT("urn:confab:export:0"), STR_INIT("place"), part_place},
        {STR_INIT("urn:confab:export:0"), STR_INIT("read"), part_read},
    };
    struct part p = {db, rules, arena, el, state};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (xml_is(el, table[i].ns, table[i].name)) return table[i].put(&p);
    *out_known = false;
    return 0;
}
