#include "unit.h"
#include "xml/node.h"

#define NS STR("urn:a")

static struct xml_node *sample(struct arena *arena) {
    struct xml_node *n = xml_new(arena, NS, STR("top"));
    xml_set(arena, n, STR("id"), STR("1"));
    xml_add_text(arena, n, STR("x"));
    xml_add_text(arena, xml_add(arena, n, STR_NONE, STR("item")), STR("one"));
    xml_add_text(arena, n, STR("y"));
    xml_add(arena, n, STR("urn:b"), STR("item"));
    xml_add_text(arena, xml_add(arena, n, STR_NONE, STR("item")), STR("two"));
    return n;
}

static void finding(void **state) {
    const struct xml_node *n = sample(*state);
    assert_true(xml_is(n, NS, STR("top")));
    assert_false(xml_is(n, STR("urn:b"), STR("top")) || xml_is(NULL, NS, STR("top")) || xml_is(n->first, NS, STR_NONE));
    const struct xml_node *item = xml_child(n, NS, STR("item"));
    assert_str(xml_text(*state, item), "one");
    assert_str(xml_text(*state, xml_again(item)), "two");
    assert_null(xml_again(xml_again(item)));
    assert_ptr_equal(xml_child(n, STR("urn:b"), STR_NONE), xml_next_element(xml_first_element(n)));
    assert_null(xml_child(n, STR("urn:c"), STR_NONE));
    assert_null(xml_child(NULL, NS, STR_NONE));
    assert_null(xml_first_element(item));
    assert_str(xml_text(*state, n), "xy");
    assert_str(xml_child_text(*state, n, STR("urn:b"), STR("item")), "");
    assert_absent(xml_child_text(*state, n, NS, STR("none")));
}

static void attributes(void **state) {
    struct xml_node *n = xml_new(*state, NS, STR("a"));
    assert_absent(xml_attr(n, STR("x")));
    xml_set(*state, n, STR("x"), STR("1"));
    xml_set(*state, n, STR("y"), STR(""));
    xml_set_ns(*state, n, XML_NS_XML, STR("x"), STR("2"));
    xml_set(*state, n, STR("x"), STR("3"));
    assert_str(xml_attr(n, STR("x")), "3");
    assert_str(xml_attr_ns(n, XML_NS_XML, STR("x")), "2");
    assert_non_null(xml_attr(n, STR("y")).p);
    xml_set(*state, n, STR("x"), STR_NONE);
    xml_set(*state, n, STR("x"), STR_NONE);
    assert_absent(xml_attr(n, STR("x")));
    assert_str(xml_attr_ns(n, XML_NS_XML, STR("x")), "2");
}

static bool is_item(const struct xml_node *child, const void *arg) {
    return xml_is(child, NS, *(const struct str *)arg);
}

static void a_shallow_copy_is_ones_own(void **state) {
    struct xml_node *n = sample(*state), *copy = xml_copy_shallow(*state, n);
    struct str name = STR("item");
    xml_set(*state, copy, STR("id"), STR("2"));
    xml_set(*state, copy, STR("to"), STR("z"));
    xml_remove_children(copy, is_item, &name);
    xml_add_text(*state, copy, STR("!"));
    assert_str(xml_attr(n, STR("id")), "1");
    assert_absent(xml_attr(n, STR("to")));
    assert_non_null(xml_child(n, NS, STR("item")));
    assert_null(xml_child(copy, NS, STR("item")));
    assert_str(xml_text(*state, copy), "xy!");
    assert_str(xml_text(*state, n), "xy");
}

static void a_deep_copy_needs_nothing(void **state) {
    struct arena *other = arena_new();
    char bytes[] = "text";
    struct xml_node *n = sample(other);
    xml_add_text(other, n, str_c(bytes));
    struct xml_node *copy = xml_copy_deep(*state, n);
    arena_free(&other);
    bytes[0] = 'X';
    assert_str(xml_text(*state, copy), "xytext");
    assert_str(xml_attr(copy, STR("id")), "1");
    assert_str(xml_text(*state, xml_again(xml_child(copy, NS, STR("item")))), "two");
    assert_absent(xml_attr_ns(copy, NS, STR("id")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(finding),
        with_arena(attributes),
        with_arena(a_shallow_copy_is_ones_own),
        with_arena(a_deep_copy_needs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
