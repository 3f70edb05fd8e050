#include <stringprep.h>

#include "base/codec.h"
#include "base/err.h"
#include "unit.h"
#include "xmpp/jid.h"
#include "xmpp/punycode.h"

static void good(void **state) {
    static const struct {
        const char *in, *out; /* out NULL: unchanged */
        const char *local, *domain, *resource;
    } cases[] = {
        /* RFC 7622, section 3.5 */
        {"juliet@example.com", NULL, "juliet", "example.com", ""},
        {"juliet@example.com/foo", NULL, "juliet", "example.com", "foo"},
        {"juliet@example.com/foo bar", NULL, "juliet", "example.com", "foo bar"},
        {"juliet@example.com/foo@bar", NULL, "juliet", "example.com", "foo@bar"},
        {"foo\\20bar@example.com", NULL, "foo\\20bar", "example.com", ""},
        {"fu\xc3\x9f"
         "ball@example.com",
         NULL,
         "fu\xc3\x9f"
         "ball",
         "example.com", ""},
        {"\xcf\x80@example.com", NULL, "\xcf\x80", "example.com", ""},
        {"\xce\xa3@example.com/foo", "\xcf\x83@example.com/foo", "\xcf\x83", "example.com", "foo"},
        {"\xcf\x82@example.com", NULL, "\xcf\x82", "example.com", ""},
        {"king@example.com/\xe2\x99\x9a", NULL, "king", "example.com", "\xe2\x99\x9a"},
        {"example.com", NULL, "", "example.com", ""},
        {"example.com/foobar", NULL, "", "example.com", "foobar"},
        {"a.example.com/b@example.net", NULL, "", "a.example.com", "b@example.net"},
        /* case, width, composition */
        {"JuLiEt@Example.COM/Foo", "juliet@example.com/Foo", "juliet", "example.com", "Foo"},
        {"\xef\xbc\xa1lice@example.com", "alice@example.com", "alice", "example.com", ""},
        {"e\xcc\x81@x/e\xcc\x81", "\xc3\xa9@x/\xc3\xa9", "\xc3\xa9", "x", "\xc3\xa9"},
        {"\xc3\x89@x", "\xc3\xa9@x", "\xc3\xa9", "x", ""},
        {"x/a\xc2\xa0"
         "b",
         "x/a b", "", "x", "a b"},
        {"x//", NULL, "", "x", "/"},
        {"a@b/c/d@e/", NULL, "a", "b", "c/d@e/"},
        /* domains */
        {"B\xc3\x9c"
         "CHER.example.",
         "b\xc3\xbc"
         "cher.example",
         "",
         "b\xc3\xbc"
         "cher.example",
         ""},
        {"a@XN--BCHER-KVA.example",
         "a@b\xc3\xbc"
         "cher.example",
         "a",
         "b\xc3\xbc"
         "cher.example",
         ""},
        {"example.com.", "example.com", "", "example.com", ""},
        {"a@127.0.0.1/r", NULL, "a", "127.0.0.1", "r"},
        {"a@[::1]/r", NULL, "a", "[::1]", "r"},
        {"[2001:DB8:0::1]", "[2001:db8::1]", "", "[2001:db8::1]", ""},
        {"\xe4\xbe\x8b\xe3\x80\x82\xe6\xb5\x8b", "\xe4\xbe\x8b.\xe6\xb5\x8b", "", "\xe4\xbe\x8b.\xe6\xb5\x8b", ""},
        /* right to left, context */
        {"\xd7\x90@\xd7\x90\xd7\x91.com", NULL, "\xd7\x90", "\xd7\x90\xd7\x91.com", ""},
        {"l\xc2\xb7l@x", NULL, "l\xc2\xb7l", "x", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jid j = JID_NONE, again;
        struct str in = str_c(cases[i].in);
        if (jid_parse(*state, in, &j)) fail_msg("%s is refused", cases[i].in);
        assert_str(jid_str(j), cases[i].out ? cases[i].out : cases[i].in);
        assert_int_equal(j.p == in.p, !cases[i].out); /* borrowed exactly when nothing changed */
        assert_str(jid_local(j), cases[i].local);
        assert_str(jid_domain(j), cases[i].domain);
        assert_str(jid_resource(j), cases[i].resource);
        assert_int_equal(jid_parse(*state, jid_str(j), &again), 0);
        assert_true(jid_eq(j, again) && again.p == j.p);
        again = jid_trusted(jid_str(j));
        assert_memory_equal(&again, &j, sizeof j);
        assert_true(jid_eq(j, jid_make(*state, jid_local(j), jid_domain(j), jid_resource(j))));
        assert_true(jid_is_bare(jid_bare(jid_dup(*state, j))) && jid_bare_eq(j, jid_bare(j)));
    }
}

static void bad(void **state) {
    const char *cases[] = {
        "",
        "@",
        "/",
        "@x",
        "x@",
        "x@/",
        "@/x",
        "x/",
        "a@x/",
        "a@b@c",
        "a b@x",
        "a\tb@x",
        "a@b c",
        "\"a@x",
        "a&b@x",
        "a'@x",
        "a:b@x",
        "a<b@x",
        "a>b@x",
        "a\x7f@x",
        "x/a\tb",
        "x/\x7f",
        "x/\x01",
        "\xe2\x85\xa3@x" /* Roman numeral four */,
        "\xe2\x99\x9a@x" /* chess king */,
        "\xef\xac\x81@x" /* fi */,
        "\xef\xbc\xa0@x" /* full-width @ */,
        "\xef\xbc\x86"
        "a@x" /* full-width & */,
        "\xc2\xa0@x",
        "\xe2\x80\x8b@x",
        "a\xc2\xad"
        "b@x" /* soft hyphen */,
        "a\xe2\x80\x8d"
        "b@x" /* joiner without virama */,
        "a\xc2\xb7"
        "b@x",
        "\xd9\xa0\xdb\xb0@x" /* two kinds of digits */,
        "a\xd7\x90@x" /* mixed direction */,
        "\xe1\x84\x80@x",
        "\x80@x",
        "a@\xc3",
        "x/\xed\xa0\x80",
        "x/\xef\xb7\x90" /* noncharacter */,
        "x/\xee\x80\x80" /* private use */,
        ".",
        "..",
        "a..b",
        ".a",
        "a..",
        "-a",
        "a-",
        "a.-b",
        "ab--c",
        "a_b",
        "a!b",
        "[::1",
        "[]",
        "[::g]",
        "[1.2.3.4]",
        "[::1]x",
        "xn--",
        "xn--a",
        "xn--abc-",
        "xn--bcher-kvA-",
        "xn--99999999",
        "\xcc\x81"
        "a.x" /* begins with a mark */,
        "\xe2\x99\x9a.x",
        "\xd7\x90"
        "a.x",
        "\xd7\x90.1x" /* bidi over all labels */,
    };
    struct jid j = {.domain_len = 7};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (jid_parse(*state, str_c(cases[i]), &j) != ERR_INVALID) fail_msg("%s is accepted", cases[i]);
        assert_int_equal(j.domain_len, 7);
    }
    assert_int_equal(jid_parse(*state, str_of("a\0b@x", 5), &j), ERR_INVALID);
    assert_int_equal(jid_parse(*state, STR_NONE, &j), ERR_INVALID);
}

static struct str many(struct arena *arena, const char *piece, size_t times, const char *end) {
    struct str s = STR("");
    for (size_t i = 0; i < times; i++) s = ARENA_CONCAT(arena, s, str_c(piece));
    return ARENA_CONCAT(arena, s, str_c(end));
}

static void limits(void **state) {
    struct jid j;
    assert_int_equal(jid_parse(*state, many(*state, "a", 1023, "@x"), &j), 0);
    assert_int_equal(jid_parse(*state, many(*state, "a", 1024, "@x"), &j), ERR_INVALID);
    assert_int_equal(jid_parse(*state, many(*state, "\xef\xbc\xa1", 1023, "@x"), &j), 0);
    assert_int_equal(j.local_len, 1023);
    assert_int_equal(jid_parse(*state, many(*state, "\xc3\xa9", 512, "@x"), &j), ERR_INVALID);
    assert_int_equal(jid_parse(*state, many(*state, "a", 63, ".x"), &j), 0);
    assert_int_equal(jid_parse(*state, many(*state, "a", 64, ".x"), &j), ERR_INVALID);
    assert_int_equal(jid_parse(*state, many(*state, "a.", 126, "a"), &j), 0);
    assert_int_equal(jid_parse(*state, many(*state, "a.", 127, "a"), &j), ERR_INVALID);
    assert_int_equal(jid_parse(*state, many(*state, "\xc3\xbc", 57, ".x"), &j), 0);
    assert_int_equal(jid_parse(*state, many(*state, "\xc3\xbc", 58, ".x"), &j), ERR_INVALID);
    assert_int_equal(jid_parse(*state, ARENA_CONCAT(*state, STR("x/"), many(*state, "a", 1023, "")), &j), 0);
    assert_int_equal(jid_parse(*state, ARENA_CONCAT(*state, STR("x/"), many(*state, "a", 1024, "")), &j), ERR_INVALID);
}

/* RFC 3492, section 7.1 (A, D, L, and one with hyphens). */
static void punycode_vectors(void **state) {
    static const char *pairs[][2] = {
        {"\xd9\x84\xd9\x8a\xd9\x87\xd9\x85\xd8\xa7\xd8\xa8\xd8\xaa\xd9\x83\xd9\x84\xd9\x85\xd9\x88\xd8\xb4\xd8\xb9\xd8"
         "\xb1"
         "\xd8\xa8\xd9\x8a\xd8\x9f",
         "egbpdaj6bu4bxfgehfvwxn"},
        {"pro\xc4\x8dprost\xc4\x9bnemluv\xc3\xad\xc4\x8d"
         "esky",
         "proprostnemluvesky-uyb24dma41a"},
        {"3\xe5\xb9\xb4"
         "b\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f",
         "3b-ww4c5e180e575a65lsy2b"},
        {"-> $1.00 <-", "-> $1.00 <--"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct runes in, back;
        struct str encoded;
        assert_int_equal(runes_read(*state, str_c(pairs[i][0]), 1000, &in), 0);
        assert_int_equal(punycode_encode(*state, in, &encoded), 0);
        assert_str(encoded, pairs[i][1]);
        assert_int_equal(punycode_decode(*state, encoded, &back), 0);
        assert_true(runes_eq(in, back));
    }
}

/*
 * Where nodeprep (stringprep on Unicode 3.2) must differ from PRECIS: it folds what only a folding changes (sharp s,
 * final sigma, iota subscript), and knows no lower case that came to letters later.
 */
static bool must_differ(uint32_t c) {
    static const uint32_t ranges[][2] = {
        {0xdf, 0xdf},     {0x130, 0x130},   {0x345, 0x345},   {0x3c2, 0x3c2},   {0x4c0, 0x4c0},   {0x10a0, 0x10c5},
        {0x13a0, 0x13f4}, {0x1e9e, 0x1e9e}, {0x1f80, 0x1fff}, {0x2132, 0x2132}, {0x2183, 0x2183},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    }
    return false;
}

/* Every character as a local part: in ASCII both accept the same, and what both accept comes out the same. */
static void agrees_with_nodeprep(void **state) {
    unsigned both = 0;
    for (uint32_t c = 0x21; c <= 0x10ffff; c++) {
        if (c >= 0xd800 && c <= 0xdfff) continue;
        struct arena_mark mark = arena_mark(*state);
        char theirs[64] = "";
        utf8_put(theirs, c);
        struct str in = arena_dup(*state, str_c(theirs)), ours;
        bool they = stringprep(theirs, sizeof theirs, STRINGPREP_NO_UNASSIGNED, stringprep_xmpp_nodeprep) == 0;
        bool we = jid_prepare_local(*state, in, &ours) == 0;
        if (c < 0x80) assert_int_equal(we, they);
        both += we && they;
        if (we && they && !must_differ(c) && !str_eq(ours, str_c(theirs)))
            fail_msg("U+%04X: \"%.*s\", nodeprep says \"%s\"", c, STR_FMT(ours), theirs);
        arena_release(*state, mark);
    }
    assert_true(both > 80000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(good),
        with_arena(bad),
        with_arena(limits),
        with_arena(punycode_vectors),
        with_arena(agrees_with_nodeprep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
