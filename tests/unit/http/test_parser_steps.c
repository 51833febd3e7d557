/* The contract of parser.h: what a step says, what it uses, what it remembers. */
#include "tests/unit/http/feed.h"

#include <errno.h>
#include <stdio.h>

static struct tn_http_parser parser;
static struct tn_http_head head;
static struct tn_http_step step;

static void begin(bool response)
{
    tn_http_parser_init(&parser, response, &tn_http_limits_default);
    tn_http_parser_start(&parser, &head, false);
}

static enum tn_http_error take(const char *text)
{
    return tn_http_parser_step(&parser, text, strlen(text), &step);
}

static void test_parser_step_head_then_end_without_a_body(void **state)
{
    (void)state;
    begin(false);
    assert_true(tn_http_parser_is_fresh(&parser));
    assert_int_equal(take("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_HEAD);
    assert_int_equal(step.used, 27);
    assert_false(tn_http_parser_is_fresh(&parser));
    assert_int_equal(tn_http_parser_step(&parser, NULL, 0, &step), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_END);
    assert_int_equal(step.used, 0);
    /* until it is started again it takes nothing */
    assert_int_equal(take("GET"), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_MORE);
    assert_int_equal(step.used, 0);
}

static void test_parser_step_before_start_takes_nothing(void **state)
{
    (void)state;
    memset(&parser, 0xa5, sizeof(parser));
    tn_http_parser_init(&parser, false, &tn_http_limits_default);
    assert_false(tn_http_parser_is_fresh(&parser));
    assert_int_equal(take("GET"), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_MORE);
    assert_int_equal(step.used, 0);
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_OK);
}

static void test_parser_step_uses_nothing_of_half_a_head(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(take("GET / HTTP/1.1\r\nHo"), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_MORE);
    assert_int_equal(step.used, 0);
    assert_false(tn_http_parser_is_fresh(&parser));
    /* the same bytes again: nothing is looked at twice */
    assert_int_equal(take("GET / HTTP/1.1\r\nHo"), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_MORE);
    assert_int_equal(take("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_HEAD);
    assert_int_equal(head.field_count, 1);
}

/* What was looked at is not looked at again: garbage put in its place is not noticed. */
static void test_parser_step_resumes_where_it_was(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(take("GET / HTTP/1.1\r\nHost: a\r\nX: y"), TN_HTTP_OK);
    assert_int_equal(parser.seen, 29);
    assert_int_equal(take("GET / HTTP/1.1\r\nHost: a\r\n\1: y\r\n\r\n"), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_HEAD);
}

static void test_parser_step_body_and_end_together(void **state)
{
    const char *text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET";

    (void)state;
    begin(false);
    assert_int_equal(take(text), TN_HTTP_OK);
    text += step.used;
    assert_int_equal(tn_http_parser_step(&parser, text, 2, &step), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_BODY);
    assert_int_equal(step.used, 2);
    assert_ptr_equal(step.body[0].ptr, text); /* a view, not a copy */
    assert_int_equal(take(text + 2), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_BODY | TN_HTTP_STEP_END);
    assert_int_equal(step.used, 3);
    assert_int_equal(step.body_len, 3);
}

static void test_parser_step_stops_when_all_views_are_taken(void **state)
{
    char text[512] = "", *at = text;
    unsigned calls = 0;
    size_t total = 0;

    (void)state;
    begin(false);
    assert_int_equal(take("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     TN_HTTP_OK);
    for (int i = 0; i < TN_HTTP_BODY_VIEWS * 2 + 1; i++)
        strcat(text, "2\r\nab\r\n");
    strcat(text, "0\r\n\r\nGET");
    do {
        assert_int_equal(take(at), TN_HTTP_OK);
        assert_true(step.body_count <= TN_HTTP_BODY_VIEWS);
        if (calls < 2)
            assert_int_equal(step.used, TN_HTTP_BODY_VIEWS * 7); /* whole chunks */
        at += step.used;
        total += step.body_len;
        calls++;
    } while (!(step.events & TN_HTTP_STEP_END));
    assert_int_equal(calls, 3);
    assert_int_equal(total, (TN_HTTP_BODY_VIEWS * 2 + 1) * 2);
    assert_string_equal(at, "GET");
}

static void test_parser_step_exactly_as_many_chunks_as_views(void **state)
{
    char text[512] = "", *at = text;

    (void)state;
    begin(false);
    assert_int_equal(take("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     TN_HTTP_OK);
    for (int i = 0; i < TN_HTTP_BODY_VIEWS; i++)
        strcat(text, "1\r\na\r\n");
    strcat(text, "0\r\n\r\n");
    assert_int_equal(take(at), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_BODY);
    at += step.used;
    assert_int_equal(take(at), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_END);
    assert_int_equal(at[step.used], '\0');
}

static void test_parser_step_errors_stay(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(take("GET / HTTP/1.1\r\n\r\n"), TN_HTTP_E_BAD_HOST);
    assert_int_equal(step.events, TN_HTTP_STEP_MORE);
    assert_int_equal(step.used, 0);
    assert_int_equal(take("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), TN_HTTP_E_BAD_HOST);
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_E_BAD_HOST);
    tn_http_parser_start(&parser, &head, false);
    assert_int_equal(take("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), TN_HTTP_OK);
}

/* A hundred requests in one piece, each with what the one before must not leave behind. */
static void test_parser_row_33_hundred_requests_in_one_segment(void **state)
{
    static const char *const kinds[] = {
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "POST /b HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: "
        "b\r\n\r\n",
        "\r\nPUT /c HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
        "GET /d HTTP/1.1\r\nHost: d\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    };
    static char text[100 * 100];
    const char *at = text;

    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(text, kinds[i % 4]);
    tn_http_parser_init(&parser, false, &tn_http_limits_default);
    for (int i = 0; i < 100; i++) {
        size_t body = 0;

        tn_http_parser_start(&parser, &head, false);
        do {
            assert_int_equal(take(at), TN_HTTP_OK);
            assert_true(step.events != TN_HTTP_STEP_MORE);
            if (step.events == TN_HTTP_STEP_HEAD)
                assert_int_equal(head.base[head.path.offset + 1], "abcd"[i % 4]);
            body += step.body_len;
            at += step.used;
        } while (!(step.events & TN_HTTP_STEP_END));
        assert_int_equal(body, i % 4 == 1 || i % 4 == 2 ? 3 : 0);
        assert_int_equal(head.keep_alive, i % 4 == 1 || i % 4 == 3);
    }
    assert_string_equal(at, "");
}

static void test_parser_is_fresh_through_empty_lines(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(take("\r"), TN_HTTP_OK);
    assert_true(tn_http_parser_is_fresh(&parser));
    assert_int_equal(take("\r\n"), TN_HTTP_OK);
    assert_true(tn_http_parser_is_fresh(&parser));
    assert_int_equal(take("\r\n\r\n"), TN_HTTP_OK);
    assert_true(tn_http_parser_is_fresh(&parser));
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_MORE);
    assert_int_equal(take("\r\n\r\nG"), TN_HTTP_OK);
    assert_false(tn_http_parser_is_fresh(&parser));
}

static void test_parser_finish(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_MORE);
    assert_int_equal(take("G"), TN_HTTP_OK);
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_E_TRUNCATED);

    begin(false);
    assert_int_equal(take("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"), TN_HTTP_OK);
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_E_TRUNCATED);

    begin(false);
    assert_int_equal(take("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), TN_HTTP_OK);
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_END); /* owed since the head */
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_MORE);

    begin(true);
    assert_int_equal(take("HTTP/1.1 200 OK\r\n\r\n"), TN_HTTP_OK);
    assert_int_equal(tn_http_parser_step(&parser, "abc", 3, &step), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_BODY);
    assert_int_equal(tn_http_parser_finish(&parser, &step), TN_HTTP_OK);
    assert_int_equal(step.events, TN_HTTP_STEP_END);
}

static void test_parser_limits_are_those_given(void **state)
{
    struct tn_http_limits small = {.request_line_bytes = 40,
                                   .head_bytes = 30,
                                   .field_count = 2,
                                   .trailer_bytes = 8,
                                   .chunk_extra_bytes = 3};
    struct feed_input input = {.limits = &small};

    (void)state;
    input.bytes = "GET /345678901234567890123456789012 HTTP/1.1\r\nHost: a\r\n\r\n";
    input.len = strlen(input.bytes);
    expect_refused(input, TN_HTTP_E_REQUEST_LINE_TOO_LONG);
    input.bytes = "GET / HTTP/1.1\r\nHost: a\r\nX: 456789012345678\r\n\r\n";
    input.len = strlen(input.bytes);
    expect_refused(input, TN_HTTP_E_HEAD_TOO_LARGE);
    input.bytes = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n";
    input.len = strlen(input.bytes);
    expect_refused(input, TN_HTTP_E_TOO_MANY_FIELDS);
    small.head_bytes = 200;
    input.bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "1;abc\r\nx\r\n0\r\n\r\n";
    input.len = strlen(input.bytes);
    expect_refused(input, TN_HTTP_E_CHUNK_OVERHEAD);
    input.bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "1;ab\r\nx\r\n0\r\na: b\r\n\r\n";
    input.len = strlen(input.bytes);
    expect_accepted(input, NULL, "x", 0);
    input.bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "0\r\na: bc\r\n\r\n";
    input.len = strlen(input.bytes);
    expect_refused(input, TN_HTTP_E_TRAILERS_TOO_LARGE);
}

/* With a budget of nothing every chunk has to be written as short as can be, whatever its size. */
static void test_parser_limits_of_chunk_framing(void **state)
{
    static const struct tn_http_limits none = {
        .request_line_bytes = 100, .head_bytes = 200, .field_count = 9, .trailer_bytes = 2};
    static const struct {
        const char *size;
        size_t len;
        bool accepted;
    } cases[] = {{"1", 1, true},       {"f", 15, true},    {"10", 16, true},
                 {"FF", 255, true},    {"100", 256, true}, {"1f4", 500, true},
                 {"1000", 4096, true}, {"01", 1, false},   {"010", 16, false},
                 {"0100", 256, false}, {"1;a", 1, false},  {"10;a", 16, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static char text[5000], body[5000];
        struct feed_input input = {.bytes = text, .limits = &none};

        memset(body, 'x', cases[i].len);
        body[cases[i].len] = '\0';
        input.len =
            (size_t)snprintf(text, sizeof(text),
                             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "%s\r\n%s\r\n0\r\n\r\n",
                             cases[i].size, body);
        if (cases[i].accepted)
            expect_accepted(input, NULL, body, 0);
        else
            expect_refused(input, TN_HTTP_E_CHUNK_OVERHEAD);
    }
}

/* Too many bytes and malformed behind them: the first is what every way to cut has to find. And the
 * end of a size line is where it is too long, whether or not its data came along. */
static void test_parser_limits_before_what_is_malformed(void **state)
{
    static const struct tn_http_limits few = {.request_line_bytes = 100,
                                              .head_bytes = 200,
                                              .field_count = 9,
                                              .trailer_bytes = 8,
                                              .chunk_extra_bytes = 3};
    static const struct {
        const char *body;
        enum tn_http_error error;
    } cases[] = {
        {"1;abcdefghijklmnopqrstuvwxyz\x01", TN_HTTP_E_CHUNK_OVERHEAD},
        {"1;ab\x01", TN_HTTP_E_BAD_CHUNK},
        {"1;abc\r\n", TN_HTTP_E_CHUNK_OVERHEAD},
        {"1;abc\r\nx\r\n", TN_HTTP_E_CHUNK_OVERHEAD},
        {"1;abc\r\nx\r\n\x01", TN_HTTP_E_CHUNK_OVERHEAD},
        {"1;ab\r\nx\r\n01\r\nx\r\n1\x01", TN_HTTP_E_CHUNK_OVERHEAD},
        {"1;ab\r\nx\r\n", TN_HTTP_E_TRUNCATED},
        {"1;ab\r\nx\x01", TN_HTTP_E_BAD_CHUNK},
        {"0\r\nabcdefghi\x01", TN_HTTP_E_TRAILERS_TOO_LARGE},
        {"0\r\nabcdefg\x01", TN_HTTP_E_BAD_CHUNK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        struct feed_input input = {.bytes = text, .closes = true, .limits = &few};

        input.len = (size_t)snprintf(
            text, sizeof(text),
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s", cases[i].body);
        expect_refused(input, cases[i].error);
    }
}

/* More fields than there is room for end a head at once, wherever it was cut; what came before them
 * is told first nevertheless. */
static void test_parser_limits_too_many_fields_and_more(void **state)
{
    static const struct tn_http_limits few = {
        .request_line_bytes = 100, .head_bytes = 200, .field_count = TN_HTTP_FIELDS_MAX};
    static const struct {
        const char *start;
        const struct tn_http_limits *limits;
        enum tn_http_error error;
    } cases[] = {{"GET / HTTP/1.1\r\n", NULL, TN_HTTP_E_TOO_MANY_FIELDS},
                 {"GET / HTTP/1.1\r\n", &few, TN_HTTP_E_HEAD_TOO_LARGE},
                 {"GET /\r\n", NULL, TN_HTTP_E_BAD_VERSION},
                 {"GET /#HTTP/1.1\r\n", NULL, TN_HTTP_E_BAD_VERSION}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1000];
        size_t at = (size_t)snprintf(text, sizeof(text), "%s", cases[i].start);

        for (unsigned field = 0; field <= TN_HTTP_FIELDS_MAX; field++, at += 6)
            memcpy(text + at, BYTES("A: b\r\n"));
        expect_refused((struct feed_input){.bytes = text, .len = at, .limits = cases[i].limits},
                       cases[i].error);
    }
}

/* Slices count in 16 bits: limits beyond that are cut, not wrapped. */
static void test_parser_limits_beyond_what_slices_hold(void **state)
{
    struct tn_http_limits large = {.request_line_bytes = 60000,
                                   .head_bytes = 60000,
                                   .field_count = 1000,
                                   .trailer_bytes = 8,
                                   .chunk_extra_bytes = 3};
    static char text[80000] = "GET /";
    size_t at = 30000;

    (void)state;
    memset(text + 5, 'x', at - 5);
    memcpy(text + at, BYTES(" HTTP/1.1\r\nHost: a\r\nX: "));
    at += 23;
    memset(text + at, 'y', 65531 - at);
    memcpy(text + 65531, "\r\n\r\n", 4);
    expect_accepted((struct feed_input){.bytes = text, .len = 65535, .limits = &large}, NULL, NULL,
                    0);
    memset(text + 65531, 'y', 10);
    memcpy(text + 65532, "\r\n\r\n", 4);
    expect_refused((struct feed_input){.bytes = text, .len = 65536, .limits = &large},
                   TN_HTTP_E_HEAD_TOO_LARGE);
}

static void test_parser_errors_have_status_and_text(void **state)
{
    (void)state;
    assert_int_equal(tn_http_error_status(TN_HTTP_E_BAD_HOST), 400);
    assert_int_equal(tn_http_error_status(TN_HTTP_E_REQUEST_LINE_TOO_LONG), 414);
    assert_int_equal(tn_http_error_status(TN_HTTP_E_HEAD_TOO_LARGE), 431);
    assert_int_equal(tn_http_error_status(TN_HTTP_E_BAD_VERSION), 505);
    assert_int_equal(tn_http_error_status(TN_HTTP_E_BAD_EXPECT), 417);
    assert_int_equal(tn_http_error_status(TN_HTTP_E_METHOD_UNKNOWN), 501);
    assert_int_equal(tn_http_error_status(TN_HTTP_E_BAD_STATUS_LINE), 502);
    assert_int_equal(tn_http_error_status(TN_HTTP_OK), 200);
    assert_int_equal(tn_http_error_status((enum tn_http_error)1000), 500);
    assert_string_equal(tn_http_error_text(TN_HTTP_E_TRUNCATED),
                        "connection ended within a message");
    assert_string_equal(tn_http_error_text((enum tn_http_error)1000), "unknown error");
}

static void test_parser_self_check_passes(void **state)
{
    (void)state;
    assert_int_equal(tn_http_parser_self_check(), 0);
    begin(false);
    assert_int_equal(parser.llhttp.lenient_flags, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parser_step_head_then_end_without_a_body),
        cmocka_unit_test(test_parser_step_before_start_takes_nothing),
        cmocka_unit_test(test_parser_step_uses_nothing_of_half_a_head),
        cmocka_unit_test(test_parser_step_resumes_where_it_was),
        cmocka_unit_test(test_parser_step_body_and_end_together),
        cmocka_unit_test(test_parser_step_stops_when_all_views_are_taken),
        cmocka_unit_test(test_parser_step_exactly_as_many_chunks_as_views),
        cmocka_unit_test(test_parser_step_errors_stay),
        cmocka_unit_test(test_parser_row_33_hundred_requests_in_one_segment),
        cmocka_unit_test(test_parser_is_fresh_through_empty_lines),
        cmocka_unit_test(test_parser_finish),
        cmocka_unit_test(test_parser_limits_are_those_given),
        cmocka_unit_test(test_parser_limits_of_chunk_framing),
        cmocka_unit_test(test_parser_limits_before_what_is_malformed),
        cmocka_unit_test(test_parser_limits_too_many_fields_and_more),
        cmocka_unit_test(test_parser_limits_beyond_what_slices_hold),
        cmocka_unit_test(test_parser_errors_have_status_and_text),
        cmocka_unit_test(test_parser_self_check_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
