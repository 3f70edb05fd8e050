/*
 * form.c: data forms (XEP-0004), as little of them as the server needs. Pure; any thread.
 */
#include "xmpp/form.h"

#include "xmpp/ns.h"

const struct xml_node *form_field(const struct xml_node *x, struct str name) {
    const struct xml_node *field = xml_child(x, NS_DATA, STR("field"));
    while (field && !str_eq(xml_attr(field, STR("var")), name)) field = xml_again(field);
    return field;
}

struct str form_value(struct arena *arena, const struct xml_node *field) {
    return field ? xml_child_text(arena, field, NS_DATA, STR("value")) : STR_NONE;
}

struct str form_type(struct arena *arena, const struct xml_node *x) {
    return form_value(arena, form_field(x, STR("FORM_TYPE")));
}

struct xml_node *form_new(struct arena *arena, struct str type, struct str form_type_value) {
    struct xml_node *x = xml_new(arena, NS_DATA, STR("x"));
    xml_set(arena, x, STR("type"), type);
    form_add(arena, x, STR("hidden"), STR("FORM_TYPE"), form_type_value);
    return x;
}

struct xml_node *form_add(struct arena *arena, struct xml_node *x, struct str type, struct str name, struct str value) {
    struct xml_node *field = xml_add(arena, x, NS_DATA, STR("field"));
    xml_set(arena, field, STR("type"), type);
    xml_set(arena, field, STR("var"), name);
    if (value.p) xml_add_text(arena, xml_add(arena, field, NS_DATA, STR("value")), value);
    return field;
}
