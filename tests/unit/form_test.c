#include "unit.h"
#include "xml/writer.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

static void building_and_reading(void **state) {
    struct xml_node *x = form_new(*state, STR("form"), STR("urn:f"));
    form_add(*state, x, STR("text-single"), STR("with"), STR("a@b"));
    form_add(*state, x, STR_NONE, STR("empty"), STR_NONE);
    assert_str(xml_string(*state, x, STR_NONE),
               "<x xmlns='jabber:x:data' type='form'><field type='hidden' var='FORM_TYPE'><value>urn:f</value></field>"
               "<field type='text-single' var='with'><value>a@b</value></field><field var='empty'/></x>");
    assert_str(form_type(*state, x), "urn:f");
    assert_str(form_value(*state, form_field(x, STR("with"))), "a@b");
    assert_absent(form_value(*state, form_field(x, STR("empty"))));
    assert_null(form_field(x, STR("other")));
    assert_absent(form_value(*state, NULL));
    assert_absent(form_type(*state, xml_new(*state, NS_DATA, STR("x"))));
}

static void an_empty_value_is_a_value(void **state) {
    struct xml_node *x = form_new(*state, STR("submit"), STR("urn:f"));
    form_add(*state, x, STR_NONE, STR("a"), STR(""));
    assert_non_null(form_value(*state, form_field(x, STR("a"))).p);
}

int main(void) {
    const struct CMUnitTest tests[] = {with_arena(building_and_reading), with_arena(an_empty_value_is_a_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
