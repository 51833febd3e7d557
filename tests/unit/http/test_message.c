#include "tests/unit/http/feed.h"

#include <ctype.h>
#include <stdio.h>

static const struct tn_http_head *parsed(const char *text)
{
    static struct feed_result result;
    struct feed_input input = {.bytes = text, .len = strlen(text)};

    feed(&input, input.len, 1, &result);
    assert_true(result.has_head);
    return &result.head;
}

static const struct {
    enum tn_http_field_id id;
    const char *text;
} known[] = {
#define ROW(id, text) {TN_HTTP_FIELD_##id, text},
    TN_HTTP_FIELD_MAP(ROW)
#undef ROW
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static void test_field_id_knows_every_name_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        char upper[32];
        size_t len = strlen(known[i].text);

        for (size_t k = 0; k <= len; k++)
            upper[k] = (char)toupper((unsigned char)known[i].text[k]);
        assert_int_equal(tn_http_field_id_of(tn_str_of(known[i].text)), known[i].id);
        assert_int_equal(tn_http_field_id_of(tn_str_of(upper)), known[i].id);
        upper[0] = known[i].text[0];
        assert_int_equal(tn_http_field_id_of(tn_str_of(upper)), known[i].id);
    }
}

/* One byte changed, taken away or added: another name. */
static void test_field_id_knows_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        size_t len = strlen(known[i].text);
        char text[33];

        for (size_t k = 0; k < len; k++) {
            memcpy(text, known[i].text, len);
            text[k] = text[k] == 'q' ? 'z' : 'q';
            assert_int_equal(tn_http_field_id_of((struct tn_str){text, len}), TN_HTTP_FIELD_OTHER);
            if (known[i].text[k] != '-')
                continue;
            text[k] = '_';
            assert_int_equal(tn_http_field_id_of((struct tn_str){text, len}), TN_HTTP_FIELD_OTHER);
        }
        memcpy(text, known[i].text, len);
        text[len] = 's';
        assert_int_equal(tn_http_field_id_of((struct tn_str){text, len + 1}), TN_HTTP_FIELD_OTHER);
        assert_int_not_equal(tn_http_field_id_of((struct tn_str){text, len - 1}), known[i].id);
    }
    assert_int_equal(tn_http_field_id_of((struct tn_str){NULL, 0}), TN_HTTP_FIELD_OTHER);
    assert_int_equal(tn_http_field_id_of(TN_STR("a")), TN_HTTP_FIELD_OTHER);
}

static void test_field_id_of_our_own_fields(void **state)
{
    (void)state;
    assert_int_equal(tn_http_field_id_of(TN_STR("Turnout-Shadow")), TN_HTTP_FIELD_TURNOUT);
    assert_int_equal(tn_http_field_id_of(TN_STR("TURNOUT_version")), TN_HTTP_FIELD_TURNOUT);
    assert_int_equal(tn_http_field_id_of(TN_STR("turnout-")), TN_HTTP_FIELD_TURNOUT);
    assert_int_equal(tn_http_field_id_of(TN_STR("Turnout")), TN_HTTP_FIELD_OTHER);
    assert_int_equal(tn_http_field_id_of(TN_STR("turnouts-a")), TN_HTTP_FIELD_OTHER);
    assert_int_equal(tn_http_field_id_of(TN_STR("X-Turnout-A")), TN_HTTP_FIELD_OTHER);
}

static void test_find_gives_the_first(void **state)
{
    const struct tn_http_head *head =
        parsed("GET / HTTP/1.1\r\nhost: a\r\nX-A: 1\r\nx-a: 2\r\nAccept: b\r\n\r\n");
    const struct tn_http_field *field = tn_http_find(head, TN_HTTP_FIELD_ACCEPT);

    (void)state;
    assert_non_null(field);
    assert_true(tn_str_equal(tn_http_view(head, field->value), TN_STR("b")));
    assert_null(tn_http_find(head, TN_HTTP_FIELD_COOKIE));
    assert_int_equal(tn_http_find_name(head, TN_STR("X-a"), &field), 2);
    assert_true(tn_str_equal(tn_http_view(head, field->value), TN_STR("1")));
    assert_true(tn_str_equal(tn_http_view(head, field->name), TN_STR("X-A"))); /* as it was sent */
    assert_int_equal(tn_http_find_name(head, TN_STR("X_A"), &field), 0);
    assert_null(field);
    assert_int_equal(tn_http_find_name(head, TN_STR("HOST"), NULL), 1);
}

static void test_find_cookie(void **state)
{
    const struct tn_http_head *head =
        parsed("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; b=\"2\" ;c=; turnout=x=y;flag; =z\r\n"
               "Cookie: a=3;B=4\r\n\r\n");
    struct tn_str value = TN_STR("untouched");

    (void)state;
    assert_int_equal(tn_http_find_cookie(head, TN_STR("missing"), &value), 0);
    assert_true(tn_str_equal(value, TN_STR("untouched")));
    assert_int_equal(tn_http_find_cookie(head, TN_STR("a"), &value), 2);
    assert_true(tn_str_equal(value, TN_STR("1")));
    assert_int_equal(tn_http_find_cookie(head, TN_STR("b"), &value), 1);
    assert_true(tn_str_equal(value, TN_STR("\"2\"")));
    assert_int_equal(tn_http_find_cookie(head, TN_STR("B"), &value), 1);
    assert_true(tn_str_equal(value, TN_STR("4")));
    assert_int_equal(tn_http_find_cookie(head, TN_STR("c"), &value), 1);
    assert_int_equal(value.len, 0);
    assert_int_equal(tn_http_find_cookie(head, TN_STR("turnout"), &value), 1);
    assert_true(tn_str_equal(value, TN_STR("x=y")));
    assert_int_equal(tn_http_find_cookie(head, TN_STR("flag"), &value), 0);
    assert_int_equal(tn_http_find_cookie(head, TN_STR(""), &value), 0);
}

static void test_methods(void **state)
{
    static const struct {
        const char *text;
        enum tn_http_method method;
        bool idempotent;
    } cases[] = {
        {"GET", TN_HTTP_GET, true},
        {"HEAD", TN_HTTP_HEAD, true},
        {"POST", TN_HTTP_POST, false},
        {"PUT", TN_HTTP_PUT, true},
        {"DELETE", TN_HTTP_DELETE, true},
        {"OPTIONS", TN_HTTP_OPTIONS, true},
        {"PATCH", TN_HTTP_PATCH, false},
        {"PURGE", TN_HTTP_METHOD_OTHER, false},
        {"LOCK", TN_HTTP_METHOD_OTHER, false},
        {"M-SEARCH", TN_HTTP_METHOD_OTHER, false},
        {"QUERY", TN_HTTP_METHOD_OTHER, false},
        {"ACL", TN_HTTP_METHOD_OTHER, false},
        {"PROPFIND", TN_HTTP_METHOD_OTHER, false},
        {"SEARCH", TN_HTTP_METHOD_OTHER, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct tn_http_head *head;
        char text[64];

        (void)snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].text);
        head = parsed(text);
        assert_int_equal(head->method, cases[i].method);
        assert_true(tn_str_equal(tn_http_view(head, head->method_text), tn_str_of(cases[i].text)));
        assert_int_equal(tn_http_is_idempotent(head), cases[i].idempotent);
    }
}

static void test_has_body(void **state)
{
    struct tn_http_head head = {.content_length = -1};

    (void)state;
    assert_false(tn_http_has_body(&head));
    head.content_length = 0;
    assert_false(tn_http_has_body(&head));
    head.content_length = 1;
    assert_true(tn_http_has_body(&head));
    head.bodyless = true;
    assert_false(tn_http_has_body(&head));
    head = (struct tn_http_head){.content_length = -1, .chunked = true};
    assert_true(tn_http_has_body(&head));
    head = (struct tn_http_head){.content_length = -1, .until_close = true};
    assert_true(tn_http_has_body(&head));
}

static void test_values_are_trimmed(void **state)
{
    const struct tn_http_head *head =
        parsed("GET / HTTP/1.1\r\nHost: a\r\nA:\t b c \t \r\nB:\r\nC: \t\r\nD:d\r\n\r\n");
    static const char *const values[] = {"a", "b c", "", "", "d"};

    (void)state;
    assert_int_equal(head->field_count, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_true(tn_str_equal(tn_http_view(head, head->fields[i].value), tn_str_of(values[i])));
}

static void test_keep_alive_of_requests(void **state)
{
    (void)state;
    assert_true(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->keep_alive);
    assert_false(parsed("GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n")->keep_alive);
    assert_false(
        parsed("GET / HTTP/1.1\r\nHost: a\r\nConnection: a ,close\t, b\r\n\r\n")->keep_alive);
    assert_false(parsed("GET / HTTP/1.0\r\nHost: a\r\n\r\n")->keep_alive);
    assert_true(parsed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")->keep_alive);
    assert_false(parsed("GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n")->keep_alive);
}

static void test_upgrade_only_where_it_may_be(void **state)
{
#define UPGRADE(version, connection, lines)                                                        \
    parsed("GET / HTTP/1." version "\r\nHost: a\r\nConnection: " connection "\r\n" lines "\r\n")   \
        ->upgrade
    (void)state;
    assert_true(UPGRADE("1", "Upgrade", "Upgrade: websocket\r\n"));
    assert_true(UPGRADE("1", "keep-alive, upgrade", "Upgrade: WebSocket\r\n"));
    assert_false(UPGRADE("1", "upgrade", ""));
    assert_false(UPGRADE("1", "keep-alive", "Upgrade: websocket\r\n"));
    assert_false(UPGRADE("0", "upgrade", "Upgrade: websocket\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: h2c\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: websocket, H2C\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: websocket\r\nUpgrade: h2c-14\r\n"));
    assert_true(UPGRADE("1", "upgrade", "Upgrade: a/1.0, , b\r\nUpgrade: c\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade:\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: ,\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: web socket\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: \xa0websocket\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: websocket: h2c\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: /1\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: a/\r\n"));
    assert_false(UPGRADE("1", "upgrade", "Upgrade: a/1/2\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field_id_knows_every_name_in_any_case),
        cmocka_unit_test(test_field_id_knows_nothing_else),
        cmocka_unit_test(test_field_id_of_our_own_fields),
        cmocka_unit_test(test_find_gives_the_first),
        cmocka_unit_test(test_find_cookie),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_has_body),
        cmocka_unit_test(test_values_are_trimmed),
        cmocka_unit_test(test_keep_alive_of_requests),
        cmocka_unit_test(test_upgrade_only_where_it_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
