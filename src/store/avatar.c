/* avatar.c: see avatar.h. */
#include "store/avatar.h"

#include <string.h>

#include "base/codec.h"
#include "base/err.h"
#include "xml/parser.h"
#include "xmpp/ns.h"

struct last {
    struct arena *arena;
    struct str xml;
};

static bool take_last(void *arg, const struct item_row *row) {
    struct last *last = arg;
    last->xml = arena_dup(last->arena, row->xml);
    return false;
}

/* The <info/> of the picture that is in the data node; another one says where else there is one. */
static const struct xml_node *info_of(const struct xml_node *metadata) {
    if (!xml_is(metadata, AVATAR_METADATA, STR("metadata"))) return NULL;
    const struct xml_node *info = xml_child(metadata, AVATAR_METADATA, STR("info"));
    while (info && xml_attr(info, STR("url")).p) info = xml_again(info);
    return info;
}

int avatar_find(struct db *db, struct arena *arena, int64_t account, struct avatar_row *out) {
    *out = (struct avatar_row){0};
    int err = nodes_find(db, arena, account, AVATAR_METADATA, &out->metadata);
    if (!err) err = nodes_find(db, arena, account, AVATAR_DATA, &out->data);
    if (err) return err;
    struct last last = {arena, STR_NONE};
    struct items_query query = {.node = out->metadata.id, .max = 1, .backwards = true};
    err = items_each(db, &query, take_last, &last);
    if (err) return err;
    const struct xml_node *info = last.xml.p ? info_of(xml_parse_own(arena, last.xml)) : NULL;
    struct str hash, id = info ? xml_attr(info, STR("id")) : STR_NONE;
    if (!id.p || hex_decode(arena, id, &hash) || hash.len != AVATAR_HASH_LEN) return ERR_NOT_FOUND;
    struct item_row item;
    err = items_find(db, arena, out->data.id, id, &item);
    if (err) return err;
    const struct xml_node *data = xml_parse_own(arena, item.xml);
    if (!xml_is(data, AVATAR_DATA, STR("data"))) return ERR_NOT_FOUND;
    memcpy(out->hash, hash.p, AVATAR_HASH_LEN);
    out->type = xml_attr(info, STR("type"));
    out->picture = xml_text(arena, data);
    return 0;
}

int avatar_keep(struct db *db, int64_t account, struct str hash, bool *out_changed) {
    struct db_statement *s = db_prepare(db, "UPDATE accounts SET avatar = ?2 WHERE id = ?1 AND avatar IS NOT ?2");
    db_bind_int(s, 1, account);
    db_bind_blob(s, 2, hash);
    int err = db_run(s);
    *out_changed = !err && db_changes(db) > 0;
    return err;
}
