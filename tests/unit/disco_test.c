/* disco_test.c: verification strings: the examples of XEP-0115, what has none, and what a client wants to hear of. */
#include "unit.h"

#include "base/err.h"
#include "xml/parser.h"
#include "xmpp/disco.h"

static struct xml_node *tree(struct arena *arena, const char *xml) {
    struct xml_scope scope = {.default_ns = STR_NONE};
    struct xml_limits limits = {UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT32_MAX};
    struct xml_node *el = NULL;
    assert_int_equal(xml_parse(arena, str_c(xml), &scope, &limits, &el), XML_OK);
    return el;
}

#define QUERY(inside) "<query xmlns='http://jabber.org/protocol/disco#info' node='n#v'>" inside "</query>"
#define FEATURES                                                                                                       \
    "<feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#items'/>"           \
    "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
#define FORM                                                                                                           \
    "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' "                                                   \
    "type='hidden'><value>urn:xmpp:dataforms:softwareinfo"                                                             \
    "</value></field><field var='ip_version'><value>ipv6</value><value>ipv4</value></field><field var='os'>"           \
    "<value>Mac</value></field><field var='os_version'><value>10.5.1</value></field><field var='software'>"            \
    "<value>Psi</value></field><field var='software_version'><value>0.11</value></field></x>"

static void the_examples(void **state) {
    struct str ver;
    struct xml_node *simple =
        tree(*state, QUERY("<identity category='client' name='Exodus 0.9.1' type='pc'/>" FEATURES));
    assert_int_equal(disco_verification(*state, simple, HASH_SHA1, &ver), 0);
    assert_str(ver, "QgayPKawpkPSDYmwT/WM94uAlu0=");
    struct xml_node *full = tree(
        *state, QUERY("<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/><identity xml:lang='el' "
                      "category='client' name='\xce\xa8 0.11' type='pc'/>" FEATURES FORM));
    assert_int_equal(disco_verification(*state, full, HASH_SHA1, &ver), 0);
    assert_str(ver, "q07IKJEyjvHSyhy//CH0CxmKi8w=");
    assert_int_equal(disco_verification(*state, full, HASH_SHA256, &ver), 0);
    assert_int_equal(ver.len, 44);
}

static void what_has_none(void **state) {
    static const char *const bad[] = {
        QUERY("<feature var='a'/><feature var='a'/>"),
        QUERY("<identity category='a' type='b'/><identity category='a' type='b'/>"),
        QUERY("<feature var='a&lt;b'/>"),
        QUERY("<feature var='a'/>" FORM FORM),
        QUERY("<identity category='client' type='pc' name='x&lt;a'/>"),
    };
    struct str ver;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(disco_verification(*state, tree(*state, bad[i]), HASH_SHA1, &ver), ERR_INVALID);
}

static void what_it_wants(void **state) {
    struct xml_node *q = tree(*state, QUERY("<feature var='urn:a+notify'/><feature var='urn:b'/><feature "
                                            "var='urn:c+notify'/><feature var='x&#10;y+notify'/>"));
    assert_str(disco_notify(*state, q), "urn:a\nurn:c\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {with_arena(the_examples), with_arena(what_has_none), with_arena(what_it_wants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
