#include "base/err.h"
#include "unit.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"
#include "xmpp/rsm.h"

static int read_set(struct arena *arena, const char *inside, struct rsm_query *out) {
    static const struct xml_limits limits = {10000, 10, 10, 100};
    struct str text = arena_printf(arena, "<q>%s</q>", inside);
    struct xml_node *n = NULL;
    assert_int_equal(xml_parse(arena, text, NULL, &limits, &n), XML_OK);
    return rsm_read(arena, n, out);
}

#define SET(inside) "<set xmlns='http://jabber.org/protocol/rsm'>" inside "</set>"

static void reading(void **state) {
    struct rsm_query q;
    assert_int_equal(read_set(*state, "", &q), 0);
    assert_false(q.has_max || q.has_before || q.has_after || q.has_index);
    assert_int_equal(read_set(*state, SET("<max>10</max><after>x</after>"), &q), 0);
    assert_true(q.has_max && q.max == 10 && q.has_after && !q.has_before);
    assert_str(q.after, "x");
    assert_int_equal(read_set(*state, SET("<before/><max>0</max>"), &q), 0);
    assert_true(q.has_before && q.before.len == 0 && q.has_max && q.max == 0);
    assert_int_equal(read_set(*state, SET("<index>4294967295</index>"), &q), 0);
    assert_true(q.has_index && q.index == UINT32_MAX);
    assert_int_equal(read_set(*state, SET("<after>x</after><before/>"), &q), 0);
}

static void mistakes(void **state) {
    struct rsm_query q = {.max = 7};
    const char *bad[] = {SET("<max>-1</max>"),
                         SET("<max/>"),
                         SET("<max>4294967296</max>"),
                         SET("<index>x</index>"),
                         SET("<after>x</after><before>y</before>"),
                         SET("<after/>"),
                         SET() SET(),
                         SET("<index>1</index><after>x</after>")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(read_set(*state, bad[i], &q), ERR_INVALID);
    assert_int_equal(q.max, 7);
}

static void answering(void **state) {
    struct xml_node *fin = xml_new(*state, STR("urn:f"), STR("fin"));
    rsm_add(*state, fin, STR("a"), STR("z"), 0, 26);
    assert_str(xml_string(*state, fin, STR("urn:f")),
               "<fin><set xmlns='http://jabber.org/protocol/rsm'><first index='0'>a</first><last>z</last>"
               "<count>26</count></set></fin>");
    fin = xml_new(*state, STR("urn:f"), STR("fin"));
    rsm_add(*state, fin, STR_NONE, STR_NONE, 5, 0);
    assert_str(xml_string(*state, fin, STR("urn:f")),
               "<fin><set xmlns='http://jabber.org/protocol/rsm'><count>0</count></set></fin>");
    fin = xml_new(*state, STR("urn:f"), STR("fin"));
    rsm_add(*state, fin, STR("a"), STR("a"), -1, -1);
    assert_str(xml_string(*state, fin, STR("urn:f")),
               "<fin><set xmlns='http://jabber.org/protocol/rsm'><first>a</first><last>a</last></set></fin>");
}

int main(void) {
    const struct CMUnitTest tests[] = {with_arena(reading), with_arena(mistakes), with_arena(answering)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
