#include "unit.h"
#include "xml/parser.h"
#include "xml/writer.h"

static const struct xml_limits limits = {.bytes_max = 10000, .depth_max = 8, .attrs_max = 8, .children_max = 50};
static const struct xml_scope scope = {.default_ns = STR_INIT("jabber:client")};

/* --- parsing --- */

/* The tree as canonical text, or the error in brackets. */
static const char *parsed(struct arena *arena, const char *text) {
    static const char *const errors[] = {[XML_NOT_WELL_FORMED] = "[not-well-formed]",
                                         [XML_RESTRICTED] = "[restricted]",
                                         [XML_BAD_ENCODING] = "[encoding]",
                                         [XML_TOO_BIG] = "[big]",
                                         [XML_TOO_COMPLEX] = "[complex]"};
    struct xml_node *n = NULL;
    enum xml_error error = xml_parse(arena, str_c(text), &scope, &limits, &n);
    if (error) {
        assert_null(n);
        return errors[error];
    }
    return xml_string(arena, n, STR("jabber:client")).p;
}

static void good_elements(void **state) {
    static const char *cases[][2] = {
        {"<a/>", "<a/>"},
        {" \n<a></a >\t", "<a/>"},
        {"<a b='1' c=\"2'\"\n d = '>' />", "<a b='1' c='2&apos;' d='&gt;'/>"},
        {"<a>x<b/>y<c>z</c></a>", "<a>x<b/>y<c>z</c></a>"},
        {"<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x42;&#x1F600;</a>", "<a>&lt;&gt;&amp;'\"AB\xf0\x9f\x98\x80</a>"},
        {"<a>1\r\n2\r3\n&#13;</a>", "<a>1\n2\n3\n&#13;</a>"},
        {"<a b='1\r\n2\r3\n4\t5&#10;6'/>", "<a b='1 2 3 4 5&#10;6'/>"},
        {"<a>]] ]&gt; ]]&gt; ></a>", "<a>]] ]&gt; ]]&gt; &gt;</a>"},
        {"<a xmlns='urn:x'><b xmlns=''/><c/></a>", "<a xmlns='urn:x'><b xmlns=''/><c/></a>"},
        {"<p:a xmlns:p='urn:x'><p:b p:c='1' c='2'/></p:a>",
         "<a xmlns='urn:x'><b xmlns:a1='urn:x' a1:c='1' c='2'/></a>"},
        {"<a><p:b xmlns:p='urn:x'/><p:b xmlns:p='urn:y'/></a>", "<a><b xmlns='urn:x'/><b xmlns='urn:y'/></a>"},
        {"<a p:c='1' xmlns:p='urn:x'/>", "<a xmlns:a1='urn:x' a1:c='1'/>"},
        {"<a xml:lang='en'><xml:b><c/></xml:b></a>", "<a xml:lang='en'><xml:b><c/></xml:b></a>"},
        {"<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", "<a/>"},
        {"<a.b-c_1><_/></a.b-c_1>", "<a.b-c_1><_/></a.b-c_1>"},
        {"<gr\xc3\xb6\xc3\x9f"
         "e/>",
         "<gr\xc3\xb6\xc3\x9f"
         "e/>"},
        {"<a><b><c><d><e><f><g><h/></g></f></e></d></c></b></a>",
         "<a><b><c><d><e><f><g><h/></g></f></e></d></c></b></a>"},
        {"<a><b>1</b><b>2</b>\n<b/></a>", "<a><b>1</b><b>2</b>\n<b/></a>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(parsed(*state, cases[i][0]), cases[i][1]);
}

static void what_is_not_well_formed(void **state) {
    const char *cases[] = {
        "",
        " ",
        "a",
        "<",
        "<a",
        "<a>",
        "<a/",
        "</a>",
        "<a></b>",
        "<a></a",
        "<a><b></a></b>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "< a/>",
        "<a></ a>",
        "<1/>",
        "<-a/>",
        "<a b/>",
        "<a b=/>",
        "<a b=1/>",
        "<a b='1/>",
        "<a b='1'c='2'/>",
        "<a b='1' b='2'/>",
        "<a b='<'/>",
        "<a / >",
        "<a>]]></a>",
        "<a>&</a>",
        "<a>&lt</a>",
        "<a>&#;</a>",
        "<a>&#x;</a>",
        "<a>&#0;</a>",
        "<a>&#1;</a>",
        "<a>&#xD800;</a>",
        "<a>&#xFFFE;</a>",
        "<a>&#x110000;</a>",
        "<a>&#99999999999999999999;</a>",
        "<a>&#-1;</a>",
        "<a>&#x1g;</a>",
        "<a>& lt;</a>",
        "<a>&1;</a>",
        "<a>\x01</a>",
        "<a>\x80</a>",
        "<a>\xed\xa0\x80</a>",
        "<a>\xef\xbf\xbf</a>",
        "<a b='\x1f'/>",
        /* namespaces */
        "<p:a/>",
        "<a p:b='1'/>",
        "<a:b:c/>",
        "<:a/>",
        "<a:/>",
        "<p:1 xmlns:p='u'/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xmlns='u'/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<xmlns:a/>",
        "<a xmlns='u' xmlns='v'/>",
        "<a xmlns:p='u' xmlns:p='u'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<p:a xmlns:p='u'></a>",
        "<p:a xmlns:p='u' xmlns:q='u'></q:a>",
        "<a><b xmlns:p='u'/><p:c/></a>",
        "<a xmlns:p:q='u'/>",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(parsed(*state, cases[i]), "[not-well-formed]") != 0)
            fail_msg("%s: %s", cases[i], parsed(*state, cases[i]));
    }
    struct xml_node *n = NULL;
    assert_int_equal(xml_parse(*state, str_of("<a>\0</a>", 8), &scope, &limits, &n), XML_NOT_WELL_FORMED);
    assert_int_equal(xml_parse(*state, STR_NONE, &scope, &limits, &n), XML_NOT_WELL_FORMED);
}

static void what_xmpp_forbids(void **state) {
    const char *cases[] = {"<!DOCTYPE a><a/>", "<?xml version='1.0'?><a/>",
                           "<a><!-- --></a>",  "<a><![CDATA[x]]></a>",
                           "<a><?x?></a>",     "<a>&nbsp;</a>",
                           "<a b='&x;'/>",     "<a/><!---->"};
    for (size_t i = 0; i < 7; i++) assert_string_equal(parsed(*state, cases[i]), "[restricted]");
    assert_string_equal(parsed(*state, cases[7]), "[not-well-formed]");
}

static void limits_hold(void **state) {
    assert_string_equal(parsed(*state, "<a><b><c><d><e><f><g><h><i/></h></g></f></e></d></c></b></a>"), "[complex]");
    assert_string_equal(parsed(*state, "<a a='' b='' c='' d='' e='' f='' g='' xmlns='u'/>"),
                        "<a xmlns='u' a='' b='' c='' d='' e='' f='' g=''/>");
    assert_string_equal(parsed(*state, "<a a='' b='' c='' d='' e='' f='' g='' h='' xmlns='u'/>"), "[complex]");
    char text[20000] = "<a>";
    for (int i = 0; i < 49; i++) strcat(text, "<b/>");
    strcat(text, "</a>");
    assert_true(parsed(*state, text)[0] == '<');
    strcpy(text + strlen(text) - 4, "<b/></a>");
    assert_string_equal(parsed(*state, text), "[complex]");
    strcpy(text, "<a>"); /* attributes count, too: comparing their names is work */
    for (int i = 0; i < 24; i++) strcat(text, "<b c=''/>");
    strcat(text, "</a>");
    assert_true(parsed(*state, text)[0] == '<');
    strcpy(text + strlen(text) - 4, "<b c=''/></a>");
    assert_string_equal(parsed(*state, text), "[complex]");
    memset(text, ' ', sizeof text - 1);
    assert_string_equal(parsed(*state, text), "[big]");
}

/* However deep and wide, no more than 64 prefixes are declared at once. */
static void prefixes_do_not_pile_up(void **state) {
    struct str text = STR("");
    for (int i = 0; i < 64; i++) {
        if (i % 8 == 0) text = ARENA_CONCAT(*state, text, i ? STR("><a") : STR("<a"));
        text = ARENA_CONCAT(*state, text, arena_printf(*state, " xmlns:p%d='u'", i));
    }
    struct str end = STR("</a></a></a></a></a></a></a>");
    struct xml_limits wide = limits;
    struct xml_node *n = NULL;
    wide.attrs_max = 100;
    wide.children_max = 100;
    assert_int_equal(xml_parse(*state, ARENA_CONCAT(*state, text, STR("/>"), end), &scope, &wide, &n), XML_OK);
    text = ARENA_CONCAT(*state, text, STR(" xmlns:q='u'/>"), end);
    assert_int_equal(xml_parse(*state, text, &scope, &wide, &n), XML_TOO_COMPLEX);
}

static void scopes(void **state) {
    static const struct str prefixes[][2] = {{STR_INIT("stream"), STR_INIT("urn:s")},
                                             {STR_INIT("p"), STR_INIT("urn:p")}};
    const struct xml_scope outer = {STR("jabber:client"), 2, prefixes};
    struct xml_node *n = NULL;
    assert_int_equal(xml_parse(*state, STR("<stream:a p:x='1'><b xmlns:p='urn:q'><p:c/></b><p:d/></stream:a>"), &outer,
                               &limits, &n),
                     XML_OK);
    assert_true(xml_is(n, STR("urn:s"), STR("a")));
    assert_str(xml_attr_ns(n, STR("urn:p"), STR("x")), "1");
    const struct xml_node *b = xml_child(n, STR("jabber:client"), STR("b"));
    assert_non_null(xml_child(b, STR("urn:q"), STR("c")));
    assert_non_null(xml_child(n, STR("urn:p"), STR("d")));
    assert_int_equal(xml_parse(*state, STR("<a/>"), NULL, &limits, &n), XML_OK);
    assert_true(xml_is(n, STR(""), STR("a")));
}

static void trees_borrow_what_they_can(void **state) {
    struct str bytes = STR("<message to='x'><body>plain</body></message>");
    struct xml_node *n = NULL;
    assert_int_equal(xml_parse(*state, bytes, &scope, &limits, &n), XML_OK);
    struct str body = xml_child_text(*state, n, STR("jabber:client"), STR("body"));
    assert_true(body.p > bytes.p && body.p < bytes.p + bytes.len);
}

/* --- headers --- */

static enum xml_error header(struct arena *arena, const char *text, struct xml_scope *out_scope) {
    struct xml_node *n;
    return xml_parse_header(arena, str_c(text), &limits, &n, out_scope);
}

static void headers(void **state) {
    struct xml_scope s = {0};
    struct xml_node *n = NULL;
    struct str text =
        STR("<?xml version='1.0' encoding=\"utf-8\" standalone='yes' ?>\n<stream:stream to='x' version='1.0' "
            "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xml:lang='en'>");
    assert_int_equal(xml_parse_header(*state, text, &limits, &n, &s), XML_OK);
    assert_true(xml_is(n, STR("http://etherx.jabber.org/streams"), STR("stream")));
    assert_str(xml_attr(n, STR("to")), "x");
    assert_str(s.default_ns, "jabber:client");
    assert_int_equal(s.prefix_count, 1);
    assert_str(s.prefixes[0][0], "stream");
    static const struct {
        const char *text;
        enum xml_error error;
    } cases[] = {
        {"<stream>", XML_OK},
        {"<?xml version='1.0'?><stream>", XML_OK},
        {"<stream/>", XML_NOT_WELL_FORMED},
        {"<stream></stream>", XML_NOT_WELL_FORMED},
        {"", XML_NOT_WELL_FORMED},
        {"<s:stream>", XML_NOT_WELL_FORMED},
        {"<?xml version='1.1'?><a>", XML_NOT_WELL_FORMED},
        {"<?xml?><a>", XML_NOT_WELL_FORMED},
        {"<?xml encoding='utf-8'?><a>", XML_NOT_WELL_FORMED},
        {"<?xml version='1.0' encoding='iso-8859-1'?><a>", XML_BAD_ENCODING},
        {"<?xml version='1.0' standalone='maybe'?><a>", XML_NOT_WELL_FORMED},
        {"<?xml version='1.0' other='x'?><a>", XML_NOT_WELL_FORMED},
        {"<?php?><a>", XML_RESTRICTED},
        {"<!DOCTYPE a><a>", XML_RESTRICTED},
        {"<?xml version='1.0'?><!-- --><a>", XML_RESTRICTED},
        {"\xef\xbb\xbf<a>", XML_NOT_WELL_FORMED},
        {"<a> ", XML_NOT_WELL_FORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(header(*state, cases[i].text, &s), cases[i].error);
}

/* --- framing --- */

#define HEADER "<?xml version='1.0'?> <s:s xmlns:s='a>b'>"

struct expected {
    enum xml_frame_kind kind;
    const char *bytes; /* of the frame; or NULL, and then the error */
    enum xml_error error;
};

/* Feeds `text` in pieces of `piece` bytes and compares frames; spaces may come in several frames. */
static void assert_frames(const char *text, size_t piece, const struct expected *expected) {
    struct xml_framer f = {0};
    size_t start = 0, have = 0, len = strlen(text), at = 0;
    char spaces[64] = "";
    for (;;) {
        size_t frame_len = 0;
        enum xml_error error = XML_OK;
        /* A copy of exactly what is there, so that reading behind it is seen. */
        char *copy = malloc(have - start + 1);
        memcpy(copy, text + start, have - start);
        enum xml_frame_kind kind = xml_frame(&f, str_of(copy, have - start), &limits, &frame_len, &error);
        free(copy);
        if (kind == XML_FRAME_NONE) {
            if (have == len) break;
            have = have + piece < len ? have + piece : len;
            continue;
        }
        if (kind == XML_FRAME_SPACE) {
            strncat(spaces, text + start, frame_len);
            start += frame_len;
            continue;
        }
        if (spaces[0]) {
            assert_int_equal(expected[at].kind, XML_FRAME_SPACE);
            assert_string_equal(spaces, expected[at++].bytes);
            spaces[0] = '\0';
        }
        assert_int_equal(kind, expected[at].kind);
        if (kind == XML_FRAME_BAD) {
            assert_int_equal(error, expected[at].error);
            return;
        }
        assert_str(str_of(text + start, frame_len), expected[at].bytes);
        start += frame_len;
        at++;
    }
    assert_int_equal(expected[at].kind, XML_FRAME_NONE);
    assert_int_equal(start + strlen(expected[at].bytes), len);
}

static void assert_frames_in_all_pieces(const char *text, const struct expected *expected) {
    for (size_t piece = 1; piece <= strlen(text); piece++) assert_frames(text, piece, expected);
}

static void frames(void **state) {
    (void)state;
    assert_frames_in_all_pieces(" " HEADER "\n<a/><b x='>/\"' y=\"'</\">t<b/>></b>  <s:c></s:c></s:s>",
                                (struct expected[]){{XML_FRAME_SPACE, " ", 0},
                                                    {XML_FRAME_HEADER, HEADER, 0},
                                                    {XML_FRAME_SPACE, "\n", 0},
                                                    {XML_FRAME_ELEMENT, "<a/>", 0},
                                                    {XML_FRAME_BAD, NULL, XML_NOT_WELL_FORMED}});
    assert_frames_in_all_pieces(HEADER "<b x='>/\"' y=\"'/>\">t<b/>></b>  <s:c></s:c></s:s>",
                                (struct expected[]){{XML_FRAME_HEADER, HEADER, 0},
                                                    {XML_FRAME_ELEMENT, "<b x='>/\"' y=\"'/>\">t<b/>></b>", 0},
                                                    {XML_FRAME_SPACE, "  ", 0},
                                                    {XML_FRAME_ELEMENT, "<s:c></s:c>", 0},
                                                    {XML_FRAME_END, "</s:s>", 0},
                                                    {XML_FRAME_NONE, "", 0}});
    assert_frames_in_all_pieces(HEADER "<a><b></b>",
                                (struct expected[]){{XML_FRAME_HEADER, HEADER, 0}, {XML_FRAME_NONE, "<a><b></b>", 0}});
}

static void frames_that_cannot_be(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum xml_error error;
    } cases[] = {
        {"x", XML_NOT_WELL_FORMED},
        {"<>", XML_NOT_WELL_FORMED},
        {"< a>", XML_NOT_WELL_FORMED},
        {"<a/ >", XML_NOT_WELL_FORMED},
        {"<a <", XML_NOT_WELL_FORMED},
        {"<a b='<'/>", XML_NOT_WELL_FORMED},
        {"<!-- -->", XML_RESTRICTED},
        {"<?x?>", XML_RESTRICTED},
        {"<a><![CDATA[", XML_RESTRICTED},
        {"<a><?", XML_RESTRICTED},
        {"<a></a/>", XML_NOT_WELL_FORMED},
        {"<a><a><a><a><a><a><a><a><a>", XML_TOO_COMPLEX},
        {"<a><a><a><a><a><a><a><a><a/>", XML_TOO_COMPLEX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "%s%s", HEADER, cases[i].text);
        assert_frames_in_all_pieces(text, (struct expected[]){{XML_FRAME_HEADER, HEADER, 0},
                                                              {XML_FRAME_BAD, NULL, cases[i].error}});
    }
    const char *starts[] = {"</s>", "<s/>", "s", "<?xml version='1.0'?>x", "<?xml <"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        assert_frames_in_all_pieces(starts[i], (struct expected[]){{XML_FRAME_BAD, NULL, XML_NOT_WELL_FORMED}});
    assert_frames_in_all_pieces("<?xml ?><?xml ?>", (struct expected[]){{XML_FRAME_BAD, NULL, XML_RESTRICTED}});
}

static void a_frame_has_a_size(void **state) {
    (void)state;
    struct xml_limits small = limits;
    small.bytes_max = 10;
    for (size_t piece = 1; piece < 20; piece++) {
        struct xml_framer f = {.in_stream = 1};
        const char *text = "<a>4567890123</a>";
        enum xml_error error = XML_OK;
        size_t len = 0, have = 0;
        enum xml_frame_kind kind;
        while ((kind = xml_frame(&f, str_of(text, have), &small, &len, &error)) == XML_FRAME_NONE && have < 17)
            have = have + piece < 17 ? have + piece : 17;
        assert_int_equal(kind, XML_FRAME_BAD);
        assert_int_equal(error, XML_TOO_BIG);
        assert_true(have >= 10);
    }
    struct xml_framer f = {.in_stream = 1};
    enum xml_error error;
    size_t len;
    assert_int_equal(xml_frame(&f, STR("<a>456</a>"), &small, &len, &error), XML_FRAME_ELEMENT);
    assert_int_equal(len, 10);
    xml_framer_restart(&f);
    assert_int_equal(xml_frame(&f, STR("<a>"), &small, &len, &error), XML_FRAME_HEADER);
    assert_int_equal(sizeof f, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(good_elements),
        with_arena(what_is_not_well_formed),
        with_arena(what_xmpp_forbids),
        with_arena(limits_hold),
        with_arena(prefixes_do_not_pile_up),
        with_arena(scopes),
        with_arena(trees_borrow_what_they_can),
        with_arena(headers),
        cmocka_unit_test(frames),
        cmocka_unit_test(frames_that_cannot_be),
        cmocka_unit_test(a_frame_has_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
