#include <unistd.h>

#include "base/conf.h"
#include "base/err.h"
#include "unit.h"

struct values {
    struct str domain;
    bool open;
    int64_t shards, size_max, idle_ms, storage;
};

#define AT(field) offsetof(struct values, field)
static const struct conf_option server_options[] = {
    {.section = "server",
     .name = "domain",
     .type = CONF_STR,
     .offset = AT(domain),
     .preset = "localhost",
     .text = "The name."},
    {.section = "server",
     .name = "shards",
     .type = CONF_INT,
     .offset = AT(shards),
     .preset = "0",
     .min = 0,
     .max = 64,
     .text = "How many threads."},
    {.section = "auth", .name = "open", .type = CONF_BOOL, .offset = AT(open), .preset = "no", .text = "Anybody."},
    {0},
};
static const struct conf_option limit_options[] = {
    {.section = "limits",
     .name = "size",
     .type = CONF_SIZE,
     .offset = AT(size_max),
     .preset = "256k",
     .min = 1024,
     .max = INT64_MAX,
     .text = "Of one.",
     .reload = true},
    {.section = "limits",
     .name = "idle",
     .type = CONF_DURATION,
     .offset = AT(idle_ms),
     .preset = "5m",
     .min = 1000,
     .max = 86400000,
     .text = "Until closed."},
    {.section = "server",
     .name = "storage",
     .type = CONF_CHOICE,
     .offset = AT(storage),
     .preset = "sqlite",
     .choices = "memory|sqlite",
     .text = "Where."},
    {0},
};
static const struct conf_option *const tables[] = {server_options, limit_options, NULL};

static int load(struct arena *arena, const char *text, struct values *out, struct str *message) {
    char path[] = "/tmp/conf-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int err = conf_load(tables, path, arena, out, message);
    unlink(path);
    if (err) *message = str_from(*message, strlen(path));
    return err;
}

static void assert_presets(const struct values *v) {
    assert_str(v->domain, "localhost");
    assert_false(v->open);
    assert_int_equal(v->shards, 0);
    assert_int_equal(v->size_max, 256 * 1024);
    assert_int_equal(v->idle_ms, 300000);
    assert_int_equal(v->storage, 1);
}

static void presets(void **state) {
    struct values v;
    struct str message;
    assert_int_equal(conf_load(tables, NULL, *state, &v, &message), 0);
    assert_presets(&v);
    assert_int_equal(load(*state, "", &v, &message), 0);
    assert_presets(&v);
}

static void a_file(void **state) {
    struct values v;
    struct str message;
    const char *text =
        "# comment\n[server]\ndomain = example.org ; yes\nshards = 4\nstorage=memory\n\n[auth]\nopen=yes\n"
        "[limits]\nsize = 2M\nidle = 1500ms\n";
    assert_int_equal(load(*state, text, &v, &message), 0);
    assert_str(v.domain, "example.org");
    assert_true(v.open);
    assert_int_equal(v.shards, 4);
    assert_int_equal(v.size_max, 2 << 20);
    assert_int_equal(v.idle_ms, 1500);
    assert_int_equal(v.storage, 0);
    assert_int_equal(load(*state, "[server]\ndomain = a b\n  c\n\td\n", &v, &message), 0);
    assert_str(v.domain, "a b c d");
    assert_int_equal(load(*state, "[server]\ndomain =\n", &v, &message), 0);
    assert_str(v.domain, "");
}

static void mistakes(void **state) {
    static const char *cases[][2] = {
        {"[server]\nfoo = 1\n", ":2: unknown option foo"},
        {"[nowhere]\n\ndomain = 1\n", ":3: unknown section nowhere"},
        {"domain = 1\n", ":1: unknown section "},
        {"[server]\ndomain = a\nshards = 1\ndomain = b\n", ":4: repeated option domain"},
        {"[server]\nshards = x\n", ":2: shards: expected a whole number"},
        {"[server]\nshards = 65\n", ":2: shards: out of bounds"},
        {"[server]\nshards = -1\n", ":2: shards: out of bounds"},
        {"[server]\nshards =\n", ":2: shards: expected a whole number"},
        {"[server]\nstorage = oracle\n", ":2: storage: not one of memory|sqlite"},
        {"[auth]\nopen = true\n", ":2: open: expected yes or no"},
        {"[limits]\nsize = 10\n", ":2: size: out of bounds"},
        {"[limits]\nsize = 5T\n", ":2: size: expected a number of bytes, with k, M or G"},
        {"[limits]\nsize = 9999999999999G\n", ":2: size: expected a number of bytes, with k, M or G"},
        {"[limits]\nidle = -5s\n", ":2: idle: out of bounds"},
        {"[limits]\nidle = soon\n", ":2: idle: expected a number of seconds, or with ms, s, m, h, d"},
        {"[server]\nnonsense\n", ":2: expected [section] or name = value"},
        {"[server\n", ":1: expected [section] or name = value"},
        {"[server]\nshards = 1\n  2\n", ":3: repeated option shards"},
    };
    struct values v;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str message = STR("");
        assert_int_equal(load(*state, cases[i][0], &v, &message), ERR_CONFIG);
        assert_str(message, cases[i][1]);
    }
    struct str message = STR("");
    assert_int_equal(conf_load(tables, "/nonexistent/file", *state, &v, &message), ERR_CONFIG);
    assert_str(message, "/nonexistent/file: No such file or directory");
    char text[400] = "[server]\ndomain = ";
    memset(text + strlen(text), 'x', 300);
    assert_int_equal(load(*state, text, &v, &message), ERR_CONFIG);
    assert_true(str_starts(message, STR(":2: the line is too long")));
}

static void the_sample_gives_the_presets(void **state) {
    struct buf sample = BUF_INIT;
    struct values v;
    struct str message = STR("");
    conf_write_sample(tables, &sample);
    buf_add_char(&sample, '\0');
    assert_int_equal(load(*state, buf_str(&sample).p, &v, &message), 0);
    assert_presets(&v);
    assert_non_null(strstr(buf_str(&sample).p, "# Of one. (bytes; k, M, G; 1k or more)\nsize = 256k\n"));
    assert_non_null(strstr(buf_str(&sample).p, "# Until closed. (seconds; ms, s, m, h, d; 1s to 1d)\nidle = 5m\n"));
    assert_null(strstr(strstr(buf_str(&sample).p, "[server]") + 1, "[server]"));
    buf_free(&sample);
}

static void markdown(void **state) {
    (void)state;
    struct buf text = BUF_INIT;
    conf_write_markdown(tables, &text);
    buf_add_char(&text, '\0');
    assert_non_null(strstr(buf_str(&text).p, "## [limits]\n\n| option | values | default | reload | meaning |\n"));
    assert_non_null(strstr(buf_str(&text).p, "| `storage` | memory, sqlite | `sqlite` |  | Where. |\n"));
    assert_non_null(strstr(buf_str(&text).p, "| `size` | bytes; k, M, G; 1k or more | `256k` | yes | Of one. |\n"));
    buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(presets),  with_arena(a_file), with_arena(mistakes), with_arena(the_sample_gives_the_presets),
        with_arena(markdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
