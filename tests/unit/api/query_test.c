#include "lib/api/query.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* All pairs as "name=value|"; an error as its number. */
static void expect(const char *query, const char *expected)
{
    struct tn_str rest = tn_str_of(query);
    char found[256] = "";
    char buffer[32];
    const char *name;
    const char *value;
    int r;

    while ((r = tn_api_query_next(&rest, buffer, sizeof(buffer), &name, &value)) == 1) {
        size_t used = strlen(found);

        snprintf(found + used, sizeof(found) - used, "%s=%s|", name, value);
    }
    if (r == -EINVAL)
        strcat(found, "invalid");
    if (r == -ENOBUFS)
        strcat(found, "too long");
    assert_string_equal(found, expected);
}

static void test_query_pairs_in_order(void **state)
{
    (void)state;
    expect("", "");
    expect("a=1", "a=1|");
    expect("a=1&b=2&a=3", "a=1|b=2|a=3|");
    expect("a&b=", "a=|b=|");
    expect("a=b=c", "a=b=c|");
    expect("&&a=1&&b=2&", "a=1|b=2|");
    expect("=x", "=x|");
}

static void test_query_decodes(void **state)
{
    (void)state;
    expect("header=X-User:%207", "header=X-User: 7|");
    expect("a=1+2%2B3", "a=1 2+3|");
    expect("p=%2Fx%3Fy%26z", "p=/x?y&z|");
    expect("%61%62=c", "ab=c|");
    expect("a=%c3%A9", "a=\xc3\xa9|");
}

static void test_query_bad_escapes_are_refused(void **state)
{
    (void)state;
    expect("a=%", "invalid");
    expect("a=%4", "invalid");
    expect("a=%4g", "invalid");
    expect("a=%00", "invalid");
    expect("ok=1&%zz=2", "ok=1|invalid");
}

static void test_query_pair_must_fit(void **state)
{
    (void)state;
    /* 32 bytes: name, terminator, value, terminator */
    expect("aaaaaaaaaaaaaaa=bbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaa=bbbbbbbbbbbbbbb|");
    expect("aaaaaaaaaaaaaaa=bbbbbbbbbbbbbbbb", "too long");
    expect("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=b", "too long");
    expect("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_pairs_in_order),
        cmocka_unit_test(test_query_decodes),
        cmocka_unit_test(test_query_bad_escapes_are_refused),
        cmocka_unit_test(test_query_pair_must_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
