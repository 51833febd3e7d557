#include "lib/client/client.h"
#include "lib/client/sse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct heard {
    char text[1024]; /* "name|id|data;" … */
    int answer;
};

static int on_event(void *context, const struct tn_client_event *event)
{
    struct heard *heard = context;
    size_t len = strlen(heard->text);

    assert_int_equal(strlen(event->data.ptr), event->data.len);
    snprintf(heard->text + len, sizeof(heard->text) - len, "%s|%s|%s;", event->name, event->id,
             event->data.ptr);
    return heard->answer;
}

/* In pieces of so many bytes. */
static void expect(const char *stream, size_t piece, const char *text)
{
    struct tn_client_sse sse = {0};
    struct heard heard = {0};
    size_t len = strlen(stream);

    for (size_t at = 0; at < len; at += piece) {
        struct tn_str bytes = {stream + at, len - at < piece ? len - at : piece};

        assert_int_equal(tn_client_sse_feed(&sse, bytes, on_event, &heard), 0);
    }
    assert_string_equal(heard.text, text);
    tn_client_sse_deinit(&sse);
}

static void test_sse_events_in_any_pieces(void **state)
{
    static const struct {
        const char *stream, *heard;
    } rows[] = {
        {"id: 7\nevent: a\ndata: {\"x\":1}\n\n", "a|7|{\"x\":1};"},
        {"data:no blank\n\ndata:  two\n\n", "message||no blank;message|| two;"},
        {"data: one\ndata: two\ndata\n\n", "message||one\ntwo\n;"},
        {": a comment\n\n:\n\nevent: named\n\n", ""},
        {"event: lost\n\ndata: x\n\n", "message||x;"}, /* a name goes with its event */
        {"id: 1\ndata: a\n\ndata: b\n\n", "message|1|a;message|1|b;"},
        {"id: 1\ndata: a\n\nid\ndata: b\n\n", "message|1|a;message||b;"},
        {"data: a\r\n\r\ndata: b\r\rdata: c\n\n", "message||a;message||b;message||c;"},
        {"retry: 5\nfoo: bar\ndata: x: y\n\n", "message||x: y;"},
        {"data: cut off\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t piece = 1; piece < 12; piece++)
            expect(rows[i].stream, piece, rows[i].heard);
        expect(rows[i].stream, 1000, rows[i].heard);
    }
}

static void test_sse_names_and_ids_that_are_too_long_are_passed_over(void **state)
{
    char stream[400];

    (void)state;
    snprintf(stream, sizeof(stream), "id: 3\nid: %0100d\nevent: %0100d\ndata: x\n\n", 1, 2);
    expect(stream, 1000, "message|3|x;");
}

static void test_sse_error_of_the_callback_ends_feeding(void **state)
{
    struct tn_client_sse sse = {0};
    struct heard heard = {.answer = -EIO};

    (void)state;
    assert_int_equal(tn_client_sse_feed(&sse, TN_STR("data: a\n\ndata: b\n\n"), on_event, &heard),
                     -EIO);
    assert_string_equal(heard.text, "message||a;");
    tn_client_sse_deinit(&sse);
}

static void test_sse_event_without_end_is_refused(void **state)
{
    struct tn_client_sse sse = {0};
    struct heard heard = {0};
    char *piece = malloc(1024 * 1024);
    int r = 0;
    int count = 0;

    (void)state;
    assert_non_null(piece);
    memset(piece, 'x', 1024 * 1024);
    for (; r == 0 && count < 100; count++)
        r = tn_client_sse_feed(&sse, (struct tn_str){piece, 1024 * 1024}, on_event, &heard);
    assert_int_equal(r, -EMSGSIZE);
    assert_in_range(count, 16, 17);
    free(piece);
    tn_client_sse_deinit(&sse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse_events_in_any_pieces),
        cmocka_unit_test(test_sse_names_and_ids_that_are_too_long_are_passed_over),
        cmocka_unit_test(test_sse_error_of_the_callback_ends_feeding),
        cmocka_unit_test(test_sse_event_without_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
