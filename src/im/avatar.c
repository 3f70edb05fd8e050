/*
 * avatar.c: see avatar.h. What must hold: nobody sees by the card what the nodes would refuse; a card that is written back as it was read changes nothing.
 */
#include "im/avatar.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/err.h"
#include "im/presence.h"
#include "im/session.h"
#include "store/avatar.h"
#include "store/documents.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum { TYPE_MAX = 64 };

/* --- reading the card --- */

static bool is_photo(const struct xml_node *child, const void *arg) {
    (void)arg;
    return xml_is(child, NS_VCARD, STR("PHOTO"));
}

/* The stored card without what says whose picture it is; NULL: there is none. */
static int card_read(struct db *db, struct pubsub_request *r, struct xml_node **out) {
    struct buf xml = BUF_INIT;
    int err = documents_find(db, r->owner, DOCUMENT_VCARD, STR(""), &xml, NULL);
    *out = err ? NULL : pubsub_item_tree(r->arena, buf_str(&xml));
    buf_free(&xml);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static int may_see(struct db *db, const struct pubsub_request *r, const struct node_row *node, bool *out) {
    struct person_row person;
    const char *condition;
    int err = pubsub_person(db, r, node, &person);
    *out = !err && pubsub_judge(&r->asker, &node->config, &person, &condition) == STANZA_ERR_NONE;
    return err;
}

/* 1: there is one, and it is for who asks. */
static int picture_read(struct db *db, struct pubsub_request *r, struct avatar_row *out) {
    bool sees_metadata = false, sees_data = false;
    int err = avatar_find(db, r->arena, r->owner, out);
    if (err) return err == ERR_NOT_FOUND ? 0 : err;
    err = may_see(db, r, &out->metadata, &sees_metadata);
    if (!err) err = may_see(db, r, &out->data, &sees_data);
    return err ? err : sees_metadata && sees_data;
}

static void photo_set(struct arena *arena, struct xml_node *card, const struct avatar_row *avatar) {
    xml_remove_children(card, is_photo, NULL);
    struct xml_node *photo = xml_add(arena, card, NS_VCARD, STR("PHOTO"));
    if (str_some(avatar->type)) xml_add_text(arena, xml_add(arena, photo, NS_VCARD, STR("TYPE")), avatar->type);
    xml_add_text(arena, xml_add(arena, photo, NS_VCARD, STR("BINVAL")), avatar->picture);
}

static int card_get(struct db *db, struct pubsub_request *r) {
    struct xml_node *card;
    struct avatar_row avatar;
    int err = card_read(db, r, &card), sees = err ? err : picture_read(db, r, &avatar);
    if (sees < 0) return sees;
    if (!card && !sees && !r->asker.is_owner)
        return pubsub_refuse(r, STANZA_ERR_SERVICE_UNAVAILABLE, NULL); /* as of nobody */
    if (!card) card = xml_new(r->arena, NS_VCARD, STR("vCard"));
    if (sees) photo_set(r->arena, card, &avatar);
    xml_write(&r->answer, card, STR_NONE, false);
    return 0;
}

/* --- writing the card --- */

struct picture {
    struct str bytes, base64, type, id; /* bytes: empty: none */
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool type_is_good(struct str type) {
    if (type.len > TYPE_MAX || !str_starts(type, STR("image/"))) return false;
    for (size_t i = 0; i < type.len; i++)
        if ((unsigned char)type.p[i] <= ' ' || type.p[i] == 0x7f) return false;
    return true;
}

/* BINVAL may be in lines. False: that is no picture, and stays in the card as it is. */
static bool picture_of(struct arena *arena, const struct xml_node *card, struct picture *out) {
    const struct xml_node *photo = xml_child(card, NS_VCARD, STR("PHOTO"));
    *out = (struct picture){STR(""), STR(""), STR("image/png"), STR_NONE};
    if (!photo) return true;
    struct str text = xml_child_text(arena, photo, NS_VCARD, STR("BINVAL"));
    struct str type = xml_child_text(arena, photo, NS_VCARD, STR("TYPE"));
    char *p = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        if (!is_space(text.p[i])) p[len++] = text.p[i];
    if (base64_decode(arena, str_of(p, len), &out->bytes)) return false;
    uint8_t hash[HASH_LEN_MAX];
    hash_bytes(HASH_SHA1, out->bytes, hash);
    out->base64 = str_of(p, len);
    out->id = hex_encode(arena, str_of((const char *)hash, AVATAR_HASH_LEN));
    if (type_is_good(type)) out->type = type;
    return str_some(out->bytes) || !xml_child(photo, NS_VCARD, STR("EXTVAL"));
}

/* One item, as by its owner's own publication. */
static int publish(struct db *db, struct pubsub_request *r, struct str name, struct str id, const struct xml_node *el) {
    struct node_row node;
    struct str xml = xml_string(r->arena, el, STR_NONE);
    if ((int64_t)xml.len > r->limits.item_bytes) return pubsub_refuse(r, STANZA_ERR_NOT_ACCEPTABLE, NULL);
    int err = nodes_find(db, r->arena, r->owner, name, &node);
    if (err == ERR_NOT_FOUND) {
        struct pubsub_config config = pubsub_config_default(name);
        err = nodes_create(db, r->owner, name, &config, r->limits.nodes, &node.id);
        if (err == ERR_LIMIT) return pubsub_refuse(r, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
        if (!err) err = nodes_find(db, r->arena, r->owner, name, &node);
    }
    if (!err) err = items_put(db, node.id, id, xml, r->now_us, pubsub_items_max(r, &node.config));
    if (err) return err;
    struct buf event = BUF_INIT;
    BUF_ADD_LIT(&event, "<items");
    pubsub_attr_write(&event, "node", name);
    buf_add_char(&event, '>');
    pubsub_item_write(&event, id, xml);
    BUF_ADD_LIT(&event, "</items>");
    err = pubsub_news_add(db, r, &node, &event);
    buf_free(&event);
    return err;
}

static int picture_publish(struct db *db, struct pubsub_request *r, const struct picture *picture) {
    struct xml_node *data = xml_new(r->arena, AVATAR_DATA, STR("data"));
    struct xml_node *metadata = xml_new(r->arena, AVATAR_METADATA, STR("metadata"));
    struct xml_node *info = xml_add(r->arena, metadata, AVATAR_METADATA, STR("info"));
    xml_add_text(r->arena, data, picture->base64);
    xml_set(r->arena, info, STR("bytes"), arena_printf(r->arena, "%zu", picture->bytes.len));
    xml_set(r->arena, info, STR("id"), picture->id);
    xml_set(r->arena, info, STR("type"), picture->type);
    int64_t used;
    int err = nodes_bytes(db, r->owner, &used);
    if (!err && used + (int64_t)picture->base64.len > r->limits.bytes)
        return pubsub_refuse(r, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
    if (!err) err = publish(db, r, AVATAR_DATA, picture->id, data);
    return err || r->refusal ? err : publish(db, r, AVATAR_METADATA, picture->id, metadata);
}

/* The nodes say what the card said. */
static int picture_put(struct db *db, struct pubsub_request *r, const struct picture *picture) {
    struct avatar_row now;
    int err = avatar_find(db, r->arena, r->owner, &now);
    if (err && err != ERR_NOT_FOUND) return err;
    bool is_there = !err;
    if (str_some(picture->bytes)) {
        struct str id = hex_encode(r->arena, str_of((const char *)now.hash, AVATAR_HASH_LEN));
        if (is_there && str_eq(id, picture->id)) return 0;
        err = picture_publish(db, r, picture);
    } else if (is_there) {
        char id[23];
        random_id(id);
        err = publish(db, r, AVATAR_METADATA, arena_dup(r->arena, str_c(id)),
                      xml_new(r->arena, AVATAR_METADATA, STR("metadata")));
    } else {
        return 0;
    }
    return err || r->refusal ? err : avatar_written(db, r, AVATAR_METADATA, true);
}

static int card_set(struct db *db, struct pubsub_request *r) {
    struct picture picture;
    struct xml_node *card = xml_copy_shallow(r->arena, r->payload);
    int err = 0;
    if (picture_of(r->arena, card, &picture)) {
        xml_remove_children(card, is_photo, NULL);
        err = picture_put(db, r, &picture);
    }
    if (err || r->refusal) return err;
    struct str xml = card->first || card->attrs ? xml_string(r->arena, card, STR_NONE) : STR_NONE;
    err = documents_put(db, r->owner, DOCUMENT_VCARD, STR(""), xml, r->now_us, 1);
    return err == ERR_NOT_FOUND && !xml.p ? 0 : err;
}

const struct pubsub_op avatar_op_card_get = {false, card_get, NULL};
const struct pubsub_op avatar_op_card_set = {true, card_set, NULL};

/* --- the hash --- */

int avatar_written(struct db *db, struct pubsub_request *r, struct str node, bool is_publication) {
    bool is_data = str_eq(node, AVATAR_DATA);
    if (!is_data && !str_eq(node, AVATAR_METADATA)) return 0;
    struct avatar_row avatar;
    int found = avatar_find(db, r->arena, r->owner, &avatar);
    if (found && found != ERR_NOT_FOUND) return found;
    /* New bytes push the old ones out; what they are for is said next. */
    if (found && is_data && is_publication) return 0;
    r->avatar = found ? STR_NONE : arena_dup(r->arena, str_of((const char *)avatar.hash, AVATAR_HASH_LEN));
    return avatar_keep(db, r->owner, r->avatar, &r->avatar_changed);
}

static bool is_update(const struct xml_node *child, const void *arg) {
    (void)arg;
    return xml_is(child, NS_VCARD_UPDATE, STR("x"));
}

static void update_add(struct turn *turn, struct xml_node *presence, struct str hash) {
    struct xml_node *x = xml_add(turn->arena, presence, NS_VCARD_UPDATE, STR("x"));
    struct xml_node *photo = xml_add(turn->arena, x, NS_VCARD_UPDATE, STR("photo"));
    if (str_some(hash)) xml_add_text(turn->arena, photo, hash);
}

/* Its client says that it shows none. */
static bool says_none(struct turn *turn, const struct xml_node *presence) {
    const struct xml_node *update = xml_child(presence, NS_VCARD_UPDATE, STR("x"));
    const struct xml_node *photo = update ? xml_child(update, NS_VCARD_UPDATE, STR("photo")) : NULL;
    return photo && !str_some(xml_text(turn->arena, photo));
}

const struct xml_node *avatar_presence(struct turn *turn, const struct account *a, const struct xml_node *el) {
    if (!a->avatar || says_none(turn, el)) return el;
    struct xml_node *mine = xml_copy_shallow(turn->arena, el);
    xml_remove_children(mine, is_update, NULL);
    update_add(turn, mine, hex_encode(turn->arena, str_of((const char *)a->avatar, AVATAR_HASH_LEN)));
    return mine;
}

static struct xml_node *presence_read(struct turn *turn, const struct session *s) {
    struct buf bytes = BUF_INIT;
    wire_write(s->presence, STR_NONE, &bytes);
    struct xml_node *el = xml_parse_own(turn->arena, arena_dup(turn->arena, buf_str(&bytes)));
    buf_free(&bytes);
    return el;
}

/* That there is none any more is told once, and not kept: it would look like its client's word. */
static void session_says(struct turn *turn, struct session *s) {
    struct xml_node *el = presence_read(turn, s);
    if (!el || says_none(turn, el)) return;
    xml_remove_children(el, is_update, NULL);
    wire_unref(&s->presence);
    s->presence = wire_from(avatar_presence(turn, s->account, el));
    if (s->account->avatar) {
        presence_broadcast(turn, s, s->presence);
        return;
    }
    update_add(turn, el, STR_NONE);
    struct wire *none = wire_from(el);
    presence_broadcast(turn, s, none);
    wire_unref(&none);
}

void avatar_set(struct account *a, struct str hash) {
    free(a->avatar);
    a->avatar = NULL;
    if (hash.len != AVATAR_HASH_LEN) return;
    a->avatar = malloc(AVATAR_HASH_LEN);
    CHECK(a->avatar != NULL);
    memcpy(a->avatar, hash.p, AVATAR_HASH_LEN);
}

void avatar_changed(struct turn *turn, struct account *a, struct str hash) {
    avatar_set(a, hash);
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (session_is_available(s) && s->presence) session_says(turn, s);
    }
}
