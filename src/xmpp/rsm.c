/*
 * rsm.c: pages of a result (XEP-0059). Reading is strict, because a number that is misread is a page that is missed.
 * Pure; any thread.
 */
#include "xmpp/rsm.h"

#include "base/err.h"
#include "xmpp/ns.h"

/* An element that is there must hold a number. False: it does not. */
static bool read_number(struct arena *arena, const struct xml_node *set, struct str name, bool *out_has,
                        uint32_t *out) {
    struct str text = xml_child_text(arena, set, NS_RSM, name);
    unsigned long long n;
    if (!text.p) return true;
    if (!str_to_u64(text, UINT32_MAX, &n)) return false;
    *out_has = true;
    *out = (uint32_t)n;
    return true;
}

int rsm_read(struct arena *arena, const struct xml_node *parent, struct rsm_query *out) {
    struct rsm_query q = {0};
    const struct xml_node *set = xml_child(parent, NS_RSM, STR("set"));
    if (set) {
        if (!read_number(arena, set, STR("max"), &q.has_max, &q.max)) return ERR_INVALID;
        if (!read_number(arena, set, STR("index"), &q.has_index, &q.index)) return ERR_INVALID;
        q.before = xml_child_text(arena, set, NS_RSM, STR("before"));
        q.after = xml_child_text(arena, set, NS_RSM, STR("after"));
        q.has_before = q.before.p != NULL;
        q.has_after = q.after.p != NULL;
        if (xml_again(set) || (q.has_after && !str_some(q.after))) return ERR_INVALID;
        if (q.has_after && str_some(q.before)) return ERR_INVALID;
        if (q.has_index && (q.has_after || q.has_before)) return ERR_INVALID;
    }
    *out = q;
    return 0;
}

static void add_text(struct arena *arena, struct xml_node *set, struct str name, struct str text) {
    if (text.p) xml_add_text(arena, xml_add(arena, set, NS_RSM, name), text);
}

static struct str number(struct arena *arena, int64_t n) {
    return n >= 0 ? arena_printf(arena, "%lld", (long long)n) : STR_NONE;
}

void rsm_add(struct arena *arena, struct xml_node *parent, struct str first, struct str last, int64_t first_index,
             int64_t count) {
    struct xml_node *set = xml_add(arena, parent, NS_RSM, STR("set"));
    add_text(arena, set, STR("first"), first);
    if (set->first) xml_set(arena, set->first, STR("index"), number(arena, first_index));
    add_text(arena, set, STR("last"), last);
    add_text(arena, set, STR("count"), number(arena, count));
}
