/* Whole answers: status, headers, bodies that are no JSON, encodings, and every bound. */
#include "tests/unit/compare/pair.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static size_t deflated(const char *text, size_t len, int window_bits, char *out, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text,
                       .avail_in = (uInt)len,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)size};

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return size - stream.avail_out;
}

static void encode(struct pair *pair, int which, const char *encoding, const char *body, size_t len)
{
    pair_body(pair, which, body, len);
    pair->answers[which].content_encoding = tn_str_of(encoding);
}

/* ---- status and headers ---- */

static void test_answers_status_first(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, "{}");
    pair_body(&pair, 0, "{\"a\":1}", 7);
    pair_body(&pair, 1, "{\"a\":2}", 7);
    pair.answers[1].status = 500;
    pair.headers[1][0] = TN_STR("text/plain");
    assert_int_equal(pair_compare(&pair), PX_COMPARE_STATUS);
    assert_int_equal(pair.out.count, 1);
    assert_int_equal(pair.out.differences[0].kind, PX_COMPARE_KIND_STATUS);
    assert_string_equal(pair.out.differences[0].path, "200 -> 500");
    pair_close(&pair);
}

static void test_answers_headers_by_name(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, "{headers: [X-A, X-B, X-C], normalize: [numbers]}");
    pair.headers[0][0] = TN_STR("1");
    pair.headers[1][0] = TN_STR("2"); /* normalized */
    pair.headers[0][1] = TN_STR("x");
    pair.headers[1][1] = TN_STR("y");
    pair.headers[1][2] = TN_STR(""); /* there, and empty */
    pair_body(&pair, 0, "a", 1);
    pair_body(&pair, 1, "b", 1);
    assert_int_equal(pair_compare(&pair), PX_COMPARE_HEADERS);
    assert_int_equal(pair.out.count, 3); /* what differs in the body is told as well */
    assert_string_equal(pair.out.differences[0].path, "X-B");
    assert_true(pair.out.differences[0].primary != pair.out.differences[0].shadow);
    assert_string_equal(pair.out.differences[1].path, "X-C");
    assert_int_equal(pair.out.differences[1].primary, 0);
    assert_true(pair.out.differences[1].shadow != 0);
    assert_int_equal(pair.out.differences[2].kind, PX_COMPARE_KIND_BYTES);
    pair_close(&pair);
}

static void test_answers_default_headers(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, "{}");
    assert_int_equal(pair.compare->header_count, 2);
    pair.headers[0][0] = TN_STR("application/json");
    pair.headers[1][0] = TN_STR("text/html");
    assert_int_equal(pair_compare(&pair), PX_COMPARE_HEADERS);
    assert_string_equal(pair.out.differences[0].path, "Content-Type");
    pair_close(&pair);
}

/* ---- bodies ---- */

static void test_answers_texts_as_a_whole(void **state)
{
    (void)state;
    assert_said("{}", "hello", "hello", "same");
    assert_said("{}", "hello", "hallo", "bytes ");
    assert_said("{}", "", "x", "bytes ");
    assert_said("{normalize: [timestamps]}", "<p>07:48:00</p>", "<p>09:00:01</p>", "same");
    assert_said("{normalize: [timestamps]}", "<p>07:48:00</p>", "<b>09:00:01</b>", "bytes ");
    assert_said("{}", "\"a\"", "\"b\"", "bytes "); /* a text alone has no fields */
}

static void test_answers_that_only_look_like_json(void **state)
{
    (void)state;
    assert_said("{}", "{\"a\":1", "{\"a\":2", "bytes ");
    assert_said("{}", "{\"a\":1}", "[oops", "bytes ");
    assert_said("{}", "{\"a\":1}", "<html>", "bytes ");
    assert_said("{}", "{\"a\":1,\"a\":2}", "{\"a\":2}", "bytes "); /* which one is meant? */
    assert_said("{}", "[1]]", "[1]]]", "bytes ");
    assert_said("{}", "{\"a\\u0000\":1}", "{\"a\\u0000\":2}", "bytes ");
    assert_said("{}", "[\"\\u0000a\"]", "[\"\\u0000b\"]", "value /*");
    assert_said("{}", "[\"\xff\"]", "[\"\xfe\"]", "bytes ");
    assert_said("{}", "[123456789012345678901]", "[123456789012345678902]", "bytes ");
}

static void test_answers_larger_than_the_limit(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, "{}");
    for (int i = 0; i < 2; i++) {
        pair_body(&pair, i, "a beginning", 11);
        pair.answers[i].is_whole = false;
        pair.answers[i].body_len = 1000000;
    }
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SAME); /* by hash */
    pair.answers[1].body_hash[1]++;
    assert_int_equal(pair_compare(&pair), PX_COMPARE_BODY); /* nothing could explain that */
    pair_body(&pair, 1, "{\"a\":", 5);
    pair.answers[1].body_len = 1000000;
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SKIPPED);
    assert_int_equal(pair.out.skip, PX_COMPARE_SKIP_TOO_LARGE);
    pair.answers[0].is_out_of_memory = true;
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SKIPPED);
    assert_int_equal(pair.out.skip, PX_COMPARE_SKIP_MEMORY);
    pair_close(&pair);
    pair_open(&pair, "{normalize: [numbers]}"); /* that could */
    pair_body(&pair, 0, "1", 1);
    pair_body(&pair, 1, "2", 1);
    pair.answers[0].is_whole = false;
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SKIPPED);
    pair_close(&pair);
}

/* ---- encodings ---- */

static void test_answers_encoded_are_decoded(void **state)
{
    static const struct {
        const char *encoding;
        int window_bits;
    } kinds[] = {{"gzip", 31}, {"x-gzip", 31}, {"GZIP", 31}, {"deflate", 15}, {"deflate", -15}};
    char one[200];
    char two[200];

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct pair pair;
        size_t one_len = deflated("{\"a\":1}", 7, kinds[i].window_bits, one, sizeof(one));
        size_t two_len = deflated("{\"a\":2}", 7, kinds[i].window_bits, two, sizeof(two));

        pair_open(&pair, "{}");
        encode(&pair, 0, kinds[i].encoding, one, one_len);
        encode(&pair, 1, kinds[i].encoding, two, two_len);
        assert_int_equal(pair_compare(&pair), PX_COMPARE_BODY);
        assert_string_equal(pair.out.differences[0].path, "/a");
        encode(&pair, 1, NULL, "{\"a\":1.0}", 9); /* one encoded, one not */
        assert_int_equal(pair_compare(&pair), PX_COMPARE_SAME);
        pair_close(&pair);
    }
}

static void test_answers_gzip_of_several_members(void **state)
{
    char body[400];
    size_t len = deflated("{\"a\":", 5, 31, body, 200);
    struct pair pair;

    (void)state;
    len += deflated("1}", 2, 31, body + len, 200);
    pair_open(&pair, "{}");
    encode(&pair, 0, "gzip", body, len);
    encode(&pair, 1, "identity", "{\"a\":1}", 7);
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SAME);
    pair_close(&pair);
}

static void test_answers_that_cannot_be_decoded_are_skipped(void **state)
{
    char body[200];
    size_t len = deflated("{\"a\":1}", 7, 31, body, sizeof(body));
    struct pair pair;

    (void)state;
    pair_open(&pair, "{}");
    encode(&pair, 0, "br", "\x1\x2", 2);
    encode(&pair, 1, "br", "\x1\x2", 2);
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SAME); /* the same bytes */
    encode(&pair, 1, "br", "\x1\x3", 2);
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SKIPPED);
    assert_int_equal(pair.out.skip, PX_COMPARE_SKIP_ENCODING);
    encode(&pair, 0, "gzip", body, len);
    encode(&pair, 1, "gzip", body, len - 1); /* cut off */
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SKIPPED);
    assert_int_equal(pair.out.skip, PX_COMPARE_SKIP_ENCODING);
    encode(&pair, 1, "gzip", "not gzip at all", 15);
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SKIPPED);
    encode(&pair, 1, "gzip, br", body, len);
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SKIPPED);
    encode(&pair, 0, "gzip", "", 0);
    encode(&pair, 1, "br", "", 0); /* nothing is nothing in every encoding */
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SAME);
    pair_close(&pair);
}

/* ---- bounds ---- */

static size_t heap_in_use(void)
{
    return mallinfo2().uordblks;
}

static void test_answers_bombs_are_not_unpacked(void **state)
{
    const size_t size = 64u << 20;
    char *zeros = calloc(1, size);
    char *bomb = malloc(1u << 20);
    struct pair pair;
    size_t len;

    (void)state;
    assert_true(zeros && bomb);
    len = deflated(zeros, size, 31, bomb, 1u << 20);
    free(zeros);
    assert_true(len < 100000);
    pair_open(&pair, "{}");
    encode(&pair, 0, "gzip", bomb, len);
    encode(&pair, 1, NULL, "x", 1);
    assert_int_equal(pair_compare(&pair), PX_COMPARE_SKIPPED);
    assert_int_equal(pair.out.skip, PX_COMPARE_SKIP_TOO_LARGE);
    pair_close(&pair);
    free(bomb);
}

static void test_answers_documents_beyond_the_bounds_are_skipped(void **state)
{
    size_t size = 200000;
    char *primary = malloc(size);
    char *shadow = malloc(size);
    size_t half = size / 2 - 1;

    (void)state;
    assert_true(primary && shadow);
    memset(primary, '[', size); /* deep */
    primary[size - 1] = '\0';
    assert_said("{}", primary, "[1]", "skipped: complex");
    for (size_t i = 0; i < half; i++) /* wide */
        memcpy(primary + 2 * i, "0,", 2);
    primary[0] = '[';
    memcpy(primary + 2 * half - 1, "]", 2);
    assert_said("{}", primary, "[1]", "skipped: complex");
    assert_said("{}", "[1]", primary, "skipped: complex");
    assert_said("{}", primary, primary, "same"); /* bytes are bytes */
    free(primary);
    free(shadow);
}

/* Patterns that meet at every turn: the work has an end. */
static void test_answers_work_is_bounded(void **state)
{
    char body[2][40000];
    static const char compare[] =
        "{ignore: ['/**/a/**/b/**/c/**/d/**/z', '/**/**/**/**/**/**/y', '/**/x']}";

    (void)state;
    for (int which = 0; which < 2; which++) {
        size_t len = 0;

        for (int i = 0; i < 60; i++)
            len += (size_t)snprintf(body[which] + len, sizeof(body[which]) - len,
                                    "{\"%c\":", 'a' + i % 4);
        len += (size_t)snprintf(body[which] + len, sizeof(body[which]) - len, "%d", which);
        memset(body[which] + len, '}', 60);
        body[which][len + 60] = '\0';
    }
    assert_said(compare, body[0], body[1], "skipped: complex");
}

static void test_answers_cost_covers_what_comparing_takes(void **state)
{
    static const char *const units[] = {"{},",         "[],",
                                        "0,",          "\"\",",
                                        "{\"a\":{}},", "{\"a\":0,\"b\":0},",
                                        "[[[[]]]],",   "\"aaaaaaaaaaaaaaaaaaaaaaaa\","};

    (void)state;
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        size_t unit = strlen(units[u]);
        char body[16384];
        size_t len = 1;
        size_t cost;
        size_t before;
        json_t *document;
        struct pair pair;

        body[0] = '[';
        while (len + unit + 2 < sizeof(body)) {
            memcpy(body + len, units[u], unit);
            len += unit;
        }
        body[len - 1] = ']';
        pair_open(&pair, "{}");
        pair_body(&pair, 0, body, len);
        cost = px_compare_cost(&pair.budget, &pair.answers[0], &pair.answers[1]);
        before = heap_in_use();
        document = json_loadb(body, len, 0, NULL);
        if (document) /* else it is beyond the bounds anyway */
            assert_true(heap_in_use() - before <= cost);
        json_decref(document);
        pair_close(&pair);
    }
}

static void test_answers_groups_by_path(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, "{groups: [{name: user, path: '^/users/[^/]+$'}, {name: users, path: "
                     "^/users}]}");
    assert_int_equal(px_compare_group(pair.compare, &pair.tools, TN_STR("/users/7")), 0);
    assert_int_equal(px_compare_group(pair.compare, &pair.tools, TN_STR("/users/7/x")), 1);
    assert_int_equal(px_compare_group(pair.compare, &pair.tools, TN_STR("/")), 2);
    assert_true(px_compare_path_matches(&pair.tools, NULL, 0, TN_STR("/")));
    pair_close(&pair);
}

static void test_answers_words(void **state)
{
    (void)state;
    assert_string_equal(px_compare_result_label(PX_COMPARE_UNANSWERED), "unanswered");
    assert_string_equal(px_compare_skip_label(PX_COMPARE_SKIP_BUSY), "busy");
    assert_string_equal(px_compare_kind_label(PX_COMPARE_KIND_LENGTH), "length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_status_first),
        cmocka_unit_test(test_answers_headers_by_name),
        cmocka_unit_test(test_answers_default_headers),
        cmocka_unit_test(test_answers_texts_as_a_whole),
        cmocka_unit_test(test_answers_that_only_look_like_json),
        cmocka_unit_test(test_answers_larger_than_the_limit),
        cmocka_unit_test(test_answers_encoded_are_decoded),
        cmocka_unit_test(test_answers_gzip_of_several_members),
        cmocka_unit_test(test_answers_that_cannot_be_decoded_are_skipped),
        cmocka_unit_test(test_answers_bombs_are_not_unpacked),
        cmocka_unit_test(test_answers_documents_beyond_the_bounds_are_skipped),
        cmocka_unit_test(test_answers_work_is_bounded),
        cmocka_unit_test(test_answers_cost_covers_what_comparing_takes),
        cmocka_unit_test(test_answers_groups_by_path),
        cmocka_unit_test(test_answers_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
