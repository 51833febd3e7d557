#include "lib/http/target.h"
#include "tests/unit/http/feed.h"

#include <stdio.h>

static void test_authority_accepted(void **state)
{
    static const char *const cases[] = {
        "a",
        "a.b",
        "a:80",
        "a:",
        "127.0.0.1:65535",
        "[::1]",
        "[::1]:80",
        "[2001:db8::1]:0",
        "A-b_c",
        "a.b.",
        "a:9",
        "[::]",
        "[::]:1",
        "[1:2:3:4:5:6:7:8]",
        "[1:2:3:4:5:6:7::]",
        "[A:F::a:f]",
        "0.9.A.Z.a.z",
        "xn--mnchen-3ya.de",
        "12345",
        "app-blue:5000",
        "[::ffff:127.0.0.1]",
        "[::1]:",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!tn_http_is_authority(tn_str_of(cases[i])))
            fail_msg("refused: %s", cases[i]);
    }
}

static void test_authority_refused(void **state)
{
    static const char *const cases[] = {
        "a%41",
        "%c3%bc",
        "a~",
        "a!b",
        "a$b",
        "a&b",
        "a'b",
        "a(b",
        "a)b",
        "a*b",
        "a+b",
        "a;b",
        "a=b",
        "a..b",
        ".a",
        ".",
        "..",
        ".:80",
        "",
        ":80",
        "a:b",
        "a:-1",
        "a:65536",
        "a:000080",
        "a:1:2",
        "u@a",
        "u:p@a",
        "a/b",
        "a?b",
        "a#b",
        "a b",
        "a,b",
        "a\\b",
        "a\tb",
        "a%",
        "a%4",
        "a%g1",
        "[::ab",
        "[::1]x",
        "[g::]",
        "[1:2]:",
        "a%4g",
        "a\"b",
        "a<b",
        "a|b",
        "a^b",
        "[::1",
        "::1",
        "[]",
        "[a]",
        "[::1]a",
        "[:::::::::]",
        "[fe80::1%25eth0]",
        "[v1.x:y]",
        "]",
        "[",
        "a]",
        "[::1]]",
        "\xc3\xbc",
        "a\x7f",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (tn_http_is_authority(tn_str_of(cases[i])))
            fail_msg("accepted: %s", cases[i]);
    }
}

static void test_authority_has_a_length(void **state)
{
    char text[TN_HTTP_AUTHORITY_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_true(tn_http_is_authority((struct tn_str){text, TN_HTTP_AUTHORITY_MAX}));
    assert_false(tn_http_is_authority((struct tn_str){text, TN_HTTP_AUTHORITY_MAX + 1}));
}

static const struct tn_http_head *split(const char *method, const char *target)
{
    static struct feed_result result;
    char text[256];
    struct feed_input input = {.bytes = text};

    input.len =
        (size_t)snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, target);
    feed(&input, input.len, 1, &result);
    return result.has_head ? &result.head : NULL;
}

static void assert_view(const struct tn_http_head *head, struct tn_http_slice slice,
                        const char *want)
{
    assert_non_null(head);
    assert_int_equal(slice.len, strlen(want));
    assert_memory_equal(head->base + slice.offset, want, slice.len);
}

static void test_target_is_split(void **state)
{
    static const struct {
        const char *method, *text, *target, *path, *query, *authority;
    } cases[] = {
        {"GET", "/", "/", "/", "", "a"},
        {"GET", "/a/b", "/a/b", "/a/b", "", "a"},
        {"GET", "/a?", "/a?", "/a", "", "a"},
        {"GET", "/a?b=c?d/e", "/a?b=c?d/e", "/a", "b=c?d/e", "a"},
        {"GET", "/?b", "/?b", "/", "b", "a"},
        {"GET", "//a//b", "//a//b", "//a//b", "", "a"},
        {"GET", "/http://b/", "/http://b/", "/http://b/", "", "a"},
        {"GET", "/%7Bx%7D/%zz%", "/%7Bx%7D/%zz%", "/%7Bx%7D/%zz%", "", "a"},
        {"GET", "/..;/../a", "/..;/../a", "/..;/../a", "", "a"},
        {"OPTIONS", "*", "*", "*", "", "a"},
        {"OPTIONS", "/x", "/x", "/x", "", "a"},
        {"GET", "http://b/x?y", "/x?y", "/x", "y", "b"},
        {"GET", "http://b:80", "/", "/", "", "b:80"},
        {"GET", "https://[::1]?y", "?y", "/", "y", "[::1]"},
        {"OPTIONS", "http://b", "", "/", "", "b"},
        {"OPTIONS", "http://b?y", "?y", "/", "y", "b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct tn_http_head *head = split(cases[i].method, cases[i].text);

        if (!head)
            fail_msg("refused: %s", cases[i].text);
        assert_view(head, head->target, cases[i].target);
        assert_view(head, head->path, cases[i].path);
        assert_view(head, head->query, cases[i].query);
        assert_view(head, head->authority, cases[i].authority);
    }
}

/* Every visible byte, in a path and in a query. The table is written out a second time here. */
static void test_target_bytes(void **state)
{
    (void)state;
    for (int c = 0x21; c < 0x7f; c++) {
        char path[] = "/a?b", query[] = "/a?b&";
        bool never = strchr("\"#<>", c) != NULL;

        path[2] = (char)c;
        query[4] = (char)c;
        if ((split("GET", path) != NULL) != !(never || c == '\\'))
            fail_msg("path with %c", c);
        if ((split("GET", query) != NULL) != !never)
            fail_msg("query with %c", c);
    }
}

static void test_target_without_an_encoded_nul(void **state)
{
    (void)state;
    assert_null(split("GET", "/%00"));
    assert_null(split("GET", "/a%00?b"));
    assert_null(split("GET", "/%%00b"));
    assert_null(split("GET", "/%20%00"));
    assert_null(split("GET", "http://h/%00"));
    assert_non_null(split("GET", "/%0"));
    assert_non_null(split("GET", "/%01%0"));
    assert_non_null(split("GET", "/%"));
    assert_non_null(split("GET", "/0%0?0"));
    assert_non_null(split("GET", "/?%00"));
}

static void test_target_that_is_none(void **state)
{
    static const char *const cases[] = {
        "*",
        "x",
        "?x",
        "a:80",
        "http:/b",
        "http:b",
        "http://",
        "http:///x",
        "http://?x",
        "ws://b/",
        "://b/",
        "http://b\\@c/",
        "http://b:99999/",
        "http://b:8 0/",
        "http://u@b/",
        "http://a_b/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (split("GET", cases[i]))
            fail_msg("accepted: %s", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authority_accepted),
        cmocka_unit_test(test_authority_refused),
        cmocka_unit_test(test_authority_has_a_length),
        cmocka_unit_test(test_target_is_split),
        cmocka_unit_test(test_target_bytes),
        cmocka_unit_test(test_target_without_an_encoded_nul),
        cmocka_unit_test(test_target_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
