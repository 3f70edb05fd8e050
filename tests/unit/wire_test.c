/* wire_test.c: the hole for `to`, its escaping, sizes, and counting references. */
#include "unit.h"

#include "shard/wire.h"
#include "xmpp/ns.h"

static struct wire *message(struct arena *arena, struct str before, struct str to, struct str behind) {
    struct xml_node *el = xml_new(arena, NS_CLIENT, STR("message"));
    xml_set(arena, el, STR("from"), before);
    xml_set(arena, el, STR("to"), to);
    xml_set(arena, el, STR("id"), behind);
    xml_add_text(arena, xml_add(arena, el, STR_NONE, STR("body")), STR("a < b"));
    struct wire *w = wire_from(el);
    assert_true(!to.p || str_eq(xml_attr(el, STR("to")), to)); /* the tree is as it was */
    return w;
}

static void assert_written(const struct wire *w, struct str to, const char *expected) {
    struct buf out = BUF_INIT;
    wire_write(w, to, &out);
    assert_str(buf_str(&out), expected);
    assert_int_equal(wire_size(w, to), strlen(expected));
    buf_free(&out);
}

static void test_to_goes_into_the_hole(void **state) {
    struct wire *w = message(*state, STR("a@x/1"), STR("b@x"), STR("7"));
    assert_written(w, STR("c@x/2"),
                   "<message to='c@x/2' xmlns='jabber:client' from='a@x/1' id='7'><body>a &lt; b</body></message>");
    assert_written(w, STR_NONE, "<message xmlns='jabber:client' from='a@x/1' id='7'><body>a &lt; b</body></message>");
    wire_unref(&w);
}

static void test_to_alone_first_or_absent(void **state) {
    struct wire *w = message(*state, STR_NONE, STR("b@x"), STR_NONE);
    assert_written(w, STR("c@x"), "<message to='c@x' xmlns='jabber:client'><body>a &lt; b</body></message>");
    wire_unref(&w);
    w = message(*state, STR_NONE, STR("b@x"), STR("7"));
    assert_written(w, STR_NONE, "<message xmlns='jabber:client' id='7'><body>a &lt; b</body></message>");
    wire_unref(&w);
    w = message(*state, STR("a@x"), STR_NONE, STR("7"));
    assert_written(w, STR("c@x"),
                   "<message to='c@x' xmlns='jabber:client' from='a@x' id='7'><body>a &lt; b</body></message>");
    wire_unref(&w);
}

static void test_to_is_escaped(void **state) {
    struct wire *w = message(*state, STR_NONE, STR_NONE, STR_NONE);
    assert_written(w, STR("b@x/<'\"&>"),
                   "<message to='b@x/&lt;&apos;&quot;&amp;&gt;' xmlns='jabber:client'><body>a &lt; b</body></message>");
    assert_written(w, STR(""), "<message to='' xmlns='jabber:client'><body>a &lt; b</body></message>");
    wire_unref(&w);
}

static void test_an_element_without_content(void **state) {
    struct wire *w = wire_from(xml_new(*state, NS_SM, STR("r")));
    assert_written(w, STR_NONE, "<r xmlns='urn:xmpp:sm:3'/>");
    wire_unref(&w);
}

static void test_references(void **state) {
    struct wire *w = message(*state, STR_NONE, STR_NONE, STR_NONE), *again = wire_ref(w);
    wire_unref(&w);
    assert_null(w);
    wire_unref(&w);
    assert_int_equal(wire_size(again, STR_NONE), again->len);
    wire_unref(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(test_to_goes_into_the_hole),
        with_arena(test_to_alone_first_or_absent),
        with_arena(test_to_is_escaped),
        with_arena(test_an_element_without_content),
        with_arena(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
