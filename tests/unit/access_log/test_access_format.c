/* What one line looks like, whatever bytes a peer sends. */
#include "lib/base/random.h"
#include "proxy/session/access_format.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define WALL_NS 1793690000123456789ULL /* 2026-11-03T07:13:20.123 */

static char buffer[65536];

static struct px_access_date new_date(void)
{
    return (struct px_access_date){.second = PX_ACCESS_NONE};
}

static const char *format(const struct px_access_line *line, enum px_log_format kind)
{
    struct px_access_date date = new_date();
    size_t len = px_access_format(line, kind, &date, buffer);

    assert_true(len <= px_access_format_max(line));
    assert_true(len < sizeof(buffer));
    buffer[len] = '\0';
    assert_int_equal(strlen(buffer), len);
    assert_ptr_equal(strchr(buffer, '\n'), buffer + len - 1); /* one line */
    return buffer;
}

static struct px_access_line full_line(void)
{
    return (struct px_access_line){.wall_ns = WALL_NS,
                                   .request_id = TN_STR("3f9a-1"),
                                   .client = TN_STR("192.0.2.7"),
                                   .method = TN_STR("GET"),
                                   .path = TN_STR("/x?y=1"),
                                   .referer = TN_STR("http://example/"),
                                   .user_agent = TN_STR("curl/7.88.1"),
                                   .rule = "main",
                                   .version = "green",
                                   .build = "2",
                                   .endpoint = "green/0",
                                   .reason = "slot",
                                   .end = "ok",
                                   .bytes_in = 17,
                                   .bytes_out = 1234567890123,
                                   .duration_us = 950,
                                   .upstream_us = 800,
                                   .revision = 7,
                                   .slot = 41,
                                   .status = 200,
                                   .retries = 1,
                                   .version_minor = 1,
                                   .has_slot = true};
}

static void test_access_json_line_of_a_request(void **state)
{
    struct px_access_line line = full_line();

    (void)state;
    assert_string_equal(
        format(&line, PX_LOG_JSON),
        "{\"time\":\"2026-11-03T07:13:20.123Z\",\"request_id\":\"3f9a-1\",\"client\":\"192.0.2.7\","
        "\"method\":\"GET\",\"path\":\"/x?y=1\",\"status\":200,\"bytes_in\":17,"
        "\"bytes_out\":1234567890123,\"duration_us\":950,\"upstream_us\":800,\"rule\":\"main\","
        "\"version\":\"green\",\"build\":\"2\",\"endpoint\":\"green/0\",\"reason\":\"slot\","
        "\"slot\":41,\"revision\":7,\"retries\":1,\"end\":\"ok\"}\n");
}

static void test_access_json_line_with_a_key_and_of_a_mirror(void **state)
{
    struct px_access_line line = full_line();

    (void)state;
    line.has_slot = false;
    line.has_key = true;
    line.key = 0xfedcba9876543210ULL;
    assert_non_null(strstr(format(&line, PX_LOG_JSON), ",\"key\":\"fedcba9876543210\","));
    assert_null(strstr(buffer, "slot\":"));
    line.key = 0;
    line.is_mirror = true;
    line.end = "dropped";
    line.reason = "buffer";
    assert_non_null(strstr(format(&line, PX_LOG_JSON), ",\"key\":\"0000000000000000\","));
    assert_non_null(strstr(buffer, "\"reason\":\"buffer\""));
    assert_non_null(strstr(buffer, ",\"end\":\"dropped\",\"mirror\":true}\n"));
}

static void test_access_json_leaves_out_what_has_no_value(void **state)
{
    struct px_access_line line = {.wall_ns = WALL_NS, .upstream_us = PX_ACCESS_NONE, .build = ""};

    (void)state;
    assert_string_equal(format(&line, PX_LOG_JSON),
                        "{\"time\":\"2026-11-03T07:13:20.123Z\",\"bytes_in\":0,\"bytes_out\":0,"
                        "\"duration_us\":0,\"revision\":0,\"retries\":0}\n");
}

static void test_access_numbers_of_any_size(void **state)
{
    static const uint64_t numbers[] = {0, 9, 10, 99, 100, 18446744073709551614ULL};
    static const char *const texts[] = {"0", "9", "10", "99", "100", "18446744073709551614"};
    struct px_access_line line = full_line();

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        char expected[64] = ",\"duration_us\":";

        line.duration_us = numbers[i];
        strcat(strcat(expected, texts[i]), ",");
        assert_non_null(strstr(format(&line, PX_LOG_JSON), expected));
    }
}

static void test_access_date_follows_the_clock(void **state)
{
    struct px_access_line line = full_line();
    struct px_access_date date = new_date();
    static const struct {
        uint64_t wall_ns;
        const char *text;
    } moments[] = {
        {WALL_NS, "\"2026-11-03T07:13:20.123Z\""},
        {WALL_NS + 876000000, "\"2026-11-03T07:13:20.999Z\""},
        {WALL_NS + 877000000, "\"2026-11-03T07:13:21.000Z\""},
        {WALL_NS, "\"2026-11-03T07:13:20.123Z\""}, /* the clock was set back */
        {0, "\"1970-01-01T00:00:00.000Z\""},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        line.wall_ns = moments[i].wall_ns;
        buffer[px_access_format(&line, PX_LOG_JSON, &date, buffer)] = '\0';
        assert_non_null(strstr(buffer, moments[i].text));
    }
}

/* The path as a reader of the log gets it. */
static json_t *logged_path(struct tn_str path)
{
    struct px_access_line line = full_line();
    json_error_t error;
    json_t *object;
    json_t *value;

    line.path = path;
    object =
        json_loads(format(&line, PX_LOG_JSON), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!object)
        fail_msg("%s: %s", error.text, buffer);
    value = json_incref(json_object_get(object, "path"));
    json_decref(object);
    return value;
}

static void assert_logged(const char *path, size_t len, const char *expected)
{
    json_t *value = logged_path((struct tn_str){path, len});

    assert_non_null(value);
    assert_int_equal(json_string_length(value), strlen(expected));
    assert_string_equal(json_string_value(value), expected);
    json_decref(value);
}

/* Alone, and at every place of a longer text: those are looked at eight bytes at a time. */
static void assert_byte_escaped(unsigned byte, size_t len, size_t place)
{
    char path[24];
    char expected[32];
    size_t expected_len = 0;
    json_t *value;

    memset(path, '~', sizeof(path));
    path[place] = (char)byte;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)path[i] < 0x80) {
            expected[expected_len++] = path[i];
        } else { /* U+00XX */
            expected[expected_len++] = (char)(0xc0 | byte >> 6);
            expected[expected_len++] = (char)(0x80 | (byte & 0x3f));
        }
    }
    value = logged_path((struct tn_str){path, len});
    assert_int_equal(json_string_length(value), expected_len);
    assert_memory_equal(json_string_value(value), expected, expected_len);
    for (const char *at = buffer; at[1]; at++) /* all but the line's end */
        assert_true((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f);
    json_decref(value);
}

static void test_access_json_escapes_every_byte(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        assert_byte_escaped(byte, 1, 0);
        for (size_t place = 0; place < 19; place++)
            assert_byte_escaped(byte, 19, place);
    }
}

static void test_access_json_passes_valid_utf8_only(void **state)
{
    (void)state;
    assert_logged("/caf\xc3\xa9", 6, "/caf\xc3\xa9");
    assert_logged("\xe2\x82\xac", 3, "\xe2\x82\xac");
    assert_logged("\xf0\x9f\x9a\x82", 4, "\xf0\x9f\x9a\x82");
    assert_logged("\xc0\xaf", 2, "\xc3\x80\xc2\xaf");                         /* overlong '/' */
    assert_logged("\xe0\x80\xaf", 3, "\xc3\xa0\xc2\x80\xc2\xaf");             /* overlong */
    assert_logged("\xed\xa0\x80", 3, "\xc3\xad\xc2\xa0\xc2\x80");             /* surrogate */
    assert_logged("\xf4\x90\x80\x80", 4, "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80"); /* beyond Unicode */
    assert_logged("\xe2\x82", 2, "\xc3\xa2\xc2\x82");                         /* cut short */
    assert_logged("\xe2\x82(", 3, "\xc3\xa2\xc2\x82(");
    assert_logged("\xff\xfe", 2, "\xc3\xbf\xc3\xbe");
    assert_logged("\xc2\x9b"
                  "31m",
                  5,
                  "\xc3\x82\xc2\x9b"
                  "31m"); /* a C1 control is no text */
    assert_null(strchr(buffer, '\x9b'));
    assert_logged("\"\\/\x7f\t", 5, "\"\\/\x7f\t");
}

static void test_access_json_of_random_bytes_is_json(void **state)
{
    struct tn_random random;
    char path[64];

    (void)state;
    tn_random_init_seeded(&random, 5);
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = tn_random_u64(&random) % sizeof(path);

        random.fill(&random, path, len);
        if (i % 2)
            for (size_t k = 0; k < len; k++)
                path[k] |= (char)0x80; /* nearly UTF-8 */
        json_decref(logged_path((struct tn_str){path, len}));
    }
}

static void test_access_long_fields_are_cut_and_say_so(void **state)
{
    char path[3000];
    json_t *value;

    (void)state;
    memset(path, 'a', sizeof(path));
    value = logged_path((struct tn_str){path, PX_ACCESS_PATH_MAX});
    assert_int_equal(json_string_length(value), PX_ACCESS_PATH_MAX);
    json_decref(value);
    value = logged_path((struct tn_str){path, PX_ACCESS_PATH_MAX + 1});
    assert_int_equal(json_string_length(value), PX_ACCESS_PATH_MAX + 3);
    assert_string_equal(json_string_value(value) + PX_ACCESS_PATH_MAX, "\xe2\x80\xa6");
    json_decref(value);
    /* not within a character */
    memcpy(path + PX_ACCESS_PATH_MAX - 2, "\xe2\x82\xac", 3);
    value = logged_path((struct tn_str){path, sizeof(path)});
    assert_int_equal(json_string_length(value), PX_ACCESS_PATH_MAX - 2 + 3);
    json_decref(value);
}

static void test_access_worst_line_fits_what_was_promised(void **state)
{
    struct px_access_line line = full_line();
    char bad[4096];
    struct tn_str view = {bad, sizeof(bad)};
    char word[600];

    (void)state;
    memset(bad, 0x01, sizeof(bad));
    memset(word, 0x02, sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    line.request_id = line.client = line.method = line.path = line.referer = line.user_agent = view;
    line.rule = line.version = line.build = line.endpoint = line.reason = line.end = word;
    line.bytes_in = line.bytes_out = line.duration_us = line.revision = line.slot = UINT64_MAX - 1;
    line.upstream_us = UINT64_MAX - 1;
    line.retries = line.status = UINT32_MAX;
    line.has_key = line.is_mirror = true;
    format(&line, PX_LOG_JSON);
    format(&line, PX_LOG_COMBINED);
}

static void test_access_combined_line(void **state)
{
    struct px_access_line line = full_line();

    (void)state;
    assert_string_equal(format(&line, PX_LOG_COMBINED),
                        "192.0.2.7 - - [03/Nov/2026:07:13:20 +0000] \"GET /x?y=1 HTTP/1.1\" 200 "
                        "1234567890123 \"http://example/\" \"curl/7.88.1\"\n");
    line.version_minor = 0;
    line.status = 0;
    line.bytes_out = 0;
    line.referer = line.user_agent = (struct tn_str){NULL, 0};
    line.path = (struct tn_str){"/a b\"\\\n\xe2\x82\xac", 10};
    assert_string_equal(format(&line, PX_LOG_COMBINED),
                        "192.0.2.7 - - [03/Nov/2026:07:13:20 +0000] "
                        "\"GET /a b\\x22\\x5c\\x0a\\xe2\\x82\\xac HTTP/1.0\" 000 0 \"-\" \"-\"\n");
}

static void expect_field(const char *head, const char *name, const char *wanted)
{
    /* A copy that ends where the head does: reading on would be seen. */
    size_t len = strlen(head);
    char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, head, len);
    struct tn_str value = px_access_field((struct tn_str){copy, len}, tn_str_of(name));
    assert_int_equal(value.len, strlen(wanted));
    assert_memory_equal(value.ptr, wanted, value.len);
    free(copy);
}

static void test_access_field_of_a_head(void **state)
{
    static const char head[] = "GET /Referer:x HTTP/1.1\r\nHost: a\r\nX-Referer: no\r\n"
                               "referer:\t http://b/ \r\nReferer: second\r\nUser-Agent:\r\n\r\n";

    (void)state;
    expect_field(head, "Referer", "http://b/");
    expect_field(head, "User-Agent", "");
    expect_field(head, "Cookie", "");
    expect_field("", "Host", "");
    expect_field("GET / HTTP/1.1", "Host", "");
    expect_field("Host: cut", "Host", "cut");
    expect_field("Hos", "Host", "");
    expect_field("\n\n", "Host", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access_json_line_of_a_request),
        cmocka_unit_test(test_access_json_line_with_a_key_and_of_a_mirror),
        cmocka_unit_test(test_access_json_leaves_out_what_has_no_value),
        cmocka_unit_test(test_access_numbers_of_any_size),
        cmocka_unit_test(test_access_date_follows_the_clock),
        cmocka_unit_test(test_access_json_escapes_every_byte),
        cmocka_unit_test(test_access_json_passes_valid_utf8_only),
        cmocka_unit_test(test_access_json_of_random_bytes_is_json),
        cmocka_unit_test(test_access_long_fields_are_cut_and_say_so),
        cmocka_unit_test(test_access_worst_line_fits_what_was_promised),
        cmocka_unit_test(test_access_combined_line),
        cmocka_unit_test(test_access_field_of_a_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
