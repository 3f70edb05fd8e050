#include "unit.h"
#include "xml/parser.h"
#include "xml/writer.h"

#define CLIENT STR("jabber:client")
#define STREAMS STR("http://etherx.jabber.org/streams")

static void escaping(void **state) {
    (void)state;
    struct buf b = BUF_INIT;
    xml_escape(&b, STR("a&b<c>d'e\"f\tg\nh\ri\x01"));
    assert_str(buf_str(&b), "a&amp;b&lt;c&gt;d'e\"f\tg\nh&#13;i\xef\xbf\xbd");
    buf_clear(&b);
    xml_escape_value(&b, STR("a&b<c>d'e\"f\tg\nh\ri\x01"));
    assert_str(buf_str(&b), "a&amp;b&lt;c&gt;d&apos;e&quot;f&#9;g&#10;h&#13;i\xef\xbf\xbd");
    buf_free(&b);
}

static void namespaces_where_they_change(void **state) {
    struct xml_node *n = xml_new(*state, CLIENT, STR("iq"));
    struct xml_node *q = xml_add(*state, n, STR("urn:q"), STR("query"));
    xml_add(*state, q, STR_NONE, STR("item"));
    xml_add(*state, q, CLIENT, STR("error"));
    xml_add(*state, q, STR(""), STR("none"));
    assert_str(xml_string(*state, n, CLIENT),
               "<iq><query xmlns='urn:q'><item/><error xmlns='jabber:client'/><none xmlns=''/></query></iq>");
    assert_true(str_starts(xml_string(*state, n, STR_NONE), STR("<iq xmlns='jabber:client'><query ")));
}

static void attributes(void **state) {
    struct xml_node *n = xml_new(*state, CLIENT, STR("a"));
    xml_set(*state, n, STR("v"), STR("'\t\n<"));
    xml_set(*state, n, STR("xmlns"), STR("urn:forged"));
    xml_set_ns(*state, n, XML_NS_XML, STR("lang"), STR("de"));
    xml_set_ns(*state, n, STR("urn:x"), STR("v"), STR("1"));
    xml_set_ns(*state, n, STR("urn:y"), STR("v"), STR("2"));
    assert_str(xml_string(*state, n, CLIENT), "<a v='&apos;&#9;&#10;&lt;' xml:lang='de' xmlns:a1='urn:x' a1:v='1' "
                                              "xmlns:a2='urn:y' a2:v='2'/>");
}

static void the_stream_prefix(void **state) {
    struct buf b = BUF_INIT;
    struct xml_node *n = xml_new(*state, STREAMS, STR("error"));
    xml_add(*state, n, STR("urn:e"), STR("reset"));
    assert_str(xml_string(*state, n, CLIENT), "<stream:error><reset xmlns='urn:e'/></stream:error>");
    xml_write(&b, n, STR_NONE, true);
    assert_str(buf_str(&b), "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>"
                            "<reset xmlns='urn:e'/></stream:error>");
    buf_clear(&b);
    /* Inside a stanza it is a stranger's, and nobody may have declared the prefix. */
    struct xml_node *m = xml_new(*state, CLIENT, STR("message"));
    xml_append(m, n);
    xml_write(&b, m, CLIENT, true);
    assert_str(buf_str(&b), "<message><error xmlns='http://etherx.jabber.org/streams'>"
                            "<reset xmlns='urn:e'/></error></message>");
    buf_free(&b);
}

static void what_is_written_is_read_the_same(void **state) {
    static const struct xml_limits limits = {1 << 16, 100, 100, 1000};
    static const struct xml_scope scope = {{"jabber:client", 13}, 0, NULL};
    const char *texts[] = {
        "<a/>",
        "<a b='&#13;&#10;&#9; x' c='&quot;&apos;&lt;&gt;&amp;'>&#13;\n\t ]]&gt;</a>",
        "<x:a xmlns:x='urn:x' x:b='1' b='2' xml:lang='en'><b xmlns='urn:y'/><c xmlns=''/>t<d/></x:a>",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct xml_node *n = NULL, *again = NULL;
        assert_int_equal(xml_parse(*state, str_c(texts[i]), &scope, &limits, &n), XML_OK);
        struct str once = xml_string(*state, n, CLIENT);
        assert_int_equal(xml_parse(*state, once, &scope, &limits, &again), XML_OK);
        assert_str(xml_string(*state, again, CLIENT), once.p);
        assert_str(xml_text(*state, again), xml_text(*state, n).p ? arena_dup(*state, xml_text(*state, n)).p : "");
        for (const struct xml_attr *a = n->attrs; a; a = a->next)
            assert_true(str_eq(xml_attr_ns(again, a->ns, a->name), a->value));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escaping),    with_arena(namespaces_where_they_change),     with_arena(attributes),
        with_arena(the_stream_prefix), with_arena(what_is_written_is_read_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
