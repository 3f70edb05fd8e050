/* form.h: data forms (XEP-0004) as we need them: reading a submitted one, building one. */
#ifndef CONFAB_XMPP_FORM_H
#define CONFAB_XMPP_FORM_H

#include "xml/node.h"

/* The value of FORM_TYPE; STR_NONE when there is none. `x` is the <x xmlns='jabber:x:data'/>. */
struct str form_type(struct arena *arena, const struct xml_node *x);
/* First <field var='name'/>; NULL. */
const struct xml_node *form_field(const struct xml_node *x, struct str name);
/* Its first value; STR_NONE without. */
struct str form_value(struct arena *arena, const struct xml_node *field);
/* <x type='form|result|submit'> with a hidden FORM_TYPE. */
struct xml_node *form_new(struct arena *arena, struct str type, struct str form_type_value);
/* type STR_NONE: left out. Returns the field; value STR_NONE: none. */
struct xml_node *form_add(struct arena *arena, struct xml_node *x, struct str type, struct str name, struct str value);

#endif
