/* pubsub_test.c: node configurations: defaults by name, forms there and back, what is no configuration. */
#include "unit.h"

#include "base/err.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"
#include "xmpp/pubsub.h"

static void defaults(void **state) {
    (void)state;
    static const struct {
        const char *node;
        int access;
        int max_items;
    } rows[] = {
        {"urn:xmpp:avatar:metadata", PUBSUB_PRESENCE, 1},
        {"eu.siacs.conversations.axolotl.devicelist", PUBSUB_OPEN, 1},
        {"eu.siacs.conversations.axolotl.bundles:12", PUBSUB_OPEN, 1},
        {"urn:xmpp:omemo:2:bundles", PUBSUB_OPEN, 0},
        {"urn:xmpp:omemo:2:devices", PUBSUB_OPEN, 1},
        {"urn:xmpp:bookmarks:1", PUBSUB_WHITELIST, 0},
        {"urn:xmpp:mds:displayed:0", PUBSUB_WHITELIST, 0},
        {"urn:xmpp:bookmarks:10", PUBSUB_PRESENCE, 1},
        {"eu.siacs", PUBSUB_PRESENCE, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pubsub_config config = pubsub_config_default(str_c(rows[i].node));
        assert_int_equal(config.access, rows[i].access);
        assert_int_equal(config.max_items, rows[i].max_items);
        assert_true(config.flags & PUBSUB_PERSISTS);
    }
}

static void there_and_back(void **state) {
    struct pubsub_config config = pubsub_config_default(STR("n")), got = config;
    config.access = PUBSUB_ROSTER;
    config.groups = STR("friends\nfamily & co\n");
    config.max_items = 0;
    config.title = STR("a title");
    config.last = PUBSUB_LAST_NEVER;
    config.message = PUBSUB_CHAT;
    config.flags ^= PUBSUB_PAYLOADS | PUBSUB_TELLS_CONFIG;
    struct xml_node *x = pubsub_config_form(*state, STR("submit"), STR("t"), &config);
    assert_str(form_type(*state, x), "t");
    assert_false(pubsub_config_eq(&config, &got));
    assert_int_equal(pubsub_config_read(*state, x, &got), 0);
    assert_true(pubsub_config_eq(&config, &got));
    /* Some fields leave the others alone. */
    x = form_new(*state, STR("submit"), STR("t"));
    form_add(*state, x, STR_NONE, STR("pubsub#max_items"), STR("12"));
    form_add(*state, x, STR_NONE, STR("pubsub#persist_items"), STR("false"));
    assert_int_equal(pubsub_config_read(*state, x, &got), 0);
    assert_true(got.max_items == 12 && !(got.flags & PUBSUB_PERSISTS) && got.access == PUBSUB_ROSTER);
}

static int read_one(struct arena *arena, const char *name, const char *value) {
    struct pubsub_config config = pubsub_config_default(STR("n"));
    struct xml_node *x = form_new(arena, STR("submit"), STR("t"));
    form_add(arena, x, STR_NONE, str_c(name), str_c(value));
    return pubsub_config_read(arena, x, &config);
}

static void what_is_none(void **state) {
    assert_int_equal(read_one(*state, "pubsub#access_model", "open"), 0);
    assert_int_equal(read_one(*state, "pubsub#access_model", "Open"), ERR_INVALID);
    assert_int_equal(read_one(*state, "pubsub#access_model", NULL), ERR_INVALID);
    assert_int_equal(read_one(*state, "pubsub#max_items", "0"), ERR_INVALID);
    assert_int_equal(read_one(*state, "pubsub#max_items", "-1"), ERR_INVALID);
    assert_int_equal(read_one(*state, "pubsub#max_items", "99999999999"), ERR_INVALID);
    assert_int_equal(read_one(*state, "pubsub#persist_items", "yes"), ERR_INVALID);
    assert_int_equal(read_one(*state, "pubsub#nonsense", "1"), ERR_NOT_FOUND);
    assert_int_equal(read_one(*state, "access_model", "open"), ERR_NOT_FOUND);
    assert_int_equal(read_one(*state, "pubsub#roster_groups_allowed", "a\nb"), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(defaults), with_arena(there_and_back),
                                       with_arena(what_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
